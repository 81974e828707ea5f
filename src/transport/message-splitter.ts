/** Why the bytes of a stream are no messages. */
export type SplitProblem = "too large" | "compressed" | "bad flag";

const PREFIX_BYTES = 5;

/**
 * Cuts a stream into its length-prefixed messages. Holds at most one of them, and only while it comes in pieces; memory grows
 * with what has come, not with what was announced.
 */
export class MessageSplitter {
  readonly #limitBytes: number;
  readonly #onMessage: (message: Uint8Array) => void;
  /** What has come of the prefix and the message that are not complete. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;

  constructor(limitBytes: number, onMessage: (message: Uint8Array) => void) {
    this.#limitBytes = limitBytes;
    this.#onMessage = onMessage;
  }

  /** Whether a message has begun that isn't complete. */
  get isWithin(): boolean {
    return this.#heldBytes > 0;
  }

  /** Takes `chunk[start, end)` and hands over each message that is complete. After a problem the stream is of no use. */
  push(chunk: Uint8Array, start: number, end: number): SplitProblem | undefined {
    let from = start;
    while (from < end) {
      if (this.#heldBytes === 0) {
        const length = end - from < PREFIX_BYTES ? undefined : this.#lengthOf(chunk, from);
        if (typeof length === "string") return length;
        if (length !== undefined && end - from >= PREFIX_BYTES + length) {
          from += PREFIX_BYTES + length;
          this.#onMessage(chunk.subarray(from - length, from));
          continue;
        }
      }
      const wanted = this.#wanted();
      if (typeof wanted === "string") return wanted;
      const taken = Math.min(end - from, wanted - this.#heldBytes);
      this.#hold(chunk, from, from + taken);
      from += taken;
      const complete = this.#wanted();
      if (typeof complete === "string") return complete;
      if (this.#heldBytes < PREFIX_BYTES || this.#heldBytes < complete) continue;
      const message = this.#held.subarray(PREFIX_BYTES, this.#heldBytes);
      this.#heldBytes = 0;
      this.#held = Buffer.alloc(0);
      this.#onMessage(message);
    }
    return undefined;
  }

  /** Bytes of prefix and message, as far as the prefix is known. */
  #wanted(): number | SplitProblem {
    if (this.#heldBytes < PREFIX_BYTES) return PREFIX_BYTES;
    const length = this.#lengthOf(this.#held, 0);
    return typeof length === "string" ? length : PREFIX_BYTES + length;
  }

  #lengthOf(bytes: Uint8Array, at: number): number | SplitProblem {
    const flag = bytes[at]!;
    if (flag > 1) return "bad flag";
    if (flag === 1) return "compressed";
    const length = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
    return length > this.#limitBytes ? "too large" : length;
  }

  #hold(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#heldBytes + to - from;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#held.length, 512));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    this.#held.set(chunk.subarray(from, to), this.#heldBytes);
    this.#heldBytes = needed;
  }
}
