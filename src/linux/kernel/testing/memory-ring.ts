import type { RingMemory } from "../ring-buffer.ts";

const BUSY = 2 ** 31;
const DISCARDED = 2 ** 30;

/** The kernel's end of a ring, in this process's memory; both halves of the data are written, as if mapped twice. */
export class MemoryRing {
  readonly memory: RingMemory;
  readonly #data: DataView;
  readonly #sizeBytes: number;
  #position: bigint;

  /** @param start of both positions, to try what happens far from zero */
  constructor(sizeBytes: number, start = 0n) {
    this.memory = {
      consumer: new ArrayBuffer(8),
      producer: new ArrayBuffer(8),
      data: new ArrayBuffer(2 * sizeBytes),
    };
    this.#data = new DataView(this.memory.data);
    this.#sizeBytes = sizeBytes;
    this.#position = start;
    new BigUint64Array(this.memory.consumer)[0] = start;
    this.#publish();
  }

  get consumed(): bigint {
    return new BigUint64Array(this.memory.consumer)[0]!;
  }

  /** Writes a record; returns false, like the kernel, if there is no room. */
  write(bytes: Uint8Array, state: "done" | "busy" | "discarded" = "done", claimedBytes = bytes.length): boolean {
    const length = (bytes.length + 8 + 7) & ~7;
    if (this.#position + BigInt(length) - this.consumed > BigInt(this.#sizeBytes)) return false;
    const at = Number(this.#position % BigInt(this.#sizeBytes));
    const flags = { done: 0, busy: BUSY, discarded: DISCARDED }[state];
    for (let index = 0; index < 8; index += 4) this.#set32(at + index, index === 0 ? flags + claimedBytes : 0);
    for (const [index, byte] of bytes.entries()) this.#set8(at + 8 + index, byte);
    this.#position += BigInt(length);
    this.#publish();
    return true;
  }

  #publish(): void {
    new BigUint64Array(this.memory.producer)[0] = this.#position;
  }

  #set32(at: number, value: number): void {
    for (let byte = 0; byte < 4; byte++) this.#set8(at + byte, (value >>> (8 * byte)) & 0xff);
  }

  #set8(at: number, value: number): void {
    const once = at % this.#sizeBytes;
    this.#data.setUint8(once, value);
    this.#data.setUint8(once + this.#sizeBytes, value);
  }
}
