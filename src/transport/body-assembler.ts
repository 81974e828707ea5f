import type { BufferPool, MessageBuffer } from "#wire";
import type { InflightBudget } from "./listener.ts";

/** First buffer of a body whose length isn't announced. */
const UNKNOWN_LENGTH_BYTES = 64 << 10;

/**
 * Puts together an HTTP body in a pooled buffer: of the announced size where Content-Length tells it, growing
 * twofold up to the limit otherwise.
 */
export class BodyAssembler {
  readonly #limitBytes: number;
  readonly #buffers: BufferPool;
  readonly #budget: InflightBudget;
  #buffer: MessageBuffer | undefined;
  #written = 0;

  /** @param budget asked for the bytes that come; whoever takes the body frees its length */
  constructor(limitBytes: number, buffers: BufferPool, budget: InflightBudget) {
    this.#limitBytes = limitBytes;
    this.#buffers = buffers;
    this.#budget = budget;
  }

  get writtenBytes(): number {
    return this.#written;
  }

  /** Takes the first buffer. @param announced Content-Length, if there is one */
  begin(announced: number | undefined): "too large" | undefined {
    if (announced !== undefined && announced > this.#limitBytes) return "too large";
    this.#buffer = this.#buffers.take(announced ?? Math.min(UNKNOWN_LENGTH_BYTES, this.#limitBytes));
    return undefined;
  }

  /** Takes the next piece. After a problem the assembler only waits for `abandon`. */
  push(piece: Uint8Array): "too large" | "no room" | undefined {
    const needed = this.#written + piece.length;
    if (needed > this.#limitBytes) return "too large";
    if (!this.#budget.reserve(piece.length)) return "no room";
    if (needed > this.#buffer!.bytes.length)
      this.#grow(Math.min(this.#limitBytes, Math.max(needed, 2 * this.#written)));
    this.#buffer!.bytes.set(piece, this.#written);
    this.#written = needed;
    return undefined;
  }

  /** Replaces the buffer by one of `size` bytes with the same beginning. */
  #grow(size: number): void {
    const old = this.#buffer!;
    this.#buffer = this.#buffers.take(size);
    this.#buffer.bytes.set(old.bytes.subarray(0, this.#written));
    old.release();
  }

  /** The body; the caller owns the reference and has `reservedBytes` to free. */
  take(): { readonly body: MessageBuffer; readonly reservedBytes: number } {
    const body = this.#buffer!;
    const reservedBytes = this.#written;
    body.truncate(this.#written);
    this.#buffer = undefined;
    return { body, reservedBytes };
  }

  /** Gives back what has been taken so far. Does nothing after `take`, and may be called twice. */
  abandon(): void {
    if (!this.#buffer) return;
    this.#budget.free(this.#written);
    this.#buffer.release();
    this.#buffer = undefined;
  }
}
