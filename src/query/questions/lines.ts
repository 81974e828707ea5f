import type { TimelineAnswer } from "../api.ts";
import { formatSelector } from "../selector/format-selector.ts";
import { equal } from "./places.ts";
import type { Selection } from "./selection.ts";

/** How the lines of a timeline are kept apart and how many are shown. */
export interface LineOptions {
  /** Labels that lines are kept apart by. */
  readonly groupBy: readonly string[];
  /** Lines at most; the rest is one more. */
  readonly limit: number;
}

/** A line of a timeline while it is made. */
export interface Line {
  /** Of the labels it is grouped by. */
  readonly values: readonly string[];
  readonly perSlot: Float64Array;
}

/** Lines as they are sent: heaviest first, the last one what is left. */
export function seriesOf(
  lines: readonly Line[],
  step: number,
  slots: number,
  { selector, process, type }: Selection,
  { groupBy, limit }: LineOptions,
): TimelineAnswer["series"] {
  const weighed = lines.map((line) => ({ ...line, sum: sumOf(line.perSlot) })).sort((a, b) => b.sum - a.sum);
  const present = weighed.filter(({ sum }) => sum > 0);
  const shown = (values: Float64Array): number[] =>
    Array.from(values, (value) => (type.isCpuTime ? value / (step * 1e6) : value));
  const series = present.slice(0, limit).map(({ values, perSlot }) => ({
    name: groupBy.length === 0 ? "" : values.map((value) => (value === "" ? "(none)" : value)).join(" / "),
    query: formatSelector([...selector, ...process, ...groupBy.map((name, at) => equal(name, values[at]!))]),
    remainder: false,
    values: shown(perSlot),
  }));
  const left = present.slice(limit);
  if (left.length === 0) return series;
  const rest = new Float64Array(slots);
  for (const { perSlot } of left) addTo(rest, perSlot);
  return [...series, { name: `${left.length} more`, query: "", remainder: true, values: shown(rest) }];
}

export function addTo(sums: Float64Array, values: Float64Array): void {
  for (let at = 0; at < values.length; at++) sums[at]! += values[at]!;
}

export function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
