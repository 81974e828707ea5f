/** A tree's nodes in the order of a walk from the root, callees heaviest first. Without recursion: stacks may be deep. */
import type { FlameTree } from "../flame/index.ts";

/** @param keep whether a node is walked, with all below it */
export function* preorder(
  tree: FlameTree,
  keep: (node: number) => boolean = () => true,
): Generator<{ node: number; depth: number }> {
  const nodes = [0];
  const depths = [0];
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const depth = depths.pop()!;
    yield { node, depth };
    for (let child = tree.firstChild[node + 1]! - 1; child >= tree.firstChild[node]!; child--) {
      if (!keep(child)) continue;
      nodes.push(child);
      depths.push(depth + 1);
    }
  }
}
