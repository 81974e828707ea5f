import { expect, test } from "vitest";
import type { HeatmapAnswer } from "../../../src/query/api.ts";
import { FINEST_ROWS, readable } from "./coarser.ts";

const SAMPLE = 50_000_000;

/** Seconds with so many samples each, evenly spread. */
function answerOf(samplesASecond: number, columns = 4): HeatmapAnswer {
  const values = new Array<number>(columns * FINEST_ROWS).fill(0);
  for (let at = 0; at < columns * samplesASecond; at++) {
    const cell = Math.floor((at / samplesASecond) * FINEST_ROWS);
    values[cell] = values[cell]! + SAMPLE;
  }
  return {
    type: "cpu",
    start: 0,
    step: 1000 / FINEST_ROWS,
    columns,
    rows: FINEST_ROWS,
    values,
    max: Math.max(...values),
    coverage: {
      from: 0,
      to: 1,
      visibleUpTo: 1,
      total: 0,
      unattributed: 0,
      unnamed: 0,
      truncated: 0,
      lost: 0,
      gaps: [],
      plan: "",
    },
  };
}

test.each([
  [400, 50, 20],
  [20, 25, 40],
  [15, 20, 50],
  [2, 10, 100],
])("%i samples a second are read in %i rows of %i ms", (samples, rows, step) => {
  expect(readable(answerOf(samples))).toMatchObject({ rows, step });
});

test("nothing is lost when rows become one", () => {
  const answer = answerOf(15);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const { values, max, rows, columns } = readable(answer);
  expect(values).toHaveLength(rows * columns);
  expect(sum(values)).toBe(sum(answer.values));
  expect(max).toBe(Math.max(...values));
});

test("a heat map without samples stays one", () => {
  expect(readable(answerOf(0)).max).toBe(0);
});
