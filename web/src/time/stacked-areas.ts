/** A timeline's numbers as a chart needs them: each series on top of the ones before it. */
import type { TimelineAnswer } from "../../../src/query/api.ts";

export interface StackedAreas {
  /** Seconds since 1970, the middle of each slot. */
  readonly times: Float64Array;
  /** Upper edges, one array a series, in the order they are drawn: the outermost (all together) first. */
  readonly edges: readonly Float64Array[];
  /** Index into the answer's series, by edge. */
  readonly series: readonly number[];
  readonly max: number;
}

export function stackAreas({ series, slots, start, step }: TimelineAnswer): StackedAreas {
  const times = Float64Array.from({ length: slots }, (_, slot) => (start + (slot + 0.5) * step) / 1000);
  const edges: Float64Array[] = [];
  const sum = new Float64Array(slots);
  for (const { values } of series) {
    for (let slot = 0; slot < slots; slot++) sum[slot]! += values[slot] ?? 0;
    edges.push(sum.slice());
  }
  const order = series.map((_, index) => index).reverse();
  return { times, edges: edges.reverse(), series: order, max: sum.reduce((a, b) => Math.max(a, b), 0) };
}
