/**
 * A cache of the entries that were used last: as many as its capacity for certain, and up to as many more. It goes by
 * generations rather than by the order of use, so that a walk over more entries than it holds costs no more than what is
 * made anew: entries that are taken from the front of a Map one by one leave gaps that each next search walks over.
 */
export class RecentMap<K, V> {
  /** Used since the generation began; the one before it, less what was used since. */
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #capacity: number;

  /** @param capacity from 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value, which counts as used now. */
  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#capacity) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
