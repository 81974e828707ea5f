import type { TimelineAnswer } from "../api.ts";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf, sumByAttribution } from "./coverage.ts";
import { type Line, type LineOptions, seriesOf } from "./lines.ts";
import { PROCESS_LABEL, type Selection } from "./selection.ts";
import { processAt, type SelectedStacks, sumStacks, truncatedIn } from "./stacks.ts";
import { niceStep } from "./steps.ts";

/** Each step is a question of its own. */
const MAX_SLOTS = 120;
const DEFAULT_SLOTS = 30;
const AT_ONCE = 4;

/** A timeline of processes, which stand in stacks rather than in series: one sum for each step. */
export async function processTimeline(
  context: QueryContext,
  selection: Selection,
  options: LineOptions & { readonly step: number | undefined },
  signal: AbortSignal,
): Promise<Omit<TimelineAnswer, "marks">> {
  const { range, type } = selection;
  const step = options.step ?? niceStep((range.to - range.from) / DEFAULT_SLOTS);
  const start = Math.floor(range.from / step) * step;
  const slots = Math.ceil((range.to - start) / step);
  if (slots > MAX_SLOTS) {
    throw new QueryError("limit", `${slots} steps of processes are more than ${MAX_SLOTS}`, "Ask for a longer step.");
  }
  const labels = options.groupBy.filter((name) => name !== PROCESS_LABEL);
  const lines = new Map<string, Line>();
  const sums = { total: 0, unnamed: 0, unattributed: 0 };
  let truncated = 0;
  let plan: SelectedStacks["plan"] | undefined;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < slots) {
      const slot = next++;
      const from = Math.max(range.from, start + slot * step);
      const to = Math.min(range.to, start + (slot + 1) * step);
      const stacks = await sumStacks(context, { ...selection, range: { from, to } }, labels, "process", signal);
      addSlot(lines, slots, slot, stacks, options.groupBy);
      const part = sumByAttribution(stacks.groups, stacks.entries);
      sums.total += part.total;
      sums.unnamed += part.unnamed;
      sums.unattributed += part.unattributed;
      truncated += truncatedIn(stacks);
      plan = {
        covered: range,
        tiers: [...new Set([...(plan?.tiers ?? []), ...stacks.plan.tiers])],
        blocks: Math.max(plan?.blocks ?? 0, stacks.plan.blocks),
        rows: (plan?.rows ?? 0) + stacks.plan.rows,
        gaps: [...(plan?.gaps ?? []), ...stacks.plan.gaps],
      };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    type: type.id,
    unit: type.unit,
    start,
    step,
    slots,
    series: seriesOf([...lines.values()], step, slots, selection, options),
    cores: type.isCpuTime,
    coverage: coverageOf(
      context.store,
      plan ?? { covered: range, tiers: [], blocks: 0, rows: 0, gaps: [] },
      sums,
      truncated,
    ),
  };
}

function addSlot(
  lines: Map<string, Line>,
  slots: number,
  slot: number,
  { groups, sums, entries }: SelectedStacks,
  groupBy: readonly string[],
): void {
  for (let at = 0; at < entries.length; at++) {
    const { name: process } = processAt(sums, entries.node[at]!);
    const ofLabels = groups.list[entries.group[at]!]!.values;
    let label = 0;
    const values = groupBy.map((name) => (name === PROCESS_LABEL ? process : ofLabels[label++]!));
    const key = values.join("\n");
    let line = lines.get(key);
    if (!line) lines.set(key, (line = { values, perSlot: new Float64Array(slots) }));
    line.perSlot[slot]! += entries.value[at]!;
  }
}
