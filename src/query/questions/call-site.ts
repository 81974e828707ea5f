import type { StackNodes } from "#store";

/**
 * Says whether a stack begins with these frames.
 * @param names of the frames, outermost first
 * @param nameOf name of a node's frame
 * @returns for a stack's leaf
 */
export function callSiteTest(
  { length, parent }: Pick<StackNodes, "length" | "parent">,
  names: readonly string[],
  nameOf: (node: number) => string,
): (leaf: number) => boolean {
  /** By node: how many of the names the way to it has, where it has had them from the root on; else -1. */
  const matched = new Int32Array(length).fill(-1);
  matched[0] = 0;
  for (let node = 1; node < length; node++) {
    const above = matched[parent[node]!]!;
    if (above === names.length) matched[node] = above;
    else if (above >= 0 && nameOf(node) === names[above]) matched[node] = above + 1;
  }
  return (leaf) => matched[leaf] === names.length;
}
