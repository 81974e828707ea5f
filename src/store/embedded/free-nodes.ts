/**
 * Numbers of stack nodes that nothing refers to any more, as ranges. A range is used from its start on, and no number in
 * use is within one: so what is given for a caller is always behind it.
 */
export class FreeNodes {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  /** Of each range: itself while there is something left of it, or else a later one; behind the last there is none. */
  readonly #next: number[] = [0];
  #length = 0;

  /** Numbers that are left. */
  get length(): number {
    return this.#length;
  }

  /** Adds a number, which must be larger than all before it. */
  push(node: number): void {
    const last = this.#ends.length - 1;
    this.#length++;
    if (last >= 0 && this.#ends[last] === node) {
      this.#ends[last]!++;
      return;
    }
    this.#starts.push(node);
    this.#ends.push(node + 1);
    this.#next.push(this.#ends.length);
  }

  /** The smallest number that is larger than `caller`, which is in use; 0 if there is none. */
  take(caller: number): number {
    if (this.#length === 0) return 0;
    const range = this.#withSome(this.#firstBehind(caller));
    if (range === this.#ends.length) return 0;
    const node = this.#starts[range]!++;
    if (this.#starts[range] === this.#ends[range]) this.#next[range] = range + 1;
    this.#length--;
    return node;
  }

  #firstBehind(caller: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! > caller + 1) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #withSome(range: number): number {
    const next = this.#next;
    let end = range;
    while (next[end] !== end) end = next[end]!;
    // Whoever comes this way again needs one step.
    for (let at = range; at !== end;) [next[at], at] = [end, next[at]!];
    return end;
  }
}
