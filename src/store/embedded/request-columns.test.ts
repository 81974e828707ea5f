import { expect, it } from "vitest";
import { RequestColumns } from "./request-columns.ts";

it("columns of a request are clean, whatever the one before left in them", () => {
  const columns = new RequestColumns();
  // From what fits at once to what never does.
  for (const length of [10, 5000, 40_000, 40_000, 2_000_000, 30]) {
    columns.begin();
    const unknown = columns.ints(length, -1);
    const zeros = columns.unsigned(length);
    expect([unknown.length, zeros.length]).toEqual([length, length]);
    expect(unknown.every((value) => value === -1)).toBe(true);
    expect(zeros.every((value) => value === 0)).toBe(true);
    expect(columns.list()).toHaveLength(0);
    unknown.fill(7);
    zeros.fill(8);
    columns.list().push(9);
    expect(unknown.every((value) => value === 7)).toBe(true);
  }
});

it("columns share memory from one request to the next, but not within one", () => {
  const columns = new RequestColumns();
  columns.begin();
  const [first, second] = [columns.ints(100, 1), columns.ints(100, 2)];
  expect(first[99]).toBe(1);
  expect(second[0]).toBe(2);
  columns.begin();
  expect(columns.ints(100, 3).buffer).toBe(first.buffer);
});
