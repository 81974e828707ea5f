import type { ByteSource } from "../byte-source.ts";

const BLOCK_BYTES = 4096;
/** 256 KiB for all Go programs together. */
const BLOCKS = 64;

/**
 * Blocks of files, shared by everybody who reads tables in small steps. Each block of a file has one place, which
 * whoever comes later takes over.
 */
class BlockPool {
  readonly #bytes: Uint8Array<ArrayBuffer>[] = [];
  readonly #lengths = new Uint16Array(BLOCKS);
  /** Whose block is there; 0 is nobody's. */
  readonly #owners = new Uint32Array(BLOCKS);
  readonly #numbers = new Float64Array(BLOCKS);
  #lastOwner = 0;

  newOwner(): number {
    return ++this.#lastOwner;
  }

  /** Bytes of a block, fewer where the source ends. Valid until the next call. */
  block(owner: number, source: ByteSource, number: number): Uint8Array {
    const place = (number + owner * 17) % BLOCKS;
    const bytes = (this.#bytes[place] ??= new Uint8Array(BLOCK_BYTES));
    if (this.#owners[place] !== owner || this.#numbers[place] !== number) {
      this.#owners[place] = owner;
      this.#numbers[place] = number;
      this.#lengths[place] = Math.max(0, source.read(bytes, number * BLOCK_BYTES));
    }
    return bytes.subarray(0, this.#lengths[place]);
  }
}

const pool = new BlockPool();
const NOTHING = new Uint8Array(0);

/**
 * Numbers and names in a part of a file, read block by block. What lies outside of the part, or can't be read, is NaN:
 * it makes every comparison false and every sum NaN, so that one look at the end of a computation is enough.
 */
export class PagedBytes {
  readonly #source: ByteSource;
  readonly #start: number;
  readonly #owner = pool.newOwner();
  readonly sizeBytes: number;

  /** Positions count from `start`, the part's position in the file. */
  constructor(source: ByteSource, start: number, sizeBytes: number) {
    this.#source = source;
    this.#start = start;
    this.sizeBytes = sizeBytes;
  }

  /** Bytes from a position on, as many as are at hand: none outside of the part. Valid until anything else is read. */
  window(position: number): Uint8Array {
    if (!(position >= 0 && position < this.sizeBytes)) return NOTHING;
    const at = this.#start + position;
    const inBlock = at % BLOCK_BYTES;
    const block = pool.block(this.#owner, this.#source, (at - inBlock) / BLOCK_BYTES);
    return block.subarray(inBlock, inBlock + this.sizeBytes - position);
  }

  u8(position: number): number {
    return this.window(position)[0] ?? Number.NaN;
  }

  u32(position: number): number {
    const bytes = this.window(position);
    if (bytes.length < 4) return this.#slowU32(position);
    return bytes[0]! + bytes[1]! * 0x100 + bytes[2]! * 0x10000 + bytes[3]! * 0x1000000;
  }

  /** Exact below 2^53. */
  u64(position: number): number {
    return this.u32(position) + this.u32(position + 4) * 0x100000000;
  }

  /** UTF-8 up to a zero byte, or `maxBytes`; undefined if the part ends before. */
  text(position: number, maxBytes: number): string | undefined {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < maxBytes) {
      const window = this.window(position + length);
      if (window.length === 0) return undefined;
      const zero = window.indexOf(0);
      const piece = Buffer.from(window.subarray(0, Math.min(zero < 0 ? window.length : zero, maxBytes - length)));
      if (zero >= 0 && pieces.length === 0) return piece.toString("utf8");
      pieces.push(piece);
      length += piece.length;
      if (zero >= 0) break;
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  /** Across two blocks, or outside of the part. */
  #slowU32(position: number): number {
    let value = 0;
    for (let index = 3; index >= 0; index--) value = value * 256 + this.u8(position + index);
    return value;
  }
}
