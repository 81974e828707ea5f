/** Rows remembered: 12 bytes each. A process uses some hundred, whatever its size. */
const MAX_SLOTS = 1 << 16;
const MIN_SLOTS = 1 << 10;
/** Beyond three quarters, probing gets slow. */
const LOAD = 0.75;
/** Files at a time, and addresses in one: together less than 2^53. */
const MAX_FILES = 1 << 12;
const ADDRESSES = 2 ** 40;

/** What `find` says of a row that isn't here. */
export const UNKNOWN_ROW = -3;

/** The rules of addresses that were asked for, of all files. When it is full all is forgotten: what is in use returns. */
export class RowCache {
  /** Grows when all is forgotten: numbers of files are void then. */
  generation = 0;
  #files = 0;
  #size = 0;
  /** File and address; 0 is vacant. */
  #keys = new Float64Array(MIN_SLOTS);
  #rules = new Int32Array(MIN_SLOTS);

  get size(): number {
    return this.#size;
  }

  get memoryBytes(): number {
    return this.#keys.byteLength + this.#rules.byteLength;
  }

  /** A number for a file that has none in this generation. */
  addFile(): number {
    if (this.#files >= MAX_FILES) this.clear();
    return ++this.#files;
  }

  /** The rule of an address; `UNKNOWN_ROW` if it was never put here. */
  find(file: number, address: number): number {
    if (!(address >= 0 && address < ADDRESSES)) return UNKNOWN_ROW;
    const at = this.#slotOf(file * ADDRESSES + address);
    return this.#keys[at] === 0 ? UNKNOWN_ROW : this.#rules[at]!;
  }

  /** Remembers the rule of an address. Those that no file has, above 2^40, are not kept. */
  put(file: number, address: number, rule: number): void {
    if (!(address >= 0 && address < ADDRESSES)) return;
    if (this.#size >= this.#keys.length * LOAD) this.#grow();
    const key = file * ADDRESSES + address;
    const at = this.#slotOf(key);
    if (this.#keys[at] === 0) this.#size++;
    this.#keys[at] = key;
    this.#rules[at] = rule;
  }

  clear(): void {
    this.generation++;
    this.#files = 0;
    this.#size = 0;
    this.#keys = new Float64Array(MIN_SLOTS);
    this.#rules = new Int32Array(MIN_SLOTS);
  }

  #slotOf(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    const low = key | 0;
    const high = (key / 2 ** 32) | 0;
    let hash = Math.imul(low ^ (high * 0x9e3779b1), 0x85ebca77);
    hash ^= hash >>> 15;
    let at = hash & mask;
    while (keys[at] !== 0 && keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    if (this.#keys.length >= MAX_SLOTS) {
      // Files keep their numbers: only what is known of them goes.
      this.#keys.fill(0);
      this.#size = 0;
      return;
    }
    const [keys, rules] = [this.#keys, this.#rules];
    this.#keys = new Float64Array(keys.length * 2);
    this.#rules = new Int32Array(keys.length * 2);
    for (let old = 0; old < keys.length; old++) {
      if (keys[old] === 0) continue;
      const at = this.#slotOf(keys[old]!);
      this.#keys[at] = keys[old]!;
      this.#rules[at] = rules[old]!;
    }
  }
}
