import { expect, test } from "vitest";
import { median } from "../figures.ts";
import { summarize, table } from "./report.ts";

test("the median of an odd number of runs is the middle one, of an even number the mean of the middle two", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 6])).toBe(5);
});

test("the ratio is that of the medians, podflame over the Collector", () => {
  expect(summarize({ benchmark: "big", quantity: "MB", podflame: [8, 9, 100], otelcol: [1, 3, 5] }).ratio).toBe(3);
});

test("the table shows medians with their runs, and leaves out who was not measured", () => {
  const rows = [
    { benchmark: "big", quantity: "MB", podflame: [400.4, 512.6], otelcol: [50.25, 50.75] },
    { benchmark: "sync", quantity: "s", podflame: [0.5] },
  ];
  expect(table(rows).split("\n")).toEqual([
    "| benchmark | quantity | podflame      | Collector        | ratio  | note |",
    "| --------- | -------- | ------------- | ---------------- | ------ | ---- |",
    "| big       | MB       | 457 (400 513) | 50.5 (50.3 50.8) | 9.04 × |      |",
    "| sync      | s        | 0.5           |                  |        |      |",
  ]);
});
