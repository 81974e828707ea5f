/** Content codings in and out, with bounded output. zlib and zstd are Node's own. */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { BufferPool, MessageBuffer } from "#wire";
import {
  blockLength,
  type BlockEncoder,
  decodeBlock,
  decodeFramed,
  encodeFramed,
  framedLength,
  isFramedSnappy,
  loadBlockEncoder,
} from "./snappy.ts";
import type { Compression } from "./types.ts";

/** Why a message couldn't be inflated. */
export type InflateProblem =
  { readonly kind: "too large"; readonly limitBytes: number } | { readonly kind: "corrupt"; readonly message: string };

/** What `inflate` gives: a buffer that the caller owns, or the problem. */
export type Inflated = MessageBuffer | InflateProblem;

/** Whether `inflate` failed. */
export function isInflateProblem(inflated: Inflated): inflated is InflateProblem {
  return "kind" in inflated;
}

/**
 * Below this many compressed bytes the event loop inflates and deflates itself: handing 16 KB to the thread pool costs
 * half as much again as the work (gunzip 239 MB/s here, 152 there). Above, 1.2 MB would block others for 4 to 30 ms.
 */
const SYNC_BELOW_BYTES = 64 << 10;

type Codec = "gzip" | "zlib" | "zstd";

const CODECS: Readonly<Partial<Record<Compression, Codec>>> = {
  gzip: "gzip",
  // RFC 9110: "deflate" is the zlib format.
  deflate: "zlib",
  zlib: "zlib",
  zstd: "zstd",
};

const INFLATE = {
  gzip: { sync: zlib.gunzipSync, async: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip) },
  zlib: { sync: zlib.inflateSync, async: promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate) },
  zstd: {
    sync: zlib.zstdDecompressSync,
    async: promisify<Uint8Array, zlib.ZstdOptions, Uint8Array>(zlib.zstdDecompress),
  },
};

/**
 * Inflates `input` into a buffer from `buffers`. Never gives more than `limitBytes`. Small inputs are done at once, so
 * the result is a promise only for large ones; `input` must stay as it is until then.
 */
export function inflate(
  input: Uint8Array,
  compression: Exclude<Compression, "none">,
  limitBytes: number,
  buffers: BufferPool,
): Inflated | Promise<Inflated> {
  const codec = CODECS[compression];
  if (codec === undefined) return inflateSnappy(input, limitBytes, buffers);
  if (input.length >= SYNC_BELOW_BYTES) return inflateLarge(input, codec, limitBytes, buffers);
  try {
    return buffers.copyOf(INFLATE[codec].sync(input, inflateOptions(input, codec, limitBytes)));
  } catch (error) {
    return problemFrom(error, limitBytes);
  }
}

async function inflateLarge(
  input: Uint8Array,
  codec: Codec,
  limitBytes: number,
  buffers: BufferPool,
): Promise<Inflated> {
  try {
    return buffers.copyOf(await INFLATE[codec].async(input, inflateOptions(input, codec, limitBytes)));
  } catch (error) {
    return problemFrom(error, limitBytes);
  }
}

function inflateOptions(input: Uint8Array, codec: Codec, limitBytes: number): zlib.ZlibOptions & zlib.ZstdOptions {
  // maxOutputLength 0 is refused by Node.
  const maxOutputLength = Math.max(1, limitBytes);
  if (codec === "zstd") {
    // The frame says how much history it needs, up to 2 GiB; no more than the message or RFC 8878's 8 MiB.
    const windowLog = Math.min(27, Math.max(23, Math.ceil(Math.log2(maxOutputLength))));
    return { maxOutputLength, params: { [zlib.constants.ZSTD_d_windowLogMax]: windowLog } };
  }
  return { maxOutputLength, chunkSize: chunkSize(input, codec, limitBytes) };
}

/**
 * How much zlib allocates at a time; the right guess saves a concatenation and a quarter of the time. gzip ends with the
 * length of its content (RFC 1952, ISIZE), believed up to 16 times the input.
 */
function chunkSize(input: Uint8Array, codec: Codec, limitBytes: number): number {
  const end = input.length;
  const told =
    codec === "gzip" && end >= 18
      ? (input[end - 4]! | (input[end - 3]! << 8) | (input[end - 2]! << 16) | (input[end - 1]! << 24)) >>> 0
      : end * 4;
  return Math.max(1024, Math.min(told + 1, end * 16, limitBytes + 1));
}

function problemFrom(error: unknown, limitBytes: number): InflateProblem {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_BUFFER_TOO_LARGE") return { kind: "too large", limitBytes };
  return { kind: "corrupt", message };
}

function inflateSnappy(input: Uint8Array, limitBytes: number, buffers: BufferPool): Inflated {
  let output: MessageBuffer | undefined;
  try {
    const framed = isFramedSnappy(input);
    const { length, offset } = framed ? { length: framedLength(input), offset: 0 } : blockLength(input);
    if (length > limitBytes) return { kind: "too large", limitBytes };
    // A byte of a block makes at most 64/3 bytes, so a bold claim doesn't get its buffer.
    if (length > input.length * 22) return { kind: "corrupt", message: "snappy: claims more than it can hold" };
    output = buffers.take(length);
    if (framed) decodeFramed(input, output.bytes);
    else decodeBlock(input, offset, output.bytes);
    return output;
  } catch (error) {
    output?.release();
    return { kind: "corrupt", message: (error as Error).message };
  }
}

/** Compresses messages; made once per client. */
export interface Deflater {
  /** Into a pooled buffer that the caller owns. `input` must stay as it is until the promise settles. */
  deflate(input: Uint8Array): Promise<MessageBuffer>;
}

/** What a client is told about its compression. */
export interface DeflaterSettings {
  readonly compression: Exclude<Compression, "none">;
  readonly level?: number | undefined;
  /** Send `snappy` framed, as gRPC's Go implementations read it; HTTP's `snappy` is one block. */
  readonly framedSnappy?: boolean;
}

/**
 * What gzip, deflate and zlib use when no level is asked for. Level 6, zlib's own default, takes 1.6 times the CPU for
 * nothing: on 1.2 MB of profiles both come to a ratio of 2.50 (level 6 of Go's compress/gzip: 2.59).
 */
const DEFAULT_ZLIB_LEVEL = 5;
/** Another 8 % faster than zlib's default of 8, for 128 KiB more while a message is compressed. */
const ZLIB_MEM_LEVEL = 9;

/** Makes the compressing side of a client. zstd without a level uses 3, the library's default. */
export function createDeflater(settings: DeflaterSettings, buffers: BufferPool): Deflater {
  const { compression, level } = settings;
  if (compression === "snappy" || compression === "x-snappy-framed") {
    const framed = compression === "x-snappy-framed" || settings.framedSnappy === true;
    let encoder: BlockEncoder | undefined;
    return {
      async deflate(input) {
        const encode = (encoder ??= await loadBlockEncoder());
        return buffers.copyOf(framed ? encodeFramed(input, encode) : encode(input));
      },
    };
  }
  const work = compression === "zstd" ? zstdWork(level ?? 3) : zlibWork(compression, level ?? DEFAULT_ZLIB_LEVEL);
  return {
    async deflate(input) {
      return buffers.copyOf(input.length < SYNC_BELOW_BYTES ? work.sync(input) : await work.async(input));
    },
  };
}

interface DeflateWork {
  sync(input: Uint8Array): Uint8Array;
  async(input: Uint8Array): Promise<Uint8Array>;
}

function zlibWork(compression: "gzip" | "deflate" | "zlib", level: number): DeflateWork {
  const [sync, callback] = compression === "gzip" ? [zlib.gzipSync, zlib.gzip] : [zlib.deflateSync, zlib.deflate];
  const async = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(callback);
  const options = (input: Uint8Array): zlib.ZlibOptions => ({
    level,
    memLevel: ZLIB_MEM_LEVEL,
    chunkSize: Math.max(1024, input.length >>> 1),
  });
  return { sync: (input) => sync(input, options(input)), async: (input) => async(input, options(input)) };
}

function zstdWork(level: number): DeflateWork {
  const options: zlib.ZstdOptions = { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } };
  const async = promisify<Uint8Array, zlib.ZstdOptions, Uint8Array>(zlib.zstdCompress);
  return { sync: (input) => zlib.zstdCompressSync(input, options), async: (input) => async(input, options) };
}
