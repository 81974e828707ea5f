/** Memory is taken in pieces, so that growing copies nothing and leaves nothing behind. */
const CHUNK_BYTES = 128 << 10;

/** Short texts as bytes, found again by a number. A string is made only when one is read. */
export class NameStore {
  readonly #chunks: Buffer[] = [];
  /** Bytes used in the last chunk. */
  #used = CHUNK_BYTES;

  get memoryBytes(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /**
   * Keeps `bytes[start, end)`, of which there must be fewer than 256.
   *
   * @returns the number to read it by
   */
  add(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.#used + 1 + length > CHUNK_BYTES) {
      this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK_BYTES));
      this.#used = 0;
    }
    const chunk = this.#chunks.at(-1)!;
    const at = this.#used;
    chunk[at] = length;
    for (let index = 0; index < length; index++) chunk[at + 1 + index] = bytes[start + index]!;
    this.#used = at + 1 + length;
    return (this.#chunks.length - 1) * CHUNK_BYTES + at;
  }

  read(number: number): string {
    const chunk = this.#chunks[Math.floor(number / CHUNK_BYTES)]!;
    const at = number % CHUNK_BYTES;
    return chunk.toString("utf8", at + 1, at + 1 + chunk[at]!);
  }
}
