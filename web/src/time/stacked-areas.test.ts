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
    truncated: 0,
    lost: 0,
    gaps: [],
    plan: "",
  },
};

test("series stand on one another, the sum of all is drawn first", () => {
  const { times, edges, series, max, slotAt } = stackAreas(answer);
  expect([...times]).toEqual([0, 5, 15, 25, 35, 40]);
  expect(edges.map((edge) => [...edge])).toEqual([
    [2, 2, 3, 4, 2, 2],
    [1, 1, 2, 3, 1, 1],
  ]);
  expect(series).toEqual([1, 0]);
  expect(max).toBe(4);
  expect([0, 1, 4, 5].map(slotAt)).toEqual([0, 0, 3, 3]);
});

test("slots at the ends that were only partly sampled are left out", () => {
  const partly = { ...answer, coverage: { ...answer.coverage, from: 3000, visibleUpTo: 37_000 } };
  const { times, edges, slotAt, mean } = stackAreas(partly);
  expect([...times]).toEqual([10, 15, 25, 30]);
  expect([...edges[0]!]).toEqual([3, 3, 4, 4]);
  expect(slotAt(1)).toBe(1);
  expect(mean).toBe(3.5);
});

test("the first seconds are an area as high as what was used in them, although they fill no slot", () => {
  const young = { ...answer, slots: 1, coverage: { ...answer.coverage, from: 2000, visibleUpTo: 7000 } };
  const { times, edges } = stackAreas(young);
  expect([...times]).toEqual([0, 5, 10]);
  expect(edges.map((edge) => [...edge])).toEqual([
    [4, 4, 4],
    [2, 2, 2],
  ]);
});
