import type { HeatmapAnswer } from "../api.ts";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf } from "./coverage.ts";
import { groupSeries } from "./groups.ts";
import type { Selection } from "./selection.ts";
import { truncatedOf } from "./stacks.ts";

const COLUMN_MS = 1000;

/** When within each second samples were taken: bursts and pauses that sums over seconds hide. Needs raw events. */
export async function heatmapOf(
  context: QueryContext,
  selection: Selection,
  rows: number,
  signal: AbortSignal,
): Promise<HeatmapAnswer> {
  const { type } = selection;
  if (selection.process.length > 0) {
    throw new QueryError("invalid", "a heat map can't be of one process", "Select its container instead.");
  }
  const from = Math.floor(selection.range.from / COLUMN_MS) * COLUMN_MS;
  const columns = Math.ceil((selection.range.to - from) / COLUMN_MS);
  if (columns * rows > context.limits.maxCells) {
    const most = Math.floor(context.limits.maxCells / rows);
    throw new QueryError("limit", `${columns} seconds are more than ${most}`, `Ask for at most ${most} seconds.`);
  }
  const step = COLUMN_MS / rows;
  const range = { from, to: from + columns * COLUMN_MS };
  const groups = await groupSeries(context, { ...selection, range }, []);
  const [timeline, truncated] = await Promise.all([
    context.store.timeline({ type: type.id, range, spans: groups.spans, step, raw: true, signal }),
    truncatedOf(context, { ...selection, range }, signal),
  ]);
  const values = new Float64Array(columns * rows);
  const sums = { total: 0, unnamed: 0, unattributed: 0 };
  groups.list.forEach(({ attribution }, group) => {
    for (let slot = 0; slot < Math.min(timeline.slots, values.length); slot++) {
      const value = timeline.values[group * timeline.slots + slot]!;
      values[slot]! += value;
      sums.total += value;
      if (attribution !== "known") sums[attribution] += value;
    }
  });
  return {
    type: type.id,
    start: from,
    step,
    columns,
    rows,
    values: Array.from(values),
    max: values.reduce((most, value) => Math.max(most, value), 0),
    coverage: coverageOf(context.store, timeline.plan, sums, truncated),
  };
}
