import type { QueryContext } from "./context.ts";
import type { Selection } from "./selection.ts";
import { sumStacks } from "./stacks.ts";

/** The value of stacks that end before their root: they have a frame that says so. */
export async function truncatedOf(context: QueryContext, selection: Selection, signal: AbortSignal): Promise<number> {
  const { sums, entries } = await sumStacks(context, selection, [], "stack", signal);
  const { nodes, frames } = sums;
  /** By node: 0 is not known yet, 1 whole, 2 truncated. */
  const marks = new Uint8Array(nodes.length);
  marks[0] = 1;
  let truncated = 0;
  const path: number[] = [];
  for (let at = 0; at < entries.length; at++) {
    let node = entries.node[at]!;
    while (marks[node] === 0) {
      if (frames.at(nodes.frame[node]!).type === "truncated") marks[node] = 2;
      else {
        path.push(node);
        node = nodes.parent[node]!;
      }
    }
    for (const passed of path) marks[passed] = marks[node]!;
    path.length = 0;
    if (marks[node] === 2) truncated += entries.value[at]!;
  }
  return truncated;
}
