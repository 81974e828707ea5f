/** Entries that can be compared by their index: a table whose last entry may turn out to be one it has. */
export interface Comparable {
  /** Whether two entries are equal. */
  same(a: number, b: number): boolean;
}

/** Differs in each process, so that nobody can prepare a request whose entries all collide. */
const SEED = (Math.random() * 0x100000000) | 0;

/** A hash of a list of 32-bit numbers: begin with `hashStart()`, fold each in with `hashStep`. */
export function hashStart(): number {
  return SEED;
}

export function hashStep(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77);
  return mixed ^ (mixed >>> 13);
}

export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = hashStep(hash, word);
  }
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | bytes[at]!;
  return hashStep(hash, rest);
}

/** Finds equal entries of a table: an open-addressing hash index over their positions. */
export class InternIndex {
  readonly #table: Comparable;
  /** Hash and position + 1 of each entry; position + 1 is 0 where a slot is free. */
  #slots = new Int32Array(64);
  #count = 0;

  constructor(table: Comparable) {
    this.#table = table;
  }

  /** The position of an entry equal to `candidate`; `candidate` itself if there is none, which is indexed then. */
  intern(candidate: number, hash: number): number {
    if (this.#count * 4 >= this.#slots.length) this.#grow();
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot * 2 + 1]!;
      if (entry === 0) {
        slots[slot * 2] = hash;
        slots[slot * 2 + 1] = candidate + 1;
        this.#count++;
        return candidate;
      }
      if (slots[slot * 2] === hash && this.#table.same(entry - 1, candidate)) return entry - 1;
    }
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const mask = slots.length / 2 - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === 0) continue;
      let slot = old[at]! & mask;
      while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
      slots[slot * 2] = old[at]!;
      slots[slot * 2 + 1] = old[at + 1]!;
    }
    this.#slots = slots;
  }
}
