/** Bytes that several may hold at the same time, up to a limit. */
export class ByteBudget {
  readonly #limitBytes: number;
  #held = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** False, and nothing taken, where it would be more than the limit. Who was given bytes gives them back. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#limitBytes) return false;
    this.#held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}
