import type { BufferPool, MessageBuffer } from "#wire";
import type { InflightBudget } from "./listener.ts";

/** Why a message can't be taken. */
export type AssemblyProblem = "too large" | "bad flag" | "compressed without encoding" | "trailing bytes" | "no room";

const PREFIX_BYTES = 5;

/**
 * Puts together the one length-prefixed message of a unary call from the pieces that the connection gives, copying each
 * once into a pooled buffer of the announced size. Pieces may cut the prefix anywhere.
 */
export class MessageAssembler {
  readonly #limitBytes: number;
  readonly #buffers: BufferPool;
  readonly #budget: InflightBudget | undefined;
  #prefix: Uint8Array | undefined;
  #prefixBytes = 0;
  #message: MessageBuffer | undefined;
  #written = 0;
  #compressed = false;

  /** @param budget asked for the bytes that come; whoever takes the message frees its length */
  constructor(limitBytes: number, buffers: BufferPool, budget?: InflightBudget) {
    this.#limitBytes = limitBytes;
    this.#buffers = buffers;
    this.#budget = budget;
  }

  /** Whether the message was sent compressed. Known once its first byte is. */
  get compressed(): boolean {
    return this.#compressed;
  }

  /** Whether any byte of the prefix has come. */
  get started(): boolean {
    return this.#prefixBytes > 0;
  }

  get complete(): boolean {
    return this.#message !== undefined && this.#written === this.#message.bytes.length;
  }

  /** The announced length, for error messages; 0 before the prefix is complete. */
  announced = 0;

  /**
   * Takes the next piece, `chunk[start, end)`. `encoded` says whether the call named a compression, without which the flag may not be set.
   * After a problem the assembler only waits for `abandon`.
   */
  push(chunk: Uint8Array, start: number, end: number, encoded: boolean): AssemblyProblem | undefined {
    let from = start;
    if (!this.#message) {
      if (this.#prefixBytes === 0 && end - start >= PREFIX_BYTES) {
        this.#prefixBytes = PREFIX_BYTES;
        from += PREFIX_BYTES;
        const problem = this.#begin(chunk, start, encoded);
        if (problem) return problem;
      } else {
        this.#prefix ??= new Uint8Array(PREFIX_BYTES);
        while (this.#prefixBytes < PREFIX_BYTES && from < end) {
          this.#prefix[this.#prefixBytes++] = chunk[from++]!;
        }
        if (this.#prefixBytes < PREFIX_BYTES) return undefined;
        const problem = this.#begin(this.#prefix, 0, encoded);
        if (problem) return problem;
      }
    }
    const target = this.#message!.bytes;
    const rest = end - from;
    if (rest > target.length - this.#written) return "trailing bytes";
    if (this.#budget && !this.#budget.reserve(rest)) return "no room";
    if (rest > 0) target.set(chunk.subarray(from, end), this.#written);
    this.#written += rest;
    return undefined;
  }

  #begin(prefix: Uint8Array, at: number, encoded: boolean): AssemblyProblem | undefined {
    const flag = prefix[at]!;
    const length = ((prefix[at + 1]! << 24) | (prefix[at + 2]! << 16) | (prefix[at + 3]! << 8) | prefix[at + 4]!) >>> 0;
    this.announced = length;
    if (flag > 1) return "bad flag";
    if (flag === 1 && !encoded) return "compressed without encoding";
    this.#compressed = flag === 1;
    if (length > this.#limitBytes) return "too large";
    this.#message = this.#buffers.take(length);
    return undefined;
  }

  /** The complete message; the caller owns the reference. */
  take(): MessageBuffer {
    const message = this.#message!;
    this.#message = undefined;
    return message;
  }

  /** Gives back what has been taken so far. Does nothing after `take`, and may be called twice. */
  abandon(): void {
    if (!this.#message) return;
    this.#budget?.free(this.#written);
    this.#message.release();
    this.#message = undefined;
  }
}
