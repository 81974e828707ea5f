import type { StackNodes } from "#store";
import { CalleeLists, listColumns } from "./callee-lists.ts";
import type { TreeColumns, TreeMemory } from "./tree-memory.ts";

/** Values by node of a store's tree, as `StackSums` has them. */
export interface StackEntries {
  readonly length: number;
  readonly group: Uint32Array;
  readonly node: Uint32Array;
  readonly value: Float64Array;
}

/** Which of the two selections of a diff something is of. */
export type Side = "first" | "second";

/**
 * A tree of stacks with its values, as graphs are made of it: callers are numbered ahead of what they call, 0 is the root,
 * and whatever a node calls can be walked. Nodes without a value are called by nobody.
 */
export interface StackSource {
  readonly length: number;
  readonly parent: ArrayLike<number>;
  /** With everything called. */
  readonly total: Float64Array;
  readonly calls: CalleeLists;
  /** Nodes that have a value, besides the root. */
  readonly used: number;
  readonly side: Side;
  /** Function that its stacks begin with instead of a caller, e.g. the group they are of; -1: none. */
  readonly under: number;
  /** The function of a node, a number of a `FunctionTable`. */
  readonly functionOf: (node: number) => number;
  /** Gives its columns back; nothing is to be read afterwards. */
  readonly release?: () => void;
}

/** What a source is besides its tree and values. */
export interface SourceOptions {
  readonly side?: Side;
  /** By group; default none for all. */
  readonly underOf?: (group: number) => number;
  /** What values are multiplied by; default 1. */
  readonly scale?: number;
  /** Where the columns of whole trees come from. */
  readonly memory?: TreeMemory;
}

/**
 * Where one entry stands for so few nodes of the store, its whole tree is laid out: 12 bytes a node. A part of it takes
 * 50 for each node that is used, and stacks have some ten nodes of their own.
 */
const NODES_PER_ENTRY = 32;

/**
 * Sources for what a store summed up, one for each group (or a single one where groups make no difference). Stores hand
 * out the tree of all their stacks: for few values only the part that is used is looked at.
 *
 * @param numberOf function of a frame of the store
 */
export function stackSources(
  nodes: StackNodes,
  entries: StackEntries,
  numberOf: (frame: number) => number,
  options: SourceOptions = {},
): readonly StackSource[] {
  const { underOf, scale = 1, side = "first", memory } = options;
  const isWhole = nodes.length <= entries.length * NODES_PER_ENTRY;
  if (underOf === undefined && isWhole) {
    const { parent, frame } = nodes;
    const { node: leaves, value: summed } = entries;
    const columns = memory?.take(nodes.length) ?? columnsFor(new Float64Array(nodes.length));
    const values = columns.total;
    for (let at = 0; at < entries.length; at++) {
      const value = summed[at]!;
      if (value > 0) values[leaves[at]!]! += value * scale;
    }
    const source = sourceOf(parent, columns, side, -1, (node) => numberOf(frame[node]!));
    return [memory ? { ...source, release: () => memory.give(columns) } : source];
  }
  const part = new UsedPart(nodes);
  const order = underOf === undefined ? undefined : byGroup(entries);
  const sources: StackSource[] = [];
  for (let at = 0; at < entries.length;) {
    const group = order === undefined ? 0 : entries.group[order[at]!]!;
    for (; at < entries.length; at++) {
      const entry = order === undefined ? at : order[at]!;
      if (order !== undefined && entries.group[entry] !== group) break;
      if (entries.value[entry]! > 0) part.add(entries.node[entry]!, entries.value[entry]! * scale);
    }
    const { parent, values, frame } = part.take();
    sources.push(sourceOf(parent, columnsFor(values), side, underOf?.(group) ?? -1, (node) => numberOf(frame[node]!)));
  }
  return sources;
}

/** Columns of a tree whose nodes have these values of their own. */
export function columnsFor(values: Float64Array<ArrayBuffer>): TreeColumns {
  return { total: values, lists: listColumns(values.length) };
}

/** Lays out a tree: `total` has the values that nodes have of their own, which are made totals. */
export function sourceOf(
  parent: ArrayLike<number>,
  { total: values, lists }: TreeColumns,
  side: Side,
  under: number,
  functionOf: (node: number) => number,
): StackSource {
  const { length } = values;
  const calls = new CalleeLists(parent, values, lists);
  let used = 0;
  for (let node = length - 1; node > 0; node--) {
    const value = values[node]!;
    if (value === 0) continue;
    const caller = parent[node]!;
    values[caller]! += value;
    if (caller !== node - 1) calls.put(caller, node);
    used++;
  }
  return { length, parent, total: values, calls, used, side, under, functionOf };
}

/** The part of a store's tree that values go with, numbered anew. */
class UsedPart {
  readonly #nodes: StackNodes;
  /** Number in the part by node of the store; 0 is not in it, but for the root. Memory that isn't touched isn't taken. */
  readonly #numbers: Int32Array;
  readonly #path: number[] = [];
  #taken: Int32Array = new Int32Array(1024);
  #parent = new Int32Array(1024);
  #values = new Float64Array(1024);
  #length = 1;

  constructor(nodes: StackNodes) {
    this.#nodes = nodes;
    this.#numbers = new Int32Array(nodes.length);
  }

  add(leaf: number, value: number): void {
    const { parent } = this.#nodes;
    const path = this.#path;
    // Up to a node that is known, then down again.
    let node = leaf;
    while (node !== 0 && this.#numbers[node] === 0) {
      path.push(node);
      node = parent[node]!;
    }
    let number = this.#numbers[node]!;
    for (let fresh = path.pop(); fresh !== undefined; fresh = path.pop()) {
      if (this.#length === this.#taken.length) this.#grow();
      this.#taken[this.#length] = fresh;
      this.#parent[this.#length] = number;
      number = this.#length++;
      this.#numbers[fresh] = number;
    }
    this.#values[number]! += value;
  }

  /** What was added; begins anew. */
  take(): { readonly parent: Int32Array; readonly frame: Uint32Array; readonly values: Float64Array<ArrayBuffer> } {
    const length = this.#length;
    const frame = new Uint32Array(length);
    for (let number = 1; number < length; number++) {
      const node = this.#taken[number]!;
      frame[number] = this.#nodes.frame[node]!;
      this.#numbers[node] = 0;
    }
    const taken = { parent: this.#parent.slice(0, length), frame, values: this.#values.slice(0, length) };
    this.#values.fill(0, 0, length);
    this.#length = 1;
    return taken;
  }

  #grow(): void {
    const capacity = this.#length * 2;
    const { length } = this.#taken;
    const taken = new Int32Array(capacity);
    const parent = new Int32Array(capacity);
    const values = new Float64Array(capacity);
    taken.set(this.#taken.subarray(0, length));
    parent.set(this.#parent.subarray(0, length));
    values.set(this.#values.subarray(0, length));
    this.#taken = taken;
    this.#parent = parent;
    this.#values = values;
  }
}

/** Positions of entries, those of a group together. */
function byGroup({ length, group }: StackEntries): Uint32Array {
  let groups = 0;
  for (let at = 0; at < length; at++) groups = Math.max(groups, group[at]! + 1);
  const next = new Uint32Array(groups + 1);
  for (let at = 0; at < length; at++) next[group[at]! + 1]!++;
  for (let number = 0; number < groups; number++) next[number + 1]! += next[number]!;
  const order = new Uint32Array(length);
  for (let at = 0; at < length; at++) order[next[group[at]!]!++] = at;
  return order;
}
