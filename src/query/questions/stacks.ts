import type { Plan, StackSums } from "#store";
import type { StackEntries } from "../flame/stack-source.ts";
import { callSiteTest } from "./call-site.ts";
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
  const { type, range, links, process, callSite = [] } = selection;
  const sums = await context.store.sum({
    type: type.id,
    range,
    spans: groups.spans,
    by,
    ...(links ? { links } : {}),
    signal,
  });
  signal.throwIfAborted();
  let entries: StackEntries = sums;
  if (process.length > 0) entries = chosen(entries, processOf(sums, processTest(process)));
  if (callSite.length > 0) {
    const functions = context.functions.of("function", sums.frames);
    const numberOf = functions.numbering(sums.frames);
    const nameOf = (node: number): string => functions.at(numberOf(sums.nodes.frame[node]!)).name;
    entries = chosen(entries, callSiteTest(sums.nodes, callSite, nameOf));
  }
  return { groups, sums, entries, plan: sums.plan };
}

/** What an entry of a sum by process is of: the name of the process, "" where it has none. */
export function processAt(
  { nodes, frames }: Pick<StackSums, "nodes" | "frames">,
  node: number,
): { readonly name: string; readonly isTruncated: boolean } {
  if (node === 0) return { name: "", isTruncated: false };
  const outermost = frames.at(nodes.frame[node]!);
  const isTruncated = outermost.type === "truncated";
  const parent = nodes.parent[node]!;
  const frame = isTruncated && parent !== 0 ? frames.at(nodes.frame[parent]!) : outermost;
  return { name: frame.type === "process" ? frame.name : "", isTruncated };
}

/** How much of a sum by process is of truncated stacks. */
export function truncatedIn({ sums, entries }: SelectedStacks): number {
  const marks = new Map<number, boolean>();
  let truncated = 0;
  for (let at = 0; at < entries.length; at++) {
    const node = entries.node[at]!;
    let isTruncated = marks.get(node);
    if (isTruncated === undefined) marks.set(node, (isTruncated = processAt(sums, node).isTruncated));
    if (isTruncated) truncated += entries.value[at]!;
  }
  return truncated;
}

/** The same of a selection that is looked at in other ways. */
export async function truncatedOf(context: QueryContext, selection: Selection, signal: AbortSignal): Promise<number> {
  return truncatedIn(await sumStacks(context, selection, [], "process", signal));
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

/** Says whether a stack begins with a process of such a name. */
function processOf(
  { nodes, frames }: Pick<StackSums, "nodes" | "frames">,
  holds: (name: string) => boolean,
): (leaf: number) => boolean {
  /** By node: 0 is not known yet, 1 out, 2 in. */
  const verdicts = new Uint8Array(nodes.length);
  return (leaf) => {
    const path: number[] = [];
    let at = leaf;
    while (verdicts[at] === 0) {
      path.push(at);
      const parent = nodes.parent[at]!;
      if (at === 0 || parent === 0) {
        const frame = at === 0 ? undefined : frames.at(nodes.frame[at]!);
        verdicts[at] = holds(frame?.type === "process" ? frame.name : "") ? 2 : 1;
      } else at = parent;
    }
    for (const passed of path) verdicts[passed] = verdicts[at]!;
    return verdicts[at] === 2;
  };
}

/** The entries whose stacks are wanted, by leaf. */
function chosen({ length, group, node, value }: StackEntries, isWanted: (leaf: number) => boolean): StackEntries {
  const positions: number[] = [];
  for (let at = 0; at < length; at++) if (isWanted(node[at]!)) positions.push(at);
  return {
    length: positions.length,
    group: Uint32Array.from(positions, (at) => group[at]!),
    node: Uint32Array.from(positions, (at) => node[at]!),
    value: Float64Array.from(positions, (at) => value[at]!),
  };
}
