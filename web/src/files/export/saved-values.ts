import type { FlameMeasure, StackTable } from "../../flame/index.ts";

/** One number a stack, as formats have it: what it counts, and the numbers. */
export interface SavedValues {
  readonly type: string;
  readonly unit: string;
  /** Milliseconds that the values were gathered in, where that is known. */
  readonly coveredMs: number | undefined;
  /** By stack; whole, and 0 where the stack isn't in that selection. */
  readonly values: Float64Array;
}

/** The values of stacks as formats take them: of a comparison both selections, the second as `TYPE_other`. */
export function savedValues({ values, others }: StackTable, measure: FlameMeasure): readonly SavedValues[] {
  const { type, unit, coveredMs, otherCoveredMs } = measure;
  const first = { type, unit, coveredMs, values: wholeNumbers(values) };
  if (!others) return [first];
  return [first, { type: `${type}_other`, unit, coveredMs: otherCoveredMs, values: wholeNumbers(others) }];
}

/** Formats count in whole numbers: what is cut off goes to the next value, so that sums stay. */
function wholeNumbers(exact: Float64Array): Float64Array {
  let carried = 0;
  return exact.map((value) => {
    const whole = Math.round(value + carried);
    carried += value - whole;
    return whole;
  });
}
