/** A cache of the entries that were used last. */
export class RecentMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #capacity: number;
  readonly #mayGo: (value: V) => boolean;

  /** @param mayGo says whether a value may be dropped; those that may not stay beyond the capacity until they may */
  constructor(capacity: number, mayGo: (value: V) => boolean = () => true) {
    this.#capacity = capacity;
    this.#mayGo = mayGo;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value, which counts as used now. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    // A map keeps the order of insertion: what stands first was used longest ago.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#capacity) this.#dropOldest();
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }

  #dropOldest(): void {
    for (const [key, value] of this.#entries) {
      if (!this.#mayGo(value)) continue;
      this.#entries.delete(key);
      return;
    }
  }
}
