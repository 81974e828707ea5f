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
  /** Slot of the answer that `times` begins with. */
  readonly firstSlot: number;
}

/** Slots at the ends that were only partly sampled are left out: they would look as if less was used. */
export function stackAreas({ series, start, step, coverage, ...answer }: TimelineAnswer): StackedAreas {
  const until = Math.min(coverage.to, coverage.visibleUpTo);
  const first = start < coverage.from && answer.slots > 2 ? 1 : 0;
  let slots = answer.slots;
  while (slots > first + 1 && start + slots * step > until) slots--;
  const times = Float64Array.from({ length: slots - first }, (_, slot) => (start + (first + slot + 0.5) * step) / 1000);
  const edges: Float64Array[] = [];
  const sum = new Float64Array(slots - first);
  for (const { values } of series) {
    for (let slot = first; slot < slots; slot++) sum[slot - first]! += values[slot] ?? 0;
    edges.push(sum.slice());
  }
  const order = series.map((_, index) => index).reverse();
  return {
    times,
    edges: edges.reverse(),
    series: order,
    max: sum.reduce((a, b) => Math.max(a, b), 0),
    firstSlot: first,
  };
}
