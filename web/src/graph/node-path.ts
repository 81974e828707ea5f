/**
 * A node of a flame graph as text for the address: the marks of the names that lead to it, so that it is found again in a
 * graph of another time. Recursion is told by a count, which keeps a path of 3,000 calls short.
 */
import { textMark } from "../state/text-mark.ts";
import { type FlameTree } from "../flame/index.ts";

/** Distinct steps that an address keeps; what is deeper is found to that depth. */
const MAX_STEPS = 250;

/** Empty for the root. Steps are `mark` or `mark*count`, joined by dots. */
export function nodePath(tree: FlameTree, node: number): string {
  const steps: { mark: string; count: number }[] = [];
  for (const name of tree.path(node)) {
    const mark = shortMark(name);
    const last = steps.at(-1);
    if (last?.mark === mark) last.count++;
    else if (steps.push({ mark, count: 1 }) === MAX_STEPS) break;
  }
  return steps.map(({ mark, count }) => (count === 1 ? mark : `${mark}*${count}`)).join(".");
}

/** The node that a path leads to, or the deepest on the way that is still there; 0 for a path that leads nowhere. */
export function nodeAtPath(tree: FlameTree, path: string): number {
  let node = 0;
  for (const step of path === "" ? [] : path.split(".")) {
    const [mark = "", count = "1"] = step.split("*");
    for (let times = Number.parseInt(count, 10) || 0; times > 0; times--) {
      const next = childWithMark(tree, node, mark);
      if (next < 0) return node;
      node = next;
    }
  }
  return node;
}

function childWithMark(tree: FlameTree, node: number, mark: string): number {
  for (let child = tree.firstChild[node]!; child < tree.firstChild[node + 1]!; child++) {
    if (tree.frame[child]! >= 0 && shortMark(tree.name(child)) === mark) return child;
  }
  return -1;
}

/** 20 bits: siblings are few, so they hardly ever share one, and then the heavier is meant. */
function shortMark(name: string): string {
  return textMark(name).slice(-4);
}
