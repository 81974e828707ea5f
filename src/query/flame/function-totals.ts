import type { MergedTree, Side } from "./merged-tree.ts";

/** Values by function, as columns. */
export interface FunctionTotals {
  /** Time in it or what it called, recursion counted once. */
  readonly total: Float64Array;
  readonly self: Float64Array;
}

/** Adds a tree up by function. @param functions how many there are */
export function functionTotals(tree: MergedTree, functions: number, side: Side = "first"): FunctionTotals {
  const totals = tree.totals(side);
  const own = side === "second" ? tree.otherSelf! : tree.self;
  const result = { total: new Float64Array(functions), self: new Float64Array(functions) };
  for (let node = 1; node < tree.length; node++) result.self[tree.frame[node]!]! += own[node]!;
  walk(tree, functions, (node, isOutermost) => {
    if (isOutermost) result.total[tree.frame[node]!]! += totals[node]!;
  });
  return result;
}

/** Nodes of one function that have no caller of the same function. */
export function outermostNodes(tree: MergedTree, isWanted: (frame: number) => boolean): number[] {
  /** By node: whether it or a caller is wanted. Callers come first. */
  const within = new Uint8Array(tree.length);
  const found: number[] = [];
  for (let node = 1; node < tree.length; node++) {
    if (within[tree.parent[node]!] === 1) within[node] = 1;
    else if (isWanted(tree.frame[node]!)) {
      within[node] = 1;
      found.push(node);
    }
  }
  return found;
}

/** Visits all nodes but the root, and tells of each whether its function isn't among its callers. */
function walk(tree: MergedTree, functions: number, visit: (node: number, isOutermost: boolean) => void): void {
  const { parent, frame, length } = tree;
  const first = new Int32Array(length);
  const next = new Int32Array(length);
  for (let node = length - 1; node > 0; node--) {
    next[node] = first[parent[node]!]!;
    first[parent[node]!] = node;
  }
  /** How often each function is on the path to the node. */
  const active = new Uint32Array(functions);
  let node = first[0]!;
  while (node !== 0) {
    visit(node, active[frame[node]!] === 0);
    active[frame[node]!]!++;
    if (first[node] !== 0) {
      node = first[node]!;
      continue;
    }
    while (node !== 0) {
      active[frame[node]!]!--;
      if (next[node] !== 0) {
        node = next[node]!;
        break;
      }
      node = parent[node]!;
    }
  }
}
