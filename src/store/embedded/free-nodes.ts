/** Bits of a word. */
const BITS = 32;

/**
 * Numbers of stack nodes that nothing refers to any more: a bit each, and above that a bit for each word that isn't empty,
 * and so on up to a single word, so that the next free number is found in a few steps.
 */
export class FreeNodes {
  /** From single numbers upwards. */
  readonly #levels: readonly Uint32Array<ArrayBuffer>[];
  #length = 0;

  /** @param end above all numbers */
  constructor(end: number) {
    const levels: Uint32Array<ArrayBuffer>[] = [];
    for (let bits = end; levels.length === 0 || bits > 1;) {
      bits = Math.max(1, Math.ceil(bits / BITS));
      levels.push(new Uint32Array(bits));
    }
    this.#levels = levels;
  }

  /** Numbers that are free. */
  get length(): number {
    return this.#length;
  }

  /** Adds a number that isn't free. */
  add(node: number): void {
    this.#length++;
    let at = node;
    for (const level of this.#levels) {
      level[at >>> 5]! |= 1 << (at & 31);
      at >>>= 5;
    }
  }

  /** Removes a number that is free. */
  remove(node: number): void {
    this.#length--;
    let at = node;
    for (const level of this.#levels) {
      if ((level[at >>> 5]! &= ~(1 << (at & 31))) !== 0) return;
      at >>>= 5;
    }
  }

  /** The smallest number that is larger than `caller`, which isn't free any more then; 0 if there is none. */
  take(caller: number): number {
    if (this.#length === 0) return 0;
    const node = this.#behind(caller);
    if (node !== 0) this.remove(node);
    return node;
  }

  #behind(caller: number): number {
    const levels = this.#levels;
    let at = caller + 1;
    for (let level = 0; level < levels.length; level++) {
      const words = levels[level]!;
      const word = at >>> 5;
      if (word >= words.length) return 0;
      // Shifting by 32 would shift by nothing, but 31 is the most there is.
      const rest = words[word]! & (-1 << (at & 31));
      if (rest !== 0) {
        at = word * BITS + lowest(rest);
        for (let below = level - 1; below >= 0; below--) at = at * BITS + lowest(levels[below]![at]!);
        return at;
      }
      at = word + 1;
    }
    return 0;
  }
}

/** Position of the lowest bit that is set. */
function lowest(word: number): number {
  return 31 - Math.clz32(word & -word);
}
