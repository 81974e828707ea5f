import type { Plan, StackSums } from "#store";
import type { StackEntries } from "../flame/stack-source.ts";
import type { QueryContext } from "./context.ts";
import { type Groups, groupSeries } from "./groups.ts";
import { processTest, type Selection } from "./selection.ts";

/** What the store summed up for a selection, the selection's processes only. */
export interface SelectedStacks {
  readonly groups: Groups;
  readonly sums: StackSums;
  readonly entries: StackEntries;
  readonly plan: Plan;
}

/** @param groupBy names of labels that keep values apart */
export async function sumStacks(
  context: QueryContext,
  selection: Selection,
  groupBy: readonly string[],
  by: "stack" | "process",
  signal: AbortSignal,
): Promise<SelectedStacks> {
  const groups = await groupSeries(context, selection, groupBy);
  const { type, range, links, process } = selection;
  const sums = await context.store.sum({
    type: type.id,
    range,
    spans: groups.spans,
    by,
    ...(links ? { links } : {}),
    signal,
  });
  signal.throwIfAborted();
  const entries = process.length === 0 ? sums : ofProcesses(sums, processTest(process));
  return { groups, sums, entries, plan: sums.plan };
}

/** Adds up entries of equal group and node, for readers to whom each is costly. */
export function combined({ sums, entries }: SelectedStacks): StackEntries {
  const positions = new Map<number, number>();
  const found = { group: [] as number[], node: [] as number[], value: [] as number[] };
  for (let at = 0; at < entries.length; at++) {
    const key = entries.group[at]! * sums.nodes.length + entries.node[at]!;
    const position = positions.get(key);
    if (position !== undefined) found.value[position]! += entries.value[at]!;
    else {
      positions.set(key, found.value.push(entries.value[at]!) - 1);
      found.group.push(entries.group[at]!);
      found.node.push(entries.node[at]!);
    }
  }
  return {
    length: found.value.length,
    group: Uint32Array.from(found.group),
    node: Uint32Array.from(found.node),
    value: Float64Array.from(found.value),
  };
}

/** Entries whose stack begins with a process of such a name. */
function ofProcesses({ nodes, frames, length, group, node, value }: StackSums, holds: (name: string) => boolean) {
  /** By node: 0 is not known yet, 1 out, 2 in. */
  const verdicts = new Uint8Array(nodes.length);
  const verdict = (of: number): number => {
    const path: number[] = [];
    let at = of;
    while (verdicts[at] === 0) {
      path.push(at);
      const parent = nodes.parent[at]!;
      if (at === 0 || parent === 0) {
        const frame = at === 0 ? undefined : frames.at(nodes.frame[at]!);
        verdicts[at] = holds(frame?.type === "process" ? frame.name : "") ? 2 : 1;
      } else at = parent;
    }
    for (const passed of path) verdicts[passed] = verdicts[at]!;
    return verdicts[at]!;
  };
  const chosen: number[] = [];
  for (let at = 0; at < length; at++) if (verdict(node[at]!) === 2) chosen.push(at);
  return {
    length: chosen.length,
    group: Uint32Array.from(chosen, (at) => group[at]!),
    node: Uint32Array.from(chosen, (at) => node[at]!),
    value: Float64Array.from(chosen, (at) => value[at]!),
  };
}
