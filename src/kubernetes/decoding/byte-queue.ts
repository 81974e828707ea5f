import { ApiFormatError } from "../errors.ts";

const FIRST_CAPACITY = 64 << 10;

/**
 * Bytes that have arrived and aren't read yet, in one piece. Readers look at `bytes[start, end)` and move `start`;
 * what they saw may be overwritten by the next `append`.
 */
export class ByteQueue {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  start = 0;
  end = 0;
  readonly #limit: number;
  readonly #what: string;

  /**
   * @param limit most bytes that may wait; more throws `ApiFormatError`, so that one message can't take all memory
   * @param what the message that is too long then, for the error
   */
  constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  get length(): number {
    return this.end - this.start;
  }

  append(chunk: Uint8Array): void {
    const waiting = this.end - this.start;
    const needed = waiting + chunk.length;
    if (needed > this.bytes.length - this.start) {
      if (needed > this.#limit) throw new ApiFormatError(`${this.#what} is longer than ${this.#limit} bytes`);
      let target = this.bytes;
      if (needed > target.length) target = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(needed)));
      this.bytes.copy(target, 0, this.start, this.end);
      this.bytes = target;
      this.start = 0;
      this.end = waiting;
    }
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }
}
