/** Slots of the hash table for each key: a quarter full at most, so misses rarely collide. */
const SLOTS_PER_KEY = 4;
const LONGEST_TRACKED = 255;

/**
 * Keys of resource attributes that somebody wants to know about, found by their bytes: `find` decodes and allocates
 * nothing. Each key has a number, its position in `keys`.
 */
export class AttributeKeys {
  readonly keys: readonly string[];
  readonly #encoded: readonly Uint8Array[];
  /** Key number + 1 by hash; 0 is a free slot. */
  readonly #slots: Uint16Array;
  readonly #mask: number;
  /** 1 where some key has that length: most other keys are turned away by this alone. */
  readonly #lengths = new Uint8Array(LONGEST_TRACKED + 1);

  /** @param keys distinct attribute keys, at most 65,534 */
  constructor(keys: readonly string[]) {
    if (new Set(keys).size !== keys.length) throw new TypeError("attribute keys are not distinct");
    if (keys.length > 0xfffe) throw new RangeError(`${keys.length} attribute keys are too many`);
    this.keys = [...keys];
    const encoder = new TextEncoder();
    this.#encoded = keys.map((key) => encoder.encode(key));
    let size = 8;
    while (size < keys.length * SLOTS_PER_KEY) size *= 2;
    this.#slots = new Uint16Array(size);
    this.#mask = size - 1;
    this.#encoded.forEach((bytes, index) => {
      this.#lengths[Math.min(bytes.length, LONGEST_TRACKED)] = 1;
      let slot = hash(bytes, 0, bytes.length) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index + 1;
    });
  }

  get size(): number {
    return this.keys.length;
  }

  /** The number of a key; throws for one that is not in the set, which is a bug of the caller. */
  indexOf(key: string): number {
    const index = this.keys.indexOf(key);
    if (index < 0) throw new RangeError(`attribute key ${JSON.stringify(key)} is not in the set`);
    return index;
  }

  /** The number of the key that `bytes[start, end)` spells, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.#lengths[length < LONGEST_TRACKED ? length : LONGEST_TRACKED] === 0) return -1;
    let slot = hash(bytes, start, end) & this.#mask;
    for (;;) {
      const index = this.#slots[slot]! - 1;
      if (index < 0) return -1;
      if (equals(this.#encoded[index]!, bytes, start, length)) return index;
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** FNV-1a, 32 bits. Keys come from the configuration, so collisions cannot be forced from outside. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 | 0;
  for (let at = start; at < end; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value ^ (value >>> 15);
}

function equals(key: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let index = 0; index < length; index++) if (key[index] !== bytes[start + index]) return false;
  return true;
}
