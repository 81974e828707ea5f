import { REMAINDER, type PrunedTree } from "../flame/prune.ts";
import type { FlameGraphDiffEntry, FlameGraphEntry } from "./querier-messages.ts";

/** What Grafana calls the root, and what was left out. */
const ROOT_NAME = "total";
const OTHER_NAME = "other";

/**
 * A graph as rows of boxes: four numbers each, the distance to the end of the box before it, its width, how much of that
 * is its own, and its name. Nodes that are breadth first are in that order already.
 */
export function flamebearer(tree: PrunedTree): FlameGraphEntry {
  const { names, numbers } = namesOf(tree);
  const boxes = new Boxes(tree, tree.total);
  return {
    names,
    levels: levelsOf(tree, boxes.level, (node) => [...boxes.of(node), numbers[node]!]),
    total: tree.total[0]!,
    maxSelf: boxes.maxSelf,
  };
}

/** Two graphs on one tree, the boxes of the second beside those of the first: seven numbers each. */
export function flamebearerDiff(tree: PrunedTree): FlameGraphDiffEntry {
  const { names, numbers } = namesOf(tree);
  const second = tree.other ?? new Float64Array(tree.length);
  const left = new Boxes(tree, tree.total);
  const right = new Boxes(tree, second);
  return {
    names,
    levels: levelsOf(tree, left.level, (node) => [...left.of(node), ...right.of(node), numbers[node]!]),
    total: tree.total[0]! + second[0]!,
    maxSelf: Math.max(left.maxSelf, right.maxSelf),
    leftTicks: tree.total[0]!,
    rightTicks: second[0]!,
  };
}

/** Names, each once, and by node which it has. */
function namesOf({ length, frame, frames }: PrunedTree) {
  const known = new Map([[ROOT_NAME, 0]]);
  const numbers = new Uint32Array(length);
  for (let node = 0; node < length; node++) {
    const index = frame[node]!;
    const text = index >= 0 ? frames[index]!.name : index === REMAINDER ? OTHER_NAME : ROOT_NAME;
    let number = known.get(text);
    if (number === undefined) known.set(text, (number = known.size));
    numbers[node] = number;
  }
  return { names: [...known.keys()], numbers };
}

/** Where the boxes of one selection are. To be asked for in the order of nodes. */
class Boxes {
  readonly level: Uint32Array;
  maxSelf = 0;
  readonly #total: Float64Array;
  readonly #left: Float64Array;
  readonly #self: Float64Array;
  /** Where the last box of each level ended. */
  readonly #ends: Float64Array;

  constructor({ length, children, depth }: PrunedTree, total: Float64Array) {
    this.level = new Uint32Array(length);
    this.#total = total;
    this.#left = new Float64Array(length);
    this.#self = new Float64Array(length);
    this.#ends = new Float64Array(depth + 1);
    let next = 1;
    for (let node = 0; node < length; node++) {
      const end = next + children[node]!;
      let at = this.#left[node]!;
      for (; next < end; next++) {
        this.#left[next] = at;
        this.level[next] = this.level[node]! + 1;
        at += total[next]!;
      }
      this.#self[node] = total[node]! - (at - this.#left[node]!);
      this.maxSelf = Math.max(this.maxSelf, this.#self[node]!);
    }
  }

  /** Distance to the box before it, width, own width. */
  of(node: number): readonly number[] {
    const level = this.level[node]!;
    const left = this.#left[node]!;
    const distance = left - this.#ends[level]!;
    this.#ends[level] = left + this.#total[node]!;
    return [distance, this.#total[node]!, this.#self[node]!];
  }
}

function levelsOf(
  { length, depth }: PrunedTree,
  level: Uint32Array,
  boxOf: (node: number) => readonly number[],
): readonly { readonly values: readonly number[] }[] {
  const levels = Array.from({ length: depth + 1 }, () => ({ values: [] as number[] }));
  for (let node = 0; node < length; node++) levels[level[node]!]!.values.push(...boxOf(node));
  return levels;
}
