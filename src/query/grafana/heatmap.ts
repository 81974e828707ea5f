import { QueryError } from "../query-error.ts";
import type { QueryContext } from "../questions/context.ts";
import { groupSeries } from "../questions/groups.ts";
import type { Selection } from "../questions/selection.ts";
import { niceStep } from "../questions/steps.ts";
import type { HeatmapSeriesEntry, LabelPair } from "./querier-messages.ts";

/** Cells of a column, as Pyroscope has them. */
const ROWS = 20;
/** What one value stands for: a container's use in the store's finest step, longer where that were too many. */
const MAX_VALUES_PER_SERIES = 720;

/** What is asked for besides the selection. */
export interface HeatmapOptions {
  /** Width of a column, milliseconds. */
  readonly step: number;
  readonly groupBy: readonly string[];
  /** Groups at most, heaviest first. */
  readonly limit: number | undefined;
}

/**
 * How use is spread over containers: in each column, how many of them used how much. Pyroscope counts the profiles that
 * it was sent; here the use of one series in ten seconds stands for one.
 */
export async function heatmapOfSeries(
  context: QueryContext,
  selection: Selection,
  { step, groupBy, limit }: HeatmapOptions,
  signal: AbortSignal,
): Promise<readonly HeatmapSeriesEntry[]> {
  const { range, type } = selection;
  const columns = Math.ceil((range.to - range.from) / step);
  if (columns > context.limits.maxSlots) {
    throw new QueryError("limit", `more than ${context.limits.maxSlots} steps`, "Ask for a longer step.");
  }
  const groups = await groupSeries(context, selection, groupBy);
  // Series by series; one whose labels changed is in several groups.
  const places = new Map<string, { readonly place: number; readonly group: number }>();
  const spans = groups.spans.map(({ series, from, to, group }) => {
    const key = `${series} ${group}`;
    let own = places.get(key);
    if (!own) places.set(key, (own = { place: places.size, group }));
    return { series, from, to, group: own.place };
  });
  const timeline = await context.store.timeline({
    type: type.id,
    range,
    spans,
    step: niceStep((range.to - range.from) / MAX_VALUES_PER_SERIES),
    signal,
  });
  const { values, slots } = timeline;
  let least = Infinity;
  let most = 0;
  for (const value of values) {
    if (value > 0 && value < least) least = value;
    if (value > most) most = value;
  }
  if (most === 0) return [];
  const height = (most - least) / ROWS || 1;
  const yMin = Array.from({ length: ROWS }, (_, row) => least + row * height);
  const found = new Map<string, { readonly labels: readonly LabelPair[]; readonly cells: Int32Array; sum: number }>();
  for (const { place, group } of places.values()) {
    const { values: ofLabels } = groups.list[group]!;
    const key = ofLabels.join("\n");
    let own = found.get(key);
    if (!own) {
      const labels = groupBy.map((name, at) => ({ name, value: ofLabels[at]! }));
      found.set(key, (own = { labels, cells: new Int32Array(columns * ROWS), sum: 0 }));
    }
    for (let slot = 0; slot < slots; slot++) {
      const value = values[place * slots + slot]!;
      if (value <= 0) continue;
      const time = timeline.start + slot * timeline.step - range.from;
      const column = Math.min(columns - 1, Math.max(0, Math.floor(time / step)));
      own.cells[column * ROWS + Math.min(ROWS - 1, Math.floor((value - least) / height))]!++;
      own.sum += value;
    }
  }
  const heaviest = [...found.values()].filter(({ sum }) => sum > 0).sort((a, b) => b.sum - a.sum);
  return heaviest.slice(0, limit).map(({ labels, cells }) => ({
    labels,
    slots: Array.from({ length: columns }, (_, column) => ({
      timestamp: range.from + (column + 1) * step,
      yMin,
      counts: Array.from(cells.subarray(column * ROWS, (column + 1) * ROWS)),
    })).filter(({ counts }) => counts.some((count) => count > 0)),
  }));
}
