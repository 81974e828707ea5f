import { Readable } from "node:stream";
import * as zlib from "node:zlib";
import { ByteStream, chunkSource, type ByteSource } from "./byte-stream.ts";

/** Content codings of files and bodies. */
export type Coding = "gzip" | "zstd" | "deflate";

/** Which coding the bytes begin with, by their magic number (RFC 1952, RFC 8878). */
export function codingOf(bytes: Uint8Array): Coding | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd";
  return undefined;
}

/** Compressed bytes cannot be read. The message tells a user why. */
export class InflateError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InflateError";
  }
}

/** Inflates while it is read: no more is inflated than is taken. Damage is thrown as InflateError where it is met. */
export function inflating(stream: ByteStream, coding: Coding): ByteStream {
  const inflater = coding === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress();
  const source = Readable.from(chunksOf(stream), { objectMode: false });
  source.on("error", (error) => inflater.destroy(error));
  const inflated = chunkSource(source.pipe(inflater) as AsyncIterable<Uint8Array>);
  const checked: ByteSource = async (into) => {
    try {
      return await inflated(into);
    } catch (error) {
      throw inflateError(coding, error);
    }
  };
  return new ByteStream(checked);
}

async function* chunksOf(stream: ByteStream): AsyncGenerator<Uint8Array> {
  while (!(await stream.atEnd())) yield await stream.take(64 << 10);
}

const INFLATE: Readonly<Record<Coding, (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array>> = {
  gzip: zlib.gunzipSync,
  zstd: zlib.zstdDecompressSync,
  deflate: zlib.inflateSync,
};

/** Inflates bytes that are there; never to more than `limit`. Throws InflateError. */
export function inflated(bytes: Uint8Array, coding: Coding, limit: number): Uint8Array {
  try {
    return INFLATE[coding](bytes, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new InflateError(`${coding} data inflates to more than ${limit} bytes`, { cause: error });
    }
    throw inflateError(coding, error);
  }
}

function inflateError(coding: Coding, error: unknown): InflateError {
  if (error instanceof InflateError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (!/^Z_|^ZSTD|^ERR_/.test(code)) throw error;
  const cut = code === "Z_BUF_ERROR" || /unexpected end|src size/i.test((error as Error).message);
  return new InflateError(cut ? `${coding} data ends too early` : `${coding} data is damaged`, { cause: error });
}
