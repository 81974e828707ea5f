/** What a flame graph says, in words: where most of the time goes. */
import { type FlameTree } from "../flame/index.ts";

/**
 * From the heaviest child of the root down along whatever callee has at least half of its caller's time, so the last node is
 * where time is used or where it splits up. Nodes from below the root on; empty for an empty graph.
 */
export function hottestPath(tree: FlameTree): readonly number[] {
  const path: number[] = [];
  for (let node = heaviestChild(tree, 0, 0); node >= 0; node = heaviestChild(tree, node, tree.total[node]! / 2)) {
    path.push(node);
  }
  return path;
}

/** -1 where none that has a name is above zero and at least this. */
function heaviestChild(tree: FlameTree, node: number, least: number): number {
  let heaviest = -1;
  for (let child = tree.firstChild[node]!; child < tree.firstChild[node + 1]!; child++) {
    if (tree.frame[child]! < 0 || tree.total[child]! <= 0 || tree.total[child]! < least) continue;
    if (heaviest < 0 || tree.total[child]! > tree.total[heaviest]!) heaviest = child;
  }
  return heaviest;
}
