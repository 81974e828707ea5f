import { expect, test } from "vitest";
import type { TimelineAnswer } from "../../../src/query/api.ts";
import { stackAreas } from "./stacked-areas.ts";

const answer: TimelineAnswer = {
  type: "cpu",
  unit: "nanoseconds",
  start: 0,
  step: 10_000,
  slots: 4,
  cores: true,
  series: [
    { name: "a", query: "", remainder: false, values: [1, 2, 3, 1] },
    { name: "b", query: "", remainder: false, values: [1, 1, 1, 1] },
  ],
  marks: [],
  coverage: {
    from: 0,
    to: 40_000,
    visibleUpTo: 40_000,
    total: 0,
    unattributed: 0,
    unnamed: 0,
    lost: 0,
    gaps: [],
    plan: "",
  },
};

test("series stand on one another, the sum of all is drawn first", () => {
  const { times, edges, series, max } = stackAreas(answer);
  expect([...times]).toEqual([5, 15, 25, 35]);
  expect(edges.map((edge) => [...edge])).toEqual([
    [2, 3, 4, 2],
    [1, 2, 3, 1],
  ]);
  expect(series).toEqual([1, 0]);
  expect(max).toBe(4);
});

test("slots at the ends that were only partly sampled are left out", () => {
  const partly = { ...answer, coverage: { ...answer.coverage, from: 3000, visibleUpTo: 37_000 } };
  const { times, edges, firstSlot } = stackAreas(partly);
  expect([...times]).toEqual([15, 25]);
  expect([...edges[0]!]).toEqual([3, 4]);
  expect(firstSlot).toBe(1);
});
