import type { FlameFrame } from "../api.ts";
import type { Functions } from "./function-table.ts";
import { CandidateHeap } from "./candidate-heap.ts";
import { MergedNodes } from "./merged-nodes.ts";
import type { StackSource } from "./stack-source.ts";

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
 * The heaviest part of a graph, breadth first: children of a node are contiguous, heaviest first, and what was left out
 * below it is its last child. Values are whole, and children add up to no more than their parent.
 */
export interface PrunedTree {
  readonly length: number;
  /** Number of children by node. */
  readonly children: Uint32Array;
  /** Index into `frames`, `ROOT` or `REMAINDER`. */
  readonly frame: Int32Array;
  readonly total: Float64Array;
  /** Of the second selection; undefined where there is none. */
  readonly other: Float64Array | undefined;
  /** In the order in which nodes first use them. */
  readonly frames: readonly FlameFrame[];
  /** Nodes of the sources that are in a remainder. */
  readonly omitted: number;
  /** Levels below the root. */
  readonly depth: number;
}

/**
 * Merges the heaviest nodes of sources by function, and nothing below them: a cluster's stacks have millions of nodes, of
 * which a page shows thousands. No node outweighs its parent, so that taking the heaviest of those whose parents were
 * taken, again and again, gives the heaviest of all.
 *
 * @param functions those of the sources
 * @param isDiff whether there is a second selection, be it empty
 */
export function prune(
  sources: readonly StackSource[],
  functions: Functions,
  { maxNodes, minShare }: PruneLimits,
  isDiff = false,
): PrunedTree {
  const graph = new MergedNodes(sources);
  const heap = new CandidateHeap(maxNodes);
  const least = graph.weight(0) * minShare;
  for (let node: number | undefined = 0; node !== undefined;) {
    const known = graph.length;
    graph.keep(node, least, heap.floor);
    for (let child = known; child < graph.length; child++) heap.push(child, graph.weight(child));
    node = graph.kept.length < maxNodes ? heap.pop() : undefined;
  }
  const used = sources.reduce((sum, { tree }) => sum + tree.used, 0);
  return { ...layOut(graph, functions, isDiff), omitted: used - graph.keptParts };
}

function layOut(graph: MergedNodes, functions: Functions, isDiff: boolean): Omit<PrunedTree, "omitted"> {
  const { starts, lists } = keptChildren(graph, functions);
  const left = leftOut(graph);
  // Each kept node, and a remainder for each.
  const capacity = graph.kept.length * 2;
  const children = new Uint32Array(capacity);
  const frame = new Int32Array(capacity);
  const total = new Float64Array(capacity);
  const other = new Float64Array(capacity);
  /** Node of the graph by position; -1 for remainders, which have no children. */
  const queue = new Int32Array(capacity);
  const level = new Uint32Array(capacity);
  const frames = new UsedFrames(functions);
  let end = 0;
  // Parts of one are cut off everywhere, so that children never outweigh their parent.
  const put = (node: number, shown: number, value: number, second: number, depth: number): void => {
    queue[end] = node;
    frame[end] = shown;
    total[end] = Math.floor(value);
    other[end] = Math.floor(second);
    level[end++] = depth;
  };
  put(0, ROOT, graph.total[0]!, graph.other[0]!, 0);
  for (let at = 0; at < end; at++) {
    const node = queue[at]!;
    if (node < 0) continue;
    const first = end;
    const below = level[at]! + 1;
    for (let child = starts[node]!; child < starts[node + 1]!; child++) {
      const called = lists[child]!;
      put(called, frames.number(graph.function[called]!), graph.total[called]!, graph.other[called]!, below);
    }
    if (left.total[node]! >= 1 || left.other[node]! >= 1) {
      put(-1, REMAINDER, left.total[node]!, left.other[node]!, below);
    }
    children[at] = end - first;
  }
  return {
    length: end,
    children: children.subarray(0, end),
    frame: frame.subarray(0, end),
    total: total.subarray(0, end),
    other: isDiff ? other.subarray(0, end) : undefined,
    frames: frames.list,
    depth: level[end - 1]!,
  };
}

/** Kept children of node i are `lists[starts[i]] … lists[starts[i + 1] - 1]`, the heaviest first, equals by name. */
function keptChildren(graph: MergedNodes, functions: Functions) {
  const { length, parent, kept } = graph;
  const starts = new Uint32Array(length + 1);
  for (let at = 1; at < kept.length; at++) starts[parent[kept[at]!]! + 1]!++;
  for (let node = 0; node < length; node++) starts[node + 1]! += starts[node]!;
  const lists = new Uint32Array(starts[length]!);
  const next = starts.slice();
  // They were kept in the order of their weights.
  for (let at = 1; at < kept.length; at++) lists[next[parent[kept[at]!]!]!++] = kept[at]!;
  for (const node of kept) {
    const end = starts[node + 1]!;
    for (let start = starts[node]!; start < end;) {
      const weight = graph.weight(lists[start]!);
      let equal = start + 1;
      while (equal < end && graph.weight(lists[equal]!) === weight) equal++;
      if (equal - start > 1) sortByName(lists.subarray(start, equal), graph, functions);
      start = equal;
    }
  }
  return { starts, lists };
}

function sortByName(nodes: Uint32Array, graph: MergedNodes, functions: Functions): void {
  const named = Array.from(nodes, (node) => ({ node, name: functions.at(graph.function[node]!).name }));
  named.sort((a, b) => (a.name === b.name ? a.node - b.node : a.name < b.name ? -1 : 1));
  for (const [at, { node }] of named.entries()) nodes[at] = node;
}

/** Values of children that were not kept, by parent. */
function leftOut({ length, parent, kept, total, other, lightTotal, lightOther }: MergedNodes) {
  const left = { total: lightTotal.slice(0, length), other: lightOther.slice(0, length) };
  const isKept = new Uint8Array(length);
  for (const node of kept) isKept[node] = 1;
  for (let node = 1; node < length; node++) {
    if (isKept[node] === 1) continue;
    left.total[parent[node]!]! += total[node]!;
    left.other[parent[node]!]! += other[node]!;
  }
  return left;
}

/** Frames in the order in which they are first used: what is heavy has small numbers. */
class UsedFrames {
  readonly list: FlameFrame[] = [];
  readonly #functions: Functions;
  /** By function, + 1; 0 is not used yet. */
  readonly #numbers: Int32Array;

  constructor(functions: Functions) {
    this.#functions = functions;
    this.#numbers = new Int32Array(functions.length);
  }

  number(called: number): number {
    return (this.#numbers[called]! ||= this.list.push(this.#functions.at(called))) - 1;
  }
}
