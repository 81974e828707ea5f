import { constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { ParseError } from "#wire";

/** What a compressed file may grow to unless told otherwise: far above real profiles, far below a machine's memory. */
export const DEFAULT_MAX_INFLATED_BYTES = 2 ** 30;

/** Compressed bytes that `inflateHead` looks at; gzip inflates them to 16 MiB at the very most. */
const HEAD_BYTES = 16 << 10;

/** Takes the compression off, up to `maxBytes`; bytes with neither gzip's nor zstd's magic come back as they are. */
export function inflate(bytes: Uint8Array, maxBytes = DEFAULT_MAX_INFLATED_BYTES): Uint8Array | ParseError {
  const kind = compressionOf(bytes);
  if (kind === undefined) return bytes;
  try {
    const options = { maxOutputLength: maxBytes };
    return kind === "gzip" ? gunzipSync(bytes, options) : zstdDecompressSync(bytes, options);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ERR_BUFFER_TOO_LARGE") return new ParseError(`inflates to more than ${maxBytes} bytes`, kind);
    return new ParseError(error instanceof Error ? error.message : String(error), kind);
  }
}

/** The first bytes of what is inside: enough to tell a format. Empty where it cannot be inflated. */
export function inflateHead(bytes: Uint8Array): Uint8Array {
  const kind = compressionOf(bytes);
  const head = bytes.subarray(0, HEAD_BYTES);
  if (kind === undefined) return head;
  try {
    // Flushing instead of finishing: the stream is cut off, which is no error here.
    if (kind === "gzip") return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
    return zstdDecompressSync(head, { finishFlush: constants.ZSTD_e_flush });
  } catch {
    return new Uint8Array(0);
  }
}

/** What the magic says: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1. */
export function compressionOf(bytes: Uint8Array): "gzip" | "zstd" | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd";
  return undefined;
}
