import type { FlameFrame } from "../api.ts";
import type { MergedTree } from "./merged-tree.ts";

/** What of a graph is sent. */
export interface PruneLimits {
  /** Nodes at most, heaviest first; remainders come on top. */
  readonly maxNodes: number;
  /** Nodes below this share of the root are left out. 0…1. */
  readonly minShare: number;
}

/** Positions in `PrunedTree.frame` that stand for no function. */
export const ROOT = -1;
export const REMAINDER = -2;

/**
 * The heaviest part of a tree, breadth first: children of a node are contiguous, heaviest first, and what was left out
 * below it is its last child. Values are whole, and children add up to no more than their parent.
 */
export interface PrunedTree {
  readonly length: number;
  /** Number of children by node. */
  readonly children: Uint32Array;
  /** Index into `frames`, `ROOT` or `REMAINDER`. */
  readonly frame: Int32Array;
  readonly total: Float64Array;
  readonly other: Float64Array | undefined;
  /** In the order in which nodes first use them. */
  readonly frames: readonly FlameFrame[];
  /** Nodes of the tree that are in a remainder. */
  readonly omitted: number;
  /** Levels below the root. */
  readonly depth: number;
}

export function prune(tree: MergedTree, functions: readonly FlameFrame[], limits: PruneLimits): PrunedTree {
  const total = tree.totals();
  const other = tree.otherSelf ? tree.totals("second") : undefined;
  const weight = other ? total.map((value, node) => value + other[node]!) : total;
  const kept = keptNodes(weight, limits);
  const { starts, lists } = childLists(tree, kept, weight, functions);
  return new Pruning(tree, functions, { total, other, weight, starts, lists }).run();
}

interface Weighed {
  readonly total: Float64Array;
  readonly other: Float64Array | undefined;
  readonly weight: Float64Array;
  /** Kept children of node i are `lists[starts[i]] … lists[starts[i + 1] - 1]`, heaviest first. */
  readonly starts: Uint32Array;
  readonly lists: Uint32Array;
}

class Pruning {
  readonly #tree: MergedTree;
  readonly #functions: readonly FlameFrame[];
  readonly #from: Weighed;
  readonly #frames: FlameFrame[] = [];
  readonly #numbers = new Map<number, number>();

  constructor(tree: MergedTree, functions: readonly FlameFrame[], from: Weighed) {
    this.#tree = tree;
    this.#functions = functions;
    this.#from = from;
  }

  run(): PrunedTree {
    const { total, other, weight, starts, lists } = this.#from;
    // Each kept node and a remainder for each.
    const capacity = (lists.length + 1) * 2;
    const columns = {
      children: new Uint32Array(capacity),
      frame: new Int32Array(capacity),
      total: new Float64Array(capacity),
      other: other ? new Float64Array(capacity) : undefined,
    };
    /** Node of the tree by position; -1 for remainders, which have no children. */
    const queue = new Int32Array(capacity);
    const level = new Uint32Array(capacity);
    const put = (at: number, node: number, frame: number, value: number, second: number): void => {
      queue[at] = node;
      columns.frame[at] = frame;
      columns.total[at] = value;
      if (columns.other) columns.other[at] = second;
    };
    put(0, 0, ROOT, total[0]!, other?.[0] ?? 0);
    let end = 1;
    let depth = 0;
    for (let at = 0; at < end; at++) {
      const node = queue[at]!;
      if (node < 0) continue;
      const first = end;
      const below = level[at]! + 1;
      let left = total[node]! - this.#tree.self[node]!;
      let leftOther = other ? other[node]! - this.#tree.otherSelf![node]! : 0;
      for (let child = starts[node]!; child < starts[node + 1]!; child++) {
        const called = lists[child]!;
        left -= total[called]!;
        leftOther -= other?.[called] ?? 0;
        level[end] = below;
        put(end++, called, this.#frame(this.#tree.frame[called]!), total[called]!, other?.[called] ?? 0);
      }
      if (left > 0 || leftOther > 0) {
        level[end] = below;
        put(end++, -1, REMAINDER, left, leftOther);
      }
      if (end > first) depth = Math.max(depth, below);
      columns.children[at] = end - first;
    }
    return {
      length: end,
      children: columns.children.subarray(0, end),
      frame: columns.frame.subarray(0, end),
      total: columns.total.subarray(0, end),
      other: columns.other?.subarray(0, end),
      frames: this.#frames,
      omitted: countOf(weight) - lists.length - 1,
      depth,
    };
  }

  #frame(number: number): number {
    let found = this.#numbers.get(number);
    if (found === undefined) {
      found = this.#frames.push(this.#functions[number]!) - 1;
      this.#numbers.set(number, found);
    }
    return found;
  }
}

/** Nodes that count for anything, and the root. */
function countOf(weight: Float64Array): number {
  let count = 1;
  for (let node = 1; node < weight.length; node++) if (weight[node]! > 0) count++;
  return count;
}

/**
 * Marks the heaviest nodes. As no child outweighs its parent, and of equals those that come first are taken (callers
 * are), the parent of a marked node is marked.
 */
function keptNodes(weight: Float64Array, { maxNodes, minShare }: PruneLimits): Uint8Array {
  const kept = new Uint8Array(weight.length);
  const least = Math.max(weight[0]! * minShare, Number.MIN_VALUE);
  const { threshold, atThreshold } = nthHeaviest(weight, Math.max(1, maxNodes));
  let equals = atThreshold;
  for (let node = 0; node < weight.length; node++) {
    const own = weight[node]!;
    if (own < least || own < threshold) continue;
    if (own === threshold && equals-- <= 0) continue;
    kept[node] = 1;
  }
  kept[0] = 1;
  return kept;
}

/** The weight of the nth heaviest node, and how many of that weight are among the first n. */
function nthHeaviest(weight: Float64Array, n: number): { readonly threshold: number; readonly atThreshold: number } {
  if (weight.length <= n) return { threshold: 0, atThreshold: Infinity };
  // Doubles that are not negative sort as their bits do: a histogram of the upper 16 finds the class of the nth.
  const upper = new Uint16Array(weight.buffer, weight.byteOffset, weight.length * 4);
  const histogram = new Uint32Array(1 << 16);
  for (let at = 3; at < upper.length; at += 4) histogram[upper[at]!]!++;
  let above = 0;
  let bucket = histogram.length - 1;
  while (bucket > 0 && above + histogram[bucket]! < n) above += histogram[bucket--]!;
  const candidates = new Float64Array(histogram[bucket]!);
  let count = 0;
  for (let node = 0; node < weight.length; node++) {
    if (upper[node * 4 + 3] === bucket) candidates[count++] = weight[node]!;
  }
  candidates.sort();
  const threshold = candidates[candidates.length - (n - above)]!;
  let heavier = above;
  for (const candidate of candidates) if (candidate > threshold) heavier++;
  return { threshold, atThreshold: n - heavier };
}

function childLists(
  { parent, frame, length }: MergedTree,
  kept: Uint8Array,
  weight: Float64Array,
  functions: readonly FlameFrame[],
): { readonly starts: Uint32Array; readonly lists: Uint32Array } {
  const starts = new Uint32Array(length + 1);
  for (let node = 1; node < length; node++) if (kept[node] === 1) starts[parent[node]! + 1]!++;
  for (let node = 0; node < length; node++) starts[node + 1]! += starts[node]!;
  const lists = new Uint32Array(starts[length]!);
  const next = starts.slice();
  for (let node = 1; node < length; node++) if (kept[node] === 1) lists[next[parent[node]!]!++] = node;
  const heaviestFirst = (a: number, b: number): number => {
    if (weight[a] !== weight[b]) return weight[b]! - weight[a]!;
    const [nameOfA, nameOfB] = [functions[frame[a]!]!.name, functions[frame[b]!]!.name];
    return nameOfA < nameOfB ? -1 : nameOfA > nameOfB ? 1 : a - b;
  };
  for (let node = 0; node < length; node++) {
    if (starts[node + 1]! - starts[node]! > 1) lists.subarray(starts[node], starts[node + 1]).sort(heaviestFirst);
  }
  return { starts, lists };
}
