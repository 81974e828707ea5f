/** A timeline's numbers as a chart needs them: each series on top of the ones before it. */
import type { TimelineAnswer } from "../../../src/query/api.ts";

export interface StackedAreas {
  /**
   * Seconds since 1970: where the first slot begins, the middle of each, where the last one ends. So a single slot, which is
   * all that there is in the first seconds, is an area too.
   */
  readonly times: Float64Array;
  /** Upper edges, one array a series, in the order they are drawn: the outermost (all together) first. */
  readonly edges: readonly Float64Array[];
  /** Index into the answer's series, by edge. */
  readonly series: readonly number[];
  readonly max: number;
  readonly mean: number;
  /** Slot of the answer at an index of `times`. */
  readonly slotAt: (index: number) => number;
}

/**
 * Slots at the ends that were only partly sampled are left out: they would look as if less was used. Where there are no
 * others, in the first seconds, they are scaled.
 */
export function stackAreas({ series, start, step, coverage, ...answer }: TimelineAnswer): StackedAreas {
  const until = Math.min(coverage.to, coverage.visibleUpTo);
  const first = start < coverage.from && answer.slots > 2 ? 1 : 0;
  let slots = answer.slots;
  while (slots > first + 1 && start + slots * step > until) slots--;
  const seconds = (slot: number): number => (start + slot * step) / 1000;
  const times = Float64Array.from({ length: slots - first }, (_, slot) => seconds(first + slot + 0.5));
  const edges: Float64Array[] = [];
  const sum = new Float64Array(slots - first);
  const scales = Float64Array.from(sum, (_, slot) => {
    const begin = start + (first + slot) * step;
    const sampled = Math.min(begin + step, until) - Math.max(begin, coverage.from);
    return sampled > 0 ? step / sampled : 1;
  });
  for (const { values } of series) {
    for (let slot = first; slot < slots; slot++) sum[slot - first]! += (values[slot] ?? 0) * scales[slot - first]!;
    edges.push(withEnds(sum));
  }
  const order = series.map((_, index) => index).reverse();
  return {
    times: Float64Array.of(seconds(first), ...times, seconds(slots)),
    edges: edges.reverse(),
    series: order,
    max: sum.reduce((a, b) => Math.max(a, b), 0),
    mean: sum.reduce((a, b) => a + b, 0) / sum.length,
    slotAt: (index) => Math.max(first, Math.min(slots - 1, first + index - 1)),
  };
}

/** Values at the middle of slots, and where the first begins and the last ends. */
function withEnds(values: Float64Array): Float64Array {
  return Float64Array.of(values[0] ?? 0, ...values, values.at(-1) ?? 0);
}
