import type { StackNodes } from "#store";
import type { Columns } from "./column-memory.ts";
import { StackTree } from "./stack-tree.ts";

/** Values by node of a store's tree, as `StackSums` has them. */
export interface StackEntries {
  readonly length: number;
  readonly group: Uint32Array;
  readonly node: Uint32Array;
  readonly value: Float64Array;
}

/** Which of the two selections of a diff something is of. */
export type Side = "first" | "second";

/** A tree of stacks as graphs are made of it. */
export interface StackSource {
  readonly tree: StackTree;
  readonly side: Side;
  /** Function that its stacks begin with instead of a caller, e.g. the group they are of; -1: none. */
  readonly under: number;
  /** The function of a node, a number of a `FunctionTable`. */
  readonly functionOf: (node: number) => number;
}

/** What a source is besides its tree and values. */
export interface SourceOptions {
  readonly side?: Side;
  /** By group; default none for all. */
  readonly underOf?: (group: number) => number;
  /** What values are multiplied by; default 1. */
  readonly scale?: number;
  /** What trees are laid out in, which may not be used for anything else until nobody reads the sources any more. */
  readonly columns?: Columns;
}

/**
 * Where one entry stands for so few nodes of the store, its tree is used as it is: a quarter of a byte a node. A part of
 * it takes 50 bytes for each node that is used, and stacks have some ten nodes of their own.
 */
const NODES_PER_ENTRY = 1024;

/**
 * Sources for what a store summed up, one for each group (or a single one where groups make no difference). Stores hand
 * out the tree of all their stacks: for few values only the part that is used is looked at.
 *
 * @param numberOf function of a frame of the store
 */
export function stackSources(
  nodes: Omit<StackNodes, "isMarked">,
  entries: StackEntries,
  numberOf: (frame: number) => number,
  options: SourceOptions = {},
): readonly StackSource[] {
  const { underOf, side = "first" } = options;
  const { frame, length } = nodes;
  let part: UsedPart | undefined;
  const sourceOf = (leaves: Uint32Array, values: Float64Array, under: number): StackSource => {
    if (length <= leaves.length * NODES_PER_ENTRY) {
      const tree = StackTree.of(nodes, leaves, values, options);
      return { tree, side, under, functionOf: (node) => numberOf(frame[node]!) };
    }
    part ??= new UsedPart(nodes);
    const used = part.of(leaves);
    const tree = StackTree.of(used, used.leaves, values, options);
    return { tree, side, under, functionOf: (node) => numberOf(frame[used.nodes[node]!]!) };
  };
  if (underOf !== undefined) {
    return Array.from(byGroup(entries), ({ group, leaves, values }) => sourceOf(leaves, values, underOf(group)));
  }
  const count = entries.length;
  return [sourceOf(entries.node.subarray(0, count), entries.value.subarray(0, count), -1)];
}

/** Parts of a store's tree, numbered anew. */
class UsedPart {
  readonly #parent: Uint32Array;
  /** Number in the part by node of the store; 0 is not in it, but for the root. Memory that isn't touched isn't taken. */
  readonly #numbers: Uint32Array;
  readonly #path: number[] = [];
  #nodes = new Uint32Array(1024);
  #callers = new Uint32Array(1024);
  #length = 1;

  constructor({ parent, length }: Pick<StackNodes, "parent" | "length">) {
    this.#parent = parent;
    this.#numbers = new Uint32Array(length);
  }

  /** The part that some nodes are in. */
  of(leaves: Uint32Array) {
    this.#length = 1;
    const used = leaves.map((leaf) => this.#add(leaf));
    const nodes = this.#nodes.slice(0, this.#length);
    for (const node of nodes) this.#numbers[node] = 0;
    return { leaves: used, nodes, parent: this.#callers.slice(0, this.#length), length: this.#length };
  }

  #add(leaf: number): number {
    const path = this.#path;
    // Up to a node that is known, then down again.
    let node = leaf;
    while (node !== 0 && this.#numbers[node] === 0) {
      path.push(node);
      node = this.#parent[node]!;
    }
    let number = this.#numbers[node]!;
    for (let fresh = path.pop(); fresh !== undefined; fresh = path.pop()) {
      if (this.#length === this.#nodes.length) this.#grow();
      this.#nodes[this.#length] = fresh;
      this.#callers[this.#length] = number;
      number = this.#length++;
      this.#numbers[fresh] = number;
    }
    return number;
  }

  #grow(): void {
    const capacity = this.#length * 2;
    const [nodes, callers] = [this.#nodes, this.#callers];
    (this.#nodes = new Uint32Array(capacity)).set(nodes);
    (this.#callers = new Uint32Array(capacity)).set(callers);
  }
}

/** Entries by group, those groups that have any. */
function* byGroup({ length, group, node, value }: StackEntries) {
  let groups = 0;
  for (let at = 0; at < length; at++) groups = Math.max(groups, group[at]! + 1);
  const starts = new Uint32Array(groups + 1);
  for (let at = 0; at < length; at++) starts[group[at]! + 1]!++;
  for (let number = 0; number < groups; number++) starts[number + 1]! += starts[number]!;
  const next = starts.slice();
  const nodes = new Uint32Array(length);
  const values = new Float64Array(length);
  for (let at = 0; at < length; at++) {
    const to = next[group[at]!]!++;
    nodes[to] = node[at]!;
    values[to] = value[at]!;
  }
  for (let number = 0; number < groups; number++) {
    const [start, end] = [starts[number]!, starts[number + 1]!];
    if (start === end) continue;
    yield { group: number, leaves: nodes.subarray(start, end), values: values.subarray(start, end) };
  }
}
