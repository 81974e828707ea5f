/**
 * Code that was announced in a perf map. `number` counts the announcements: where two overlap, the later is right, for
 * the memory of the earlier was reused.
 */
export interface AnnouncedCode {
  readonly start: number;
  /** Below 2^32. */
  readonly sizeBytes: number;
  readonly number: number;
  /** Where its line begins in the file. */
  readonly position: number;
}

/** Entries looked at, downwards from an address. More overlap only in files made to cost time. */
const MAX_CANDIDATES = 64;
const ENTRY_BYTES = 32;

/** Announced code by address, 32 bytes each: addresses and positions as doubles, for they have more than 32 bits. */
export class EntryRun {
  #starts: Float64Array;
  #sizes: Uint32Array;
  #numbers: Uint32Array;
  #positions: Float64Array;
  /** The largest end of this and all entries before: where looking further down is in vain. */
  #reach: Float64Array;
  length = 0;

  constructor(capacity = 0) {
    this.#starts = new Float64Array(capacity);
    this.#sizes = new Uint32Array(capacity);
    this.#numbers = new Uint32Array(capacity);
    this.#positions = new Float64Array(capacity);
    this.#reach = new Float64Array(capacity);
  }

  /**
   * A run with this one's entries and `newer`, which were all announced later. Left out is what a later entry replaces
   * that begins at the same address, and what was announced before number `oldest`.
   */
  with(newer: readonly AnnouncedCode[], oldest: number): EntryRun {
    const sorted = [...newer].sort((a, b) => a.start - b.start || b.number - a.number);
    const result = new EntryRun(this.length + sorted.length);
    let next = 0;
    for (let at = 0; at < this.length; at++) {
      const start = this.#starts[at]!;
      while (next < sorted.length && sorted[next]!.start <= start) result.#append(sorted[next++]!, oldest);
      result.#append(this.#entry(at), oldest);
    }
    while (next < sorted.length) result.#append(sorted[next++]!, oldest);
    result.#trim();
    return result;
  }

  get memoryBytes(): number {
    return this.#starts.length * ENTRY_BYTES;
  }

  /** The latest entry that holds the address. */
  find(address: number): AnnouncedCode | undefined {
    let best = -1;
    const last = this.#lastAtOrBelow(address);
    for (let at = last; at >= 0 && last - at < MAX_CANDIDATES && this.#reach[at]! > address; at--) {
      if (this.#starts[at]! + this.#sizes[at]! <= address) continue;
      if (best < 0 || this.#numbers[at]! > this.#numbers[best]!) best = at;
    }
    return best < 0 ? undefined : this.#entry(best);
  }

  /** Adds behind the last. Entries come by address, those of one address with the latest first. */
  #append({ start, sizeBytes, number, position }: AnnouncedCode, oldest: number): void {
    const last = this.length - 1;
    if (number < oldest) return;
    if (last >= 0 && this.#starts[last] === start && this.#sizes[last]! >= sizeBytes) return;
    this.#starts[this.length] = start;
    this.#sizes[this.length] = sizeBytes;
    this.#numbers[this.length] = number;
    this.#positions[this.length] = position;
    this.#reach[this.length] = Math.max(last < 0 ? 0 : this.#reach[last]!, start + sizeBytes);
    this.length++;
  }

  /** Gives up memory that isn't used. */
  #trim(): void {
    if (this.#starts.length === this.length) return;
    this.#starts = this.#starts.slice(0, this.length);
    this.#sizes = this.#sizes.slice(0, this.length);
    this.#numbers = this.#numbers.slice(0, this.length);
    this.#positions = this.#positions.slice(0, this.length);
    this.#reach = this.#reach.slice(0, this.length);
  }

  #entry(at: number): AnnouncedCode {
    return {
      start: this.#starts[at]!,
      sizeBytes: this.#sizes[at]!,
      number: this.#numbers[at]!,
      position: this.#positions[at]!,
    };
  }

  #lastAtOrBelow(address: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
