/**
 * A growing list of 32-bit integers that keeps its memory when it is cleared: an array's `length = 0` gives it up, so
 * that refilling allocates again.
 */
export class IntList {
  #values: Int32Array;
  length = 0;

  constructor(capacity = 16) {
    this.#values = new Int32Array(capacity);
  }

  /** The memory it has now, of which the first `length` count: for loops over many. */
  get values(): Int32Array {
    return this.#values;
  }

  /** The value at `index`, which must be below `length`. */
  at(index: number): number {
    return this.#values[index]!;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }

  clear(): void {
    this.length = 0;
  }
}
