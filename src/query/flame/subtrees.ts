import type { StackSource } from "./stack-source.ts";

/** What stands below some nodes of a source, as a source: these nodes are right below its root, and nothing else is. */
export function subtrees(source: StackSource, nodes: readonly number[]): StackSource {
  const first = source.first.slice();
  const next = source.next.slice();
  const total = source.total.slice();
  first[0] = 0;
  total[0] = 0;
  for (const node of nodes) {
    next[node] = first[0];
    first[0] = node;
    total[0] += total[node]!;
  }
  return { ...source, first, next, total, used: count(first, next, nodes), under: -1 };
}

function count(first: Int32Array, next: Int32Array, nodes: readonly number[]): number {
  const waiting = [...nodes];
  let found = 0;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    found++;
    for (let child = first[node]!; child !== 0; child = next[child]!) waiting.push(child);
  }
  return found;
}
