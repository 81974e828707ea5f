import type { Selector, TimeRange } from "#store";
import type { LabelsAnswer, LabelValuesAnswer, ProfileTypesAnswer } from "../api.ts";
import type { QueryContext } from "./context.ts";
import { isCpuTime, PROCESS_LABEL, type Selection } from "./selection.ts";
import { processAt, sumStacks } from "./stacks.ts";

export async function profileTypes({ store }: QueryContext, range: TimeRange): Promise<ProfileTypesAnswer> {
  const types = await store.profileTypes(range);
  return {
    types: types.map(({ id, unit, aggregation }) => ({ id, unit, aggregation, cores: isCpuTime({ id, unit }) })),
  };
}

/** Names of labels, and the one that isn't one of series. */
export async function labelNames({ store }: QueryContext, selector: Selector, range: TimeRange): Promise<LabelsAnswer> {
  const names = await store.labelNames(selector, range);
  return { labels: names.length === 0 ? names : [...new Set([...names, PROCESS_LABEL])].sort() };
}

/** @param selection undefined where there is no sample of any type */
export async function labelValues(
  context: QueryContext,
  name: string,
  selection: Selection,
  limit: number,
  signal: AbortSignal,
): Promise<LabelValuesAnswer> {
  const { selector, range } = selection;
  if (name !== PROCESS_LABEL) return context.store.labelValues(name, selector, range, limit);
  const { sums, entries } = await sumStacks(context, selection, [], "process", signal);
  const found = new Set<string>();
  for (let at = 0; at < entries.length; at++) {
    const { name: process } = processAt(sums, entries.node[at]!);
    if (process !== "") found.add(process);
  }
  const values = [...found].sort();
  return { values: values.slice(0, limit), truncated: values.length > limit };
}
