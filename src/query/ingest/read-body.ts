import zlib from "node:zlib";
import { promisify } from "node:util";
import { QueryError } from "../query-error.ts";

/** What a body may be. */
export interface BodyLimits {
  /** As sent. */
  readonly maxBytes: number;
  /** Once decompressed. */
  readonly maxInflatedBytes: number;
}

export const DEFAULT_BODY_LIMITS: BodyLimits = { maxBytes: 64 << 20, maxInflatedBytes: 256 << 20 };

const INFLATE: Readonly<Record<string, (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array>>> = {
  gzip: (bytes, maxOutputLength) => promisify(zlib.gunzip)(bytes, { maxOutputLength }),
  deflate: (bytes, maxOutputLength) => promisify(zlib.inflate)(bytes, { maxOutputLength }),
  zstd: (bytes, maxOutputLength) => promisify(zlib.zstdDecompress)(bytes, { maxOutputLength }),
};

/** The body of a request with its `Content-Encoding` taken off. @throws QueryError "too-large", "invalid" */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const body = await readAll(request, limits.maxBytes);
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return body;
  const inflate = INFLATE[encoding];
  if (!inflate) {
    throw new QueryError(
      "invalid",
      `the encoding ${encoding.slice(0, 32)} is not known`,
      "Send gzip, zstd or deflate.",
    );
  }
  try {
    return await inflate(body, limits.maxInflatedBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limits.maxInflatedBytes);
    throw new QueryError("invalid", `the body is no ${encoding}`, "Send it whole, or without Content-Encoding.", {
      cause: error,
    });
  }
}

async function readAll({ body, headers }: Request, maxBytes: number): Promise<Uint8Array> {
  if (Number(headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (!body) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): QueryError {
  return new QueryError("too-large", `the body is larger than ${maxBytes} bytes`, "Send it in parts.");
}
