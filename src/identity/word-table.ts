/** Entries before the first growth; the index starts four times as large. */
const INITIAL_ENTRIES = 64;

/**
 * A hash table whose keys are a fixed number of 32-bit words. Looking up allocates nothing: the caller reads the key
 * into an array that it reuses. An entry costs its words plus about 20 bytes, a fourth of a `Map` with text keys.
 *
 * Open addressing with linear probing over an index of entry numbers, so that growing moves four bytes an entry and
 * the words stay dense; deletion shifts back what follows, so that there are no tombstones and no slow decay.
 */
export class WordTable<V> {
  readonly #words: number;
  /** Entry number plus one by hash position; 0 is vacant. Its length is a power of two, at least twice the entries. */
  #index = new Int32Array(INITIAL_ENTRIES * 4);
  #keys: Uint32Array;
  #values: (V | undefined)[] = [];
  /** Numbers of entries that were deleted, to be used again. */
  readonly #vacant: number[] = [];
  #size = 0;

  constructor(words: number) {
    this.#words = words;
    this.#keys = new Uint32Array(INITIAL_ENTRIES * words);
  }

  get size(): number {
    return this.#size;
  }

  /** The value of `key`, whose first words count. */
  get(key: Uint32Array): V | undefined {
    const index = this.#index;
    const mask = index.length - 1;
    for (let at = this.#hash(key, 0) & mask; ; at = (at + 1) & mask) {
      const entry = index[at]! - 1;
      if (entry < 0) return undefined;
      if (this.#equals(entry, key)) return this.#values[entry];
    }
  }

  /** Sets the value of `key`, copying the words. */
  set(key: Uint32Array, value: V): void {
    const mask = this.#index.length - 1;
    let at = this.#hash(key, 0) & mask;
    for (; this.#index[at] !== 0; at = (at + 1) & mask) {
      const entry = this.#index[at]! - 1;
      if (!this.#equals(entry, key)) continue;
      this.#values[entry] = value;
      return;
    }
    const entry = this.#vacant.pop() ?? this.#size;
    if ((entry + 1) * this.#words > this.#keys.length) {
      const grown = new Uint32Array(this.#keys.length + (this.#keys.length >> 1));
      grown.set(this.#keys);
      this.#keys = grown;
    }
    for (let word = 0; word < this.#words; word++) this.#keys[entry * this.#words + word] = key[word]!;
    this.#values[entry] = value;
    this.#index[at] = entry + 1;
    if (++this.#size * 2 > this.#index.length) this.#growIndex();
  }

  /** Removes `key`; false if it wasn't there. */
  delete(key: Uint32Array): boolean {
    const index = this.#index;
    const mask = index.length - 1;
    let at = this.#hash(key, 0) & mask;
    for (; ; at = (at + 1) & mask) {
      const entry = index[at]! - 1;
      if (entry < 0) return false;
      if (this.#equals(entry, key)) break;
    }
    const entry = index[at]! - 1;
    this.#values[entry] = undefined;
    this.#vacant.push(entry);
    this.#size--;
    // Knuth's algorithm R: pull back each follower whose home lies at or before the hole.
    let hole = at;
    for (let next = (at + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hash(this.#keys, (index[next]! - 1) * this.#words) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      index[hole] = index[next]!;
      hole = next;
    }
    index[hole] = 0;
    return true;
  }

  #growIndex(): void {
    const old = this.#index;
    this.#index = new Int32Array(old.length * 2);
    const mask = this.#index.length - 1;
    for (const numbered of old) {
      if (numbered === 0) continue;
      let at = this.#hash(this.#keys, (numbered - 1) * this.#words) & mask;
      while (this.#index[at] !== 0) at = (at + 1) & mask;
      this.#index[at] = numbered;
    }
  }

  #equals(entry: number, key: Uint32Array): boolean {
    const base = entry * this.#words;
    for (let word = 0; word < this.#words; word++) if (this.#keys[base + word] !== key[word]) return false;
    return true;
  }

  /** Ids are random as a rule; the multiplications are for those that were made by hand or counted up. */
  #hash(words: Uint32Array, base: number): number {
    let hash = 0;
    for (let word = 0; word < this.#words; word++) {
      hash = Math.imul(hash ^ words[base + word]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}
