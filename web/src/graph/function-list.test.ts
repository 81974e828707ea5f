import { expect, test } from "vitest";
import { FlameTree, FrameTable, functionsOf, stacksOf } from "../flame/index.ts";
import { listFunctions } from "./function-list.ts";

const kinds = [
  ["shop", "process"],
  ["main", "go"],
  ["old", "go"],
  ["fresh", "go"],
] as const;
const frames = FrameTable.of(kinds.map(([name, type]) => ({ name, type, file: "", line: 0, mapping: "" })));
/** all → shop → (main, old, fresh), before and after. */
const tree = new FlameTree(
  {
    measure: { type: "cpu", unit: "nanoseconds", coveredMs: 1, otherCoveredMs: 1, omitted: 0 },
    frame: Int32Array.of(-1, 0, 1, 2, 3),
    firstChild: Int32Array.of(1, 2, 5, 5, 5, 5),
    total: Float64Array.of(100, 100, 60, 40, 0),
    other: Float64Array.of(100, 100, 63, 0, 37),
  },
  frames,
);
const functions = functionsOf(stacksOf(tree)!, frames);
const usual = { sort: "total", changes: "all", matches: undefined, limit: 10 } as const;
const names = (options: Partial<Parameters<typeof listFunctions>[2]>): string[] =>
  listFunctions(tree, functions, { ...usual, ...options }).rows.map(({ frame }) => frames.name(frame));

test("a table of functions has no processes, and the heaviest of both sides first", () => {
  expect(names({})).toEqual(["main", "old", "fresh"]);
});

test("new, gone and changed functions are told apart", () => {
  expect(names({ changes: "new" })).toEqual(["fresh"]);
  expect(names({ changes: "gone" })).toEqual(["old"]);
  expect(names({ changes: "changed" })).toEqual([]);
});

test("by change, the largest amount comes first", () => {
  expect(names({ sort: "change" })).toEqual(["old", "fresh", "main"]);
});

test("what doesn't fit is counted", () => {
  expect(listFunctions(tree, functions, { ...usual, limit: 1 }).omitted).toBeGreaterThan(0);
});
