import { closeSync, openSync, readSync } from "node:fs";

const BLOCK_BYTES = 4096;
/** No architecture has user space beyond. */
const LAST_ADDRESS = 2 ** 56;

/**
 * Blocks of other processes' memory, shared by all readers, so that structures which lie together cost one read.
 * Direct-mapped: each block of a process has one place, and whoever comes later takes it. 256 KiB unless told.
 */
export class MemoryBlocks {
  readonly #count: number;
  readonly #bytes: Buffer;
  readonly #lengths: Uint16Array;
  /** What a place holds: which reader's, and the address. Reader 0 is nobody. */
  readonly #readers: Uint32Array;
  readonly #addresses: Float64Array;
  #lastReader = 0;

  constructor(count = 64) {
    this.#count = count;
    this.#bytes = Buffer.alloc(count * BLOCK_BYTES);
    this.#lengths = new Uint16Array(count);
    this.#readers = new Uint32Array(count);
    this.#addresses = new Float64Array(count);
  }

  /** @internal A number for a reader. Taking a new one forgets what was read under the old. */
  newReader(): number {
    return ++this.#lastReader;
  }

  /** @internal The bytes of the block at `address`, a multiple of its size; fewer where the memory ends. */
  block(reader: number, fd: number, address: number): Buffer {
    const place = (address / BLOCK_BYTES + reader * 7) % this.#count;
    const start = place * BLOCK_BYTES;
    if (this.#readers[place] !== reader || this.#addresses[place] !== address) {
      this.#readers[place] = reader;
      this.#addresses[place] = address;
      this.#lengths[place] = readQuietly(fd, this.#bytes, start, address);
    }
    return this.#bytes.subarray(start, start + this.#lengths[place]!);
  }
}

/**
 * Memory of another process, by address, as it is at the moment; nothing read can be trusted. The descriptor holds on to
 * the memory of the program that ran when it was opened: after exec or exit reads give nothing, and a process that got
 * the same pid is never read by mistake. Whoever opens it closes it.
 */
export class ProcessMemory {
  readonly #fd: number;
  readonly #blocks: MemoryBlocks;
  #reader: number;
  #open = true;

  private constructor(fd: number, blocks: MemoryBlocks) {
    this.#fd = fd;
    this.#blocks = blocks;
    this.#reader = blocks.newReader();
  }

  /** Needs CAP_SYS_PTRACE for processes of others. Undefined if the process is gone or may not be looked at. */
  static open(pid: number, blocks: MemoryBlocks): ProcessMemory | undefined {
    try {
      return new ProcessMemory(openSync(`/proc/${pid}/mem`, "r"), blocks);
    } catch {
      return undefined;
    }
  }

  /**
   * Fills `target` from `address` on. What was read before since the last `forget` is not read again.
   *
   * @returns bytes read; fewer than asked for where the memory ends or can't be read
   */
  read(target: Uint8Array, address: number): number {
    if (!this.#open || !Number.isSafeInteger(address) || address < 0) return 0;
    let filled = 0;
    while (filled < target.length && address + filled < LAST_ADDRESS) {
      const at = address + filled;
      const blockStart = at - (at % BLOCK_BYTES);
      const block = this.#blocks.block(this.#reader, this.#fd, blockStart);
      const from = at - blockStart;
      const length = Math.min(block.length - from, target.length - filled);
      if (length <= 0) break;
      target.set(block.subarray(from, from + length), filled);
      filled += length;
    }
    return filled;
  }

  /** Forgets what was read: memory changes, so each flush reads anew. */
  forget(): void {
    this.#reader = this.#blocks.newReader();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

function readQuietly(fd: number, bytes: Buffer, start: number, address: number): number {
  try {
    return readSync(fd, bytes, start, BLOCK_BYTES, address);
  } catch {
    // EIO for memory that isn't there.
    return 0;
  }
}
