import { CalleeLists, listColumns } from "./callee-lists.ts";
import type { StackSource } from "./stack-source.ts";

/**
 * What stands below some nodes of a source, as a source of its own: these nodes are right below its root, and nothing
 * else is. Costs what is below them, not what the source holds.
 *
 * @param nodes none of them below another one
 */
export function subtrees(source: StackSource, nodes: readonly number[]): StackSource {
  // Memory that isn't touched isn't taken.
  const capacity = source.used + 1;
  const taken = new Int32Array(capacity);
  const parent = new Int32Array(capacity);
  const total = new Float64Array(capacity);
  let length = 1;
  const take = (node: number, caller: number): void => {
    taken[length] = node;
    parent[length] = caller;
    total[length++] = source.total[node]!;
  };
  for (const node of nodes) {
    total[0]! += source.total[node]!;
    take(node, 0);
  }
  for (let at = 1; at < length; at++) {
    const { calls } = source;
    for (let cursor = calls.first(taken[at]!); cursor !== 0; cursor = calls.next(cursor)) take(calls.node(cursor), at);
  }
  const values = total.subarray(0, length);
  const calls = new CalleeLists(parent, values, listColumns(length));
  for (let node = length - 1; node > 0; node--) if (parent[node] !== node - 1) calls.put(parent[node]!, node);
  const { side, functionOf } = source;
  return {
    length,
    parent,
    total: values,
    calls,
    used: length - 1,
    side,
    under: -1,
    functionOf: (node) => functionOf(taken[node]!),
  };
}
