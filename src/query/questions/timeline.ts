import type { TimelineAnswer } from "../api.ts";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf } from "./coverage.ts";
import { type Groups, groupSeries } from "./groups.ts";
import { addTo, type Line, type LineOptions, seriesOf, sumOf } from "./lines.ts";
import { INSTANCE_LABELS, marksOf } from "./marks.ts";
import { processTimeline } from "./process-timeline.ts";
import { PROCESS_LABEL, type Selection } from "./selection.ts";
import { truncatedOf } from "./stacks.ts";
import { niceStep } from "./steps.ts";

export interface TimelineOptions extends LineOptions {
  /** Milliseconds; undefined: one that gives about 120 steps. */
  readonly step: number | undefined;
}

const DEFAULT_SLOTS = 120;

/** How much a selection used over time, one line for each combination of labels, heaviest first. */
export async function timelineOf(
  context: QueryContext,
  selection: Selection,
  options: TimelineOptions,
  signal: AbortSignal,
): Promise<TimelineAnswer> {
  const { type, range } = selection;
  const step = options.step ?? niceStep((range.to - range.from) / DEFAULT_SLOTS);
  const wanted = Math.ceil((range.to - range.from) / step) + 1;
  if (wanted > context.limits.maxSlots) {
    throw new QueryError(
      "limit",
      `${wanted} steps are more than ${context.limits.maxSlots}`,
      "Ask for a longer step or a shorter time.",
    );
  }
  if (selection.process.length > 0 || options.groupBy.includes(PROCESS_LABEL)) {
    const [answer, marks] = await Promise.all([
      processTimeline(context, selection, options, signal),
      marksWithin(context, selection, step, signal),
    ]);
    return { ...answer, marks };
  }
  // By container, for marks; lines are put together from that.
  const groupBy = [...options.groupBy, ...INSTANCE_LABELS];
  const groups = await groupSeries(context, selection, groupBy);
  const [timeline, truncated] = await Promise.all([
    context.store.timeline({ type: type.id, range, spans: groups.spans, step, signal }),
    truncatedOf(context, selection, signal),
  ]);
  const perGroup = (group: number): Float64Array =>
    timeline.values.subarray(group * timeline.slots, (group + 1) * timeline.slots);
  const lines = new Map<string, Line>();
  groups.list.forEach((group, number) => {
    const values = group.values.slice(0, options.groupBy.length);
    const key = values.join("\n");
    let line = lines.get(key);
    if (!line) lines.set(key, (line = { values, perSlot: new Float64Array(timeline.slots) }));
    addTo(line.perSlot, perGroup(number));
  });
  return {
    type: type.id,
    unit: type.unit,
    start: timeline.start,
    step: timeline.step,
    slots: timeline.slots,
    series: seriesOf([...lines.values()], timeline.step, timeline.slots, selection, options),
    cores: type.isCpuTime,
    marks: marksOf(groups, options.groupBy.length, timeline, perGroup),
    coverage: coverageOf(context.store, timeline.plan, attributionOf(groups, perGroup), truncated),
  };
}

/** Deployments and restarts of the containers of a selection, whichever their processes. */
async function marksWithin(
  context: QueryContext,
  selection: Selection,
  step: number,
  signal: AbortSignal,
): Promise<TimelineAnswer["marks"]> {
  const groups = await groupSeries(context, selection, INSTANCE_LABELS);
  const { type, range } = selection;
  const timeline = await context.store.timeline({ type: type.id, range, spans: groups.spans, step, signal });
  const { slots, values } = timeline;
  return marksOf(groups, 0, timeline, (group) => values.subarray(group * slots, (group + 1) * slots));
}

function attributionOf({ list }: Groups, perGroup: (group: number) => Float64Array) {
  const sums = { total: 0, unnamed: 0, unattributed: 0 };
  list.forEach(({ attribution }, group) => {
    const sum = sumOf(perGroup(group));
    sums.total += sum;
    if (attribution !== "known") sums[attribution] += sum;
  });
  return sums;
}
