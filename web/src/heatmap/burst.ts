/**
 * Which part of a heat map is selected. A column is a second, from its start at the bottom to its end at the top, so a
 * burst runs up a column and on at the foot of the next one: it has a first and a last cell.
 */
import type { HeatmapAnswer } from "../../../src/query/api.ts";

/** Cells in the order of time: `column * rows + row`. Both ends included. */
export interface Burst {
  readonly first: number;
  readonly last: number;
}

/** Cells between two that were pointed at, in whichever order. */
export function burstBetween(a: number, b: number): Burst {
  return { first: Math.min(a, b), last: Math.max(a, b) };
}

/** Milliseconds since 1970, `to` exclusive. */
export function burstRange({ start, step }: HeatmapAnswer, { first, last }: Burst): { from: number; to: number } {
  return { from: Math.round(start + first * step), to: Math.round(start + (last + 1) * step) };
}

/** What was used in a burst, in the type's unit. */
export function burstValue({ values }: HeatmapAnswer, { first, last }: Burst): number {
  let sum = 0;
  for (let cell = first; cell <= last; cell++) sum += values[cell] ?? 0;
  return sum;
}
