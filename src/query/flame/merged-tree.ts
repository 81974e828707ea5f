import type { StackNodes } from "#store";

/** Which of the two selections of a diff a value is of. */
export type Side = "first" | "second";

/** Values by node of a store's tree, as `StackSums` has them. */
export interface StackEntries {
  readonly length: number;
  readonly group: Uint32Array;
  readonly node: Uint32Array;
  readonly value: Float64Array;
}

/**
 * The tree of functions that all graphs are made of: node 0 is the root, callers are numbered ahead of what they call,
 * siblings differ in their function. Values are whole numbers. All of it is typed arrays: a cluster has millions of nodes.
 */
export class MergedTree {
  parent = new Int32Array(1024);
  /** In a `FunctionTable`; -1 for the root. */
  frame = new Int32Array(1024).fill(-1, 0, 1);
  self = new Float64Array(1024);
  /** Of the second selection. */
  otherSelf: Float64Array | undefined;
  #slots = new Int32Array(4096);
  #length = 1;

  /** @param isDiff whether there will be a second selection */
  constructor(isDiff = false) {
    if (isDiff) this.otherSelf = new Float64Array(1024);
  }

  get length(): number {
    return this.#length;
  }

  /** The node of a function called by that node, which is appended where it is new. */
  child(parent: number, frame: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(parent, frame) & mask;
    for (let node = this.#slots[slot]!; node !== 0; node = this.#slots[slot]!) {
      if (this.frame[node] === frame && this.parent[node] === parent) return node;
      slot = (slot + 1) & mask;
    }
    const node = this.#length++;
    if (node === this.frame.length) this.#grow();
    this.frame[node] = frame;
    this.parent[node] = parent;
    if (node * 2 > mask) this.#rehash();
    else this.#slots[slot] = node;
    return node;
  }

  /**
   * Adds what a store summed up.
   * @param numberOf function of a frame of the store
   * @param rootOf node that a group's stacks begin under
   */
  add(
    nodes: StackNodes,
    entries: StackEntries,
    numberOf: (frame: number) => number,
    rootOf: (group: number) => number,
    side: Side = "first",
  ): void {
    const order = byGroup(entries);
    const merged = new Int32Array(nodes.length);
    const touched: number[] = [];
    const path: number[] = [];
    let group = -1;
    for (const at of order) {
      if (entries.group[at] !== group) {
        group = entries.group[at]!;
        for (const node of touched) merged[node] = 0;
        touched.length = 0;
      }
      // Up to a node that is known, then down again.
      let node = entries.node[at]!;
      while (node !== 0 && merged[node] === 0) {
        path.push(node);
        node = nodes.parent[node]!;
      }
      let into = node === 0 ? rootOf(group) : merged[node]!;
      for (let known = path.pop(); known !== undefined; known = path.pop()) {
        into = this.child(into, numberOf(nodes.frame[known]!));
        merged[known] = into;
        touched.push(known);
      }
      this.addSelf(into, entries.value[at]!, side);
    }
  }

  addSelf(node: number, value: number, side: Side = "first"): void {
    const column = side === "second" ? this.otherSelf! : this.self;
    column[node]! += value;
  }

  /** Makes the values whole without changing their sum by more than one half. To be called once, after all were added. */
  round(): void {
    for (const column of this.otherSelf ? [this.self, this.otherSelf] : [this.self]) {
      let carried = 0;
      for (let node = 0; node < this.#length; node++) {
        const exact = column[node]! + carried;
        const whole = Math.max(0, Math.round(exact));
        carried = exact - whole;
        column[node] = whole;
      }
    }
  }

  /** Multiplies the second selection's values, to compare shares rather than amounts. */
  scaleOther(factor: number): void {
    for (let node = 0; node < this.#length; node++) this.otherSelf![node]! *= factor;
  }

  /** Values with those of everything called. */
  totals(side: Side = "first"): Float64Array {
    const totals = (side === "second" ? this.otherSelf! : this.self).slice(0, this.#length);
    for (let node = this.#length - 1; node > 0; node--) totals[this.parent[node]!]! += totals[node]!;
    return totals;
  }

  #grow(): void {
    const capacity = this.frame.length * 2;
    const { parent, frame, self, otherSelf } = this;
    (this.parent = new Int32Array(capacity)).set(parent);
    (this.frame = new Int32Array(capacity)).set(frame);
    (this.self = new Float64Array(capacity)).set(self);
    if (otherSelf) (this.otherSelf = new Float64Array(capacity)).set(otherSelf);
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let node = 1; node < this.#length; node++) {
      let slot = hash(this.parent[node]!, this.frame[node]!) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = node;
    }
  }
}

/** Positions of entries, those of a group together; as they are where there is one group. */
function byGroup({ length, group }: StackEntries): Iterable<number> {
  let groups = 0;
  for (let at = 0; at < length; at++) groups = Math.max(groups, group[at]! + 1);
  const next = new Uint32Array(groups + 1);
  for (let at = 0; at < length; at++) next[group[at]! + 1]!++;
  for (let number = 0; number < groups; number++) next[number + 1]! += next[number]!;
  const order = new Uint32Array(length);
  for (let at = 0; at < length; at++) order[next[group[at]!]!++] = at;
  return order;
}

/** Both numbers are ours, dense and small, so nobody can make them collide on purpose. */
function hash(parent: number, frame: number): number {
  let mixed = Math.imul(parent ^ Math.imul(frame, 0x9e3779b1), 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
  return mixed ^ (mixed >>> 13);
}
