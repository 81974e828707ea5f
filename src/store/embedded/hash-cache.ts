/** Entries looked at before one of them has to go. */
const WAYS = 4;
/** Words of an entry: two halves of the hash, the number. */
const ENTRY = 3;
/** Look-ups whose memory is asked for together: what they need stays in the processor's first cache. */
const TOGETHER = 64;

/**
 * Remembers numbers by 64-bit hashes of what they stand for. Grows up to a bound; then what is new takes the place of
 * something old. A hit costs one look at memory, which is what counts where there are millions.
 */
export class HashCache {
  #words: Uint32Array<ArrayBuffer>;
  readonly #most: number;
  #added = 0;
  /** Keeps reads that are made for their effect on the processor's cache from being optimized away. */
  touched = 0;

  /** @param most entries at most; a power of two, like all sizes on the way there */
  constructor(most: number) {
    this.#most = most;
    this.#words = new Uint32Array(Math.min(most, 1 << 12) * ENTRY);
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#words.byteLength;
  }

  /** The number; 0 if it isn't known. The halves are unsigned. */
  get(low: number, high: number): number {
    const words = this.#words;
    let at = this.#setOf(low);
    for (let way = 0; way < WAYS; way++, at += ENTRY) {
      if (words[at] === low && words[at + 1] === high) return words[at + 2]!;
    }
    return 0;
  }

  /**
   * The numbers of many hashes. Memory takes a hundred times as long as an instruction, but answers many at once if nobody
   * waits for the first: so all are asked for before one is looked at.
   *
   * @param hashes the halves in turn; their signs don't matter
   * @param numbers as many, written there
   */
  getAll(hashes: Int32Array, numbers: Int32Array, count: number): void {
    const words = this.#words;
    for (let first = 0; first < count; first += TOGETHER) {
      const last = Math.min(count, first + TOGETHER);
      let touched = 0;
      for (let at = first; at < last; at++) {
        const set = this.#setOf(hashes[at * 2]!);
        touched ^= words[set]! ^ words[set + WAYS * ENTRY - 1]!;
      }
      this.touched ^= touched;
      for (let at = first; at < last; at++) numbers[at] = this.get(hashes[at * 2]! >>> 0, hashes[at * 2 + 1]! >>> 0);
    }
  }

  /** @param number not 0 */
  set(low: number, high: number, number: number): void {
    const entries = this.#words.length / ENTRY;
    if (++this.#added * 2 > entries && entries < this.#most) this.#grow();
    this.#put(low, high, number);
  }

  #put(low: number, high: number, number: number): void {
    const words = this.#words;
    const set = this.#setOf(low);
    let at = set;
    while (at < set + WAYS * ENTRY && words[at + 2] !== 0) at += ENTRY;
    if (at === set + WAYS * ENTRY) at = set + (high % WAYS) * ENTRY;
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = number;
  }

  #grow(): void {
    const old = this.#words;
    this.#words = new Uint32Array(old.length * 4);
    for (let at = 0; at < old.length; at += ENTRY) {
      if (old[at + 2] !== 0) this.#put(old[at]!, old[at + 1]!, old[at + 2]!);
    }
  }

  #setOf(low: number): number {
    return (low & (this.#words.length / (ENTRY * WAYS) - 1)) * (ENTRY * WAYS);
  }
}
