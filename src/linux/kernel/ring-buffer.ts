import { mapMemory, PROT_READ, PROT_WRITE, type MemoryMapping } from "../ffi.ts";
import { pageBytes } from "./page-size.ts";

/** Bits of a record's length word (linux/bpf.h). */
const BUSY = 1 << 31;
const DISCARDED = 1 << 30;
/** Length, page offset. */
const RECORD_HEADER_BYTES = 8;
/** Space is given back to the kernel after so many records of a drain, and at its end. */
const GIVE_BACK_EVERY = 64;

/** Where the parts of a ring are; of the kernel's memory, or of a test's. */
export interface RingMemory {
  /** Where user space has read to: 64 bits. */
  readonly consumer: ArrayBuffer;
  /** Where the kernel has written to: 64 bits. */
  readonly producer: ArrayBuffer;
  /** The data, followed by the same memory once more, so that no record is cut in two. */
  readonly data: ArrayBuffer;
}

/**
 * The reading end of a BPF ring buffer, in place: records are looked at where the kernel wrote them.
 *
 * Positions only grow and have 64 bits. The distance between the two is at most the ring's size, so their low halves
 * tell it; the consumer's is kept in full here and stored whole, for the kernel compares all of it.
 */
export class RingReader {
  readonly #consumer: BigUint64Array;
  readonly #producer: Int32Array;
  readonly #lengths: Int32Array;
  readonly #words: Uint32Array;
  readonly #mask: number;
  #position: number;
  /** The lower 32 bits of the position, as a signed number: what the loop calculates with. */
  #low: number;
  #malformed = 0;

  constructor(memory: RingMemory) {
    this.#consumer = new BigUint64Array(memory.consumer, 0, 1);
    this.#producer = new Int32Array(memory.producer, 0, 1);
    this.#lengths = new Int32Array(memory.data);
    this.#words = new Uint32Array(memory.data);
    this.#mask = memory.data.byteLength / 2 - 1;
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#low = (this.#position % 2 ** 32) | 0;
  }

  /** Times that what stood in the ring could not be a record: all that was waiting has been given up each time. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#waiting() === 0;
  }

  /**
   * Hands out the records that wait: the memory, the index of the first 32-bit word, and the bytes. Ends early at a
   * record that is still being written, and after `limit` records.
   *
   * @returns how many were handed out
   */
  drain(visit: (words: Uint32Array, at: number, sizeBytes: number) => void, limit = Infinity): number {
    let count = 0;
    try {
      while (count < limit) {
        const waiting = this.#waiting();
        if (waiting === 0) break;
        const at = this.#low & this.#mask;
        const header = Atomics.load(this.#lengths, at >> 2);
        if (header & BUSY) break;
        const sizeBytes = header & ~DISCARDED;
        const length = (sizeBytes + RECORD_HEADER_BYTES + 7) & ~7;
        if (length > waiting) {
          // Nothing tells where the next record begins.
          this.#malformed++;
          this.#advance(waiting);
          continue;
        }
        this.#advance(length);
        if (!(header & DISCARDED)) {
          count++;
          visit(this.#words, (at + RECORD_HEADER_BYTES) >> 2, sizeBytes);
        }
        if (count % GIVE_BACK_EVERY === 0) this.#giveBack();
      }
    } finally {
      this.#giveBack();
    }
    return count;
  }

  #waiting(): number {
    return (Atomics.load(this.#producer, 0) - this.#low) >>> 0;
  }

  #advance(bytes: number): void {
    this.#position += bytes;
    this.#low = (this.#low + bytes) | 0;
  }

  #giveBack(): void {
    Atomics.store(this.#consumer, 0, BigInt(this.#position));
  }
}

/** A ring buffer's memory in this process. Nothing may be read after `close`. */
export class MappedRing {
  readonly reader: RingReader;
  readonly #mappings: MemoryMapping[] = [];

  /**
   * @param sizeBytes of the ring, as it was made
   * @throws {SystemCallError}
   */
  constructor(fd: number, sizeBytes: number) {
    const page = pageBytes();
    try {
      // One page each for the positions, of which ours is only the first, then the data twice.
      const consumer = this.#map(fd, page, PROT_READ | PROT_WRITE, 0);
      const producer = this.#map(fd, page, PROT_READ, page);
      this.reader = new RingReader({ consumer, producer, data: this.#map(fd, 2 * sizeBytes, PROT_READ, 2 * page) });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const mapping of this.#mappings.splice(0)) mapping.unmap();
  }

  #map(fd: number, sizeBytes: number, protection: number, offset: number): ArrayBuffer {
    const mapping = mapMemory(fd, sizeBytes, protection, offset);
    this.#mappings.push(mapping);
    return mapping.bytes;
  }
}
