import { REMAINDER, type PrunedTree } from "../flame/prune.ts";
import type { FlameGraphEntry } from "./querier-messages.ts";

/** What Grafana calls the root, and what was left out. */
const ROOT_NAME = "total";
const OTHER_NAME = "other";

/**
 * A graph as rows of boxes: four numbers each, the distance to the end of the box before it, its width, how much of that
 * is its own, and its name. Nodes that are breadth first are in that order already.
 */
export function flamebearer({ length, children, frame, total, frames, depth }: PrunedTree): FlameGraphEntry {
  const names = new Map([[ROOT_NAME, 0]]);
  const nameOf = (node: number): number => {
    const index = frame[node]!;
    const text = index >= 0 ? frames[index]!.name : index === REMAINDER ? OTHER_NAME : ROOT_NAME;
    let number = names.get(text);
    if (number === undefined) names.set(text, (number = names.size));
    return number;
  };
  const levels = Array.from({ length: depth + 1 }, () => ({ values: [] as number[] }));
  /** Left edges of nodes, and where the last box of each level ended. */
  const left = new Float64Array(length);
  const level = new Uint32Array(length);
  const ends = new Float64Array(depth + 1);
  let next = 1;
  let maxSelf = 0;
  for (let node = 0; node < length; node++) {
    const end = next + children[node]!;
    let at = left[node]!;
    for (; next < end; next++) {
      left[next] = at;
      level[next] = level[node]! + 1;
      at += total[next]!;
    }
    const self = total[node]! - (at - left[node]!);
    const own = level[node]!;
    levels[own]!.values.push(left[node]! - ends[own]!, total[node]!, self, nameOf(node));
    ends[own] = left[node]! + total[node]!;
    maxSelf = Math.max(maxSelf, self);
  }
  return { names: [...names.keys()], levels, total: total[0]!, maxSelf };
}
