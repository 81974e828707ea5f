import { expect, test } from "vitest";
import { AwayStacks, SwitchKind } from "./away-stacks.ts";
import { RecordKind, RecordView } from "./record.ts";
import { recordBytes, recordWords, type RecordFields } from "./testing/record-bytes.ts";

function viewOf(fields: RecordFields): RecordView {
  return new RecordView().moveTo(recordWords(recordBytes(fields)).words, 0);
}

const LEFT: RecordFields = { kind: SwitchKind.Left, pid: 7, tid: 8, cpu: 0, timeNs: 1000, comm: "sleeper", user: [5n] };
const BACK: RecordFields = { kind: SwitchKind.Back, pid: 7, tid: 8, cpu: 1, timeNs: 2 ** 40, valueNs: 2 ** 40 - 1000 };

test("the stack with which a task left, and the time that it was away, are one record", () => {
  const away = new AwayStacks();
  away.left(viewOf(LEFT));
  const record = new RecordView().moveTo(away.back(viewOf(BACK))!, 0);
  expect([record.kind, record.pid, record.tid, record.comm, record.cpu]).toEqual([
    RecordKind.OffCpu,
    7,
    8,
    "sleeper",
    1,
  ]);
  expect([record.timeNs, record.valueNs]).toEqual([2 ** 40, 2 ** 40 - 1000]);
  expect([record.userFrames, record.words[record.userAt]]).toEqual([1, 5]);
  expect(record.wellFormed).toBe(true);
  expect([away.memoryBytes, away.dropped]).toEqual([0, 0]);
});

test("a task that comes back without having left is nobody", () => {
  expect(new AwayStacks().back(viewOf(BACK))).toBeUndefined();
});

test("a task that leaves again without having come back loses the first interval, which is counted", () => {
  const away = new AwayStacks();
  away.left(viewOf(LEFT));
  away.left(viewOf({ ...LEFT, user: [6n] }));
  expect(away.dropped).toBe(1);
  expect(new RecordView().moveTo(away.back(viewOf(BACK))!, 0).words.at(-2)).toBe(6);
});

test("memory is bounded: those who sleep longest are given up", () => {
  const away = new AwayStacks();
  const user = Array.from({ length: 127 }, () => 1n);
  for (let tid = 1; tid <= 10_000; tid++) away.left(viewOf({ ...LEFT, tid, user }));
  expect(away.memoryBytes).toBeLessThanOrEqual(4 << 20);
  expect(away.dropped).toBeGreaterThan(5000);
  expect(away.back(viewOf({ ...BACK, tid: 1 }))).toBeUndefined();
  expect(away.back(viewOf({ ...BACK, tid: 10_000 }))).toBeDefined();
});
