import { IntList } from "#wire";

/** Bytes that are kept for the next request; larger ones get memory of their own. */
const MAX_KEPT = 4 << 20;
const FIRST_BYTES = 1 << 16;
/** Numbers that a list that is kept has room for. */
const MAX_LISTED = 1 << 17;
const WORD = 4;

/**
 * Columns that live as long as a request is taken apart, cut from memory that the next request uses again: a dozen new
 * ones for each request would keep the garbage collector busy.
 */
export class RequestColumns {
  #memory = new ArrayBuffer(FIRST_BYTES);
  #used = 0;
  readonly #lists: IntList[] = [];
  #lent = 0;

  /** All columns that were given before are free again. */
  begin(): void {
    // What the last request didn't find room for, this one should.
    if (this.#used > this.#memory.byteLength) {
      const wanted = Math.min(MAX_KEPT, Math.max(this.#used, this.#memory.byteLength * 2));
      if (wanted > this.#memory.byteLength) this.#memory = new ArrayBuffer(wanted);
    }
    this.#used = 0;
    this.#lent = 0;
  }

  /** A column of a number over and over. */
  ints(length: number, value: number): Int32Array<ArrayBuffer> {
    const at = this.#take(length);
    return (at < 0 ? new Int32Array(length) : new Int32Array(this.#memory, at, length)).fill(value);
  }

  /** A column of zeros. */
  unsigned(length: number): Uint32Array<ArrayBuffer> {
    const at = this.#take(length);
    return at < 0 ? new Uint32Array(length) : new Uint32Array(this.#memory, at, length).fill(0);
  }

  /** An empty list. */
  list(): IntList {
    const known = this.#lists[this.#lent];
    const list = known === undefined || known.values.length > MAX_LISTED ? new IntList(1024) : known;
    list.clear();
    this.#lists[this.#lent++] = list;
    return list;
  }

  /** Where so many words are free; -1 where there are none. */
  #take(length: number): number {
    const at = this.#used;
    this.#used += length * WORD;
    return this.#used <= this.#memory.byteLength ? at : -1;
  }
}
