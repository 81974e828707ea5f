import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ColumnMemory } from "./column-memory.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The memory that columns of so many bytes are cut from. */
function served(memory: ColumnMemory, bytes: number): ArrayBuffer {
  const columns = memory.take();
  const [first, second] = [columns.int32(bytes / 8 + 1), columns.float64(bytes / 16)];
  first.fill(1);
  second.fill(2);
  expect([first.length, second.length]).toEqual([bytes / 8 + 1, bytes / 16]);
  expect(new Set(first)).toEqual(new Set([1]));
  memory.give(columns);
  return first.buffer;
}

test("columns of one question are cut from what the one before gave back, and don't overlap", () => {
  const memory = new ColumnMemory();
  served(memory, 1 << 16);
  const kept = served(memory, 1 << 16);
  expect(served(memory, 1 << 12)).toBe(kept);
  expect(served(memory, 1 << 16)).toBe(kept);
  expect(served(memory, 1 << 20)).not.toBe(kept);
});

test("questions that come together don't share memory", () => {
  const memory = new ColumnMemory();
  served(memory, 1 << 16);
  const [first, second] = [memory.take(), memory.take()];
  expect(first.int32(1).buffer).not.toBe(second.int32(1).buffer);
});

test("memory that nobody needs goes, and what is too large isn't kept at all", () => {
  const memory = new ColumnMemory();
  served(memory, 1 << 16);
  expect(memory.take().memory.byteLength).toBeGreaterThan(1 << 16);
  served(memory, 1 << 16);
  vi.advanceTimersByTime(30_000);
  expect(memory.take().memory.byteLength).toBe(0);
  const columns = memory.take();
  columns.float64(1 << 23);
  memory.give(columns);
  expect(memory.take().memory.byteLength).toBe(0);
});

test("what didn't fit is freed when it is given back", () => {
  const memory = new ColumnMemory();
  const columns = memory.take();
  const column = columns.float64(1 << 10);
  memory.give(columns);
  expect(column.byteLength).toBe(0);
});
