/** Differs in each process, so that nobody can prepare keys that all collide. */
const SEED = (Math.random() * 0x100000000) | 0;

/** Entries before the first growth. */
const INITIAL_ENTRIES = 64;

/**
 * Numbers distinct keys of a fixed count of 32-bit words: the first one is 0, each new one the next. Asking allocates
 * nothing: the caller fills `key` and calls `intern`. Open addressing with linear probing over the numbers, keys dense;
 * nothing is removed but everything at once.
 *
 *     set.key[0] = process;
 *     set.key[1] = thread;
 *     const id = set.intern();   // set.size - 1 if it is new
 */
export class WordSet {
  readonly words: number;
  /** What `intern` and `find` look for. */
  readonly key: Uint32Array;
  #size = 0;
  #keys: Uint32Array;
  /** Number plus one by hash position, 0 is vacant. Its length is a power of two, at least twice the entries. */
  #index = new Int32Array(INITIAL_ENTRIES * 4);

  constructor(words: number) {
    this.words = words;
    this.key = new Uint32Array(words);
    this.#keys = new Uint32Array(INITIAL_ENTRIES * words);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of its arrays. */
  get memoryBytes(): number {
    return this.#keys.byteLength + this.#index.byteLength;
  }

  /** Word `word` of entry `id`. */
  at(id: number, word: number): number {
    return this.#keys[id * this.words + word]!;
  }

  /** The number of `key`; -1 if it has none. */
  find(): number {
    return this.#index[this.#position()]! - 1;
  }

  /** The number of `key`, which gets one if it has none. */
  intern(): number {
    const position = this.#position();
    const found = this.#index[position]! - 1;
    if (found >= 0) return found;
    const id = this.#size++;
    if (this.#size * this.words > this.#keys.length) {
      const grown = new Uint32Array(this.#keys.length * 2);
      grown.set(this.#keys);
      this.#keys = grown;
    }
    this.#keys.set(this.key, id * this.words);
    this.#index[position] = id + 1;
    if (this.#size * 2 > this.#index.length) this.#growIndex();
    return id;
  }

  /** Forgets all entries. Memory beyond `keepEntries` is given back. */
  clear(keepEntries = 4096): void {
    if (this.#keys.length > keepEntries * this.words) {
      this.#keys = new Uint32Array(INITIAL_ENTRIES * this.words);
      this.#index = new Int32Array(INITIAL_ENTRIES * 4);
    } else this.#index.fill(0);
    this.#size = 0;
  }

  /** Where `key` is in the index, or the vacant position where it belongs. */
  #position(): number {
    const { key, words } = this;
    const index = this.#index;
    const keys = this.#keys;
    const mask = index.length - 1;
    let at = hashOf(key, 0, words) & mask;
    for (; ; at = (at + 1) & mask) {
      const id = index[at]! - 1;
      if (id < 0) return at;
      const base = id * words;
      let word = 0;
      while (word < words && keys[base + word] === key[word]) word++;
      if (word === words) return at;
    }
  }

  #growIndex(): void {
    const index = new Int32Array(this.#index.length * 2);
    const mask = index.length - 1;
    for (let id = 0; id < this.#size; id++) {
      let at = hashOf(this.#keys, id * this.words, this.words) & mask;
      while (index[at] !== 0) at = (at + 1) & mask;
      index[at] = id + 1;
    }
    this.#index = index;
  }
}

function hashOf(words: Uint32Array, from: number, count: number): number {
  let hash = SEED;
  for (let word = from; word < from + count; word++) {
    hash = Math.imul(hash ^ words[word]!, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
    hash ^= hash >>> 13;
  }
  return hash;
}
