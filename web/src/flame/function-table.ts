import type { FrameTable } from "./frame-table.ts";
import type { StackTable } from "./stack-table.ts";

/** What each function of a profile uses, as columns by frame. */
export interface FunctionTable {
  /** Own values. */
  readonly self: Float64Array;
  /** Values in it or what it called, recursion counted once. */
  readonly total: Float64Array;
  /** Of the second selection; diff only. */
  readonly otherSelf: Float64Array | undefined;
  readonly otherTotal: Float64Array | undefined;
  /** Of the whole profile. */
  readonly whole: number;
  readonly otherWhole: number;
}

/** Adds up functions: one pass over the stacks. */
export function functionsOf(stacks: StackTable, frames: FrameTable): FunctionTable {
  const { length, offsets, frames: ids, values, others } = stacks;
  const count = frames.length;
  const self = new Float64Array(count);
  const total = new Float64Array(count);
  const otherSelf = others && new Float64Array(count);
  const otherTotal = others && new Float64Array(count);
  // The stack + 1 that a frame was last seen in.
  const seen = new Int32Array(count);
  let whole = 0;
  let otherWhole = 0;
  for (let stack = 0; stack < length; stack++) {
    const value = values[stack]!;
    const other = others ? others[stack]! : 0;
    whole += value;
    otherWhole += other;
    const end = offsets[stack + 1]!;
    for (let at = offsets[stack]!; at < end; at++) {
      const frame = ids[at]!;
      if (frame < 0 || seen[frame] === stack + 1) continue;
      seen[frame] = stack + 1;
      total[frame]! += value;
      if (otherTotal) otherTotal[frame]! += other;
    }
    const innermost = end > offsets[stack]! ? ids[end - 1]! : -1;
    if (innermost < 0) continue;
    self[innermost]! += value;
    if (otherSelf) otherSelf[innermost]! += other;
  }
  return { self, total, otherSelf, otherTotal, whole, otherWhole };
}

/** The columns that a table of functions can be sorted by. */
export type FunctionColumn = "self" | "total" | "change";

/** Frames in the order of a column, the largest first (`change`: the largest change by amount); at most `limit`. */
export function topFunctions(table: FunctionTable, column: FunctionColumn, limit: number): Int32Array {
  const { self, total, otherTotal } = table;
  const key =
    column === "self"
      ? self
      : column === "total"
        ? total
        : total.map((value, frame) => Math.abs((otherTotal?.[frame] ?? value) - value));
  const found: number[] = [];
  for (let frame = 0; frame < total.length; frame++) {
    if (total[frame]! > 0 || (otherTotal && otherTotal[frame]! > 0)) found.push(frame);
  }
  found.sort((a, b) => key[b]! - key[a]! || a - b);
  return Int32Array.from(found.slice(0, limit));
}
