import fc from "fast-check";
import { FrameTable } from "../frame-table.ts";
import { type StackTable, StackTableBuilder } from "../stack-table.ts";

/** A stack as tests write it: names and values. */
export interface PlainStack {
  readonly frames: readonly number[];
  readonly value: number;
  readonly other: number;
}

/** Few functions, so that stacks share frames and functions call themselves; values from 1 to very large. */
export const plainStacks = fc.array(
  fc.record({
    frames: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 8 }),
    value: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1e9 })),
    other: fc.integer({ min: 0, max: 1000 }),
  }),
  { maxLength: 60 },
);

export const NAMES = ["main", "alloc", "parse", "walk", "alloc::grow", "[unknown]"] as const;

export function namedFrames(names: readonly string[] = NAMES): FrameTable {
  return FrameTable.of(names.map((name) => ({ name, file: "", line: 0, type: "", mapping: "" })));
}

export function tableOf(stacks: readonly PlainStack[], diff = false): StackTable {
  const builder = new StackTableBuilder(diff);
  for (const { frames, value, other } of stacks) {
    for (const frame of frames) builder.push(frame);
    builder.close(value, other);
  }
  return builder.finish();
}

export const COUNTS = { type: "samples", unit: "count", coveredMs: undefined, otherCoveredMs: undefined } as const;
