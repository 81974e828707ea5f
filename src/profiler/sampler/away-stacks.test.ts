import { expect, test } from "vitest";
import { AwayStacks, SwitchKind } from "./away-stacks.ts";
import { RecordKind, RecordView } from "./record.ts";
import { recordBytes, recordWords, type RecordFields } from "./testing/record-bytes.ts";

function viewOf(fields: RecordFields): RecordView {
  return new RecordView().moveTo(recordWords(recordBytes(fields)).words, 0);
}

const LEFT: RecordFields = { kind: SwitchKind.Left, pid: 7, tid: 8, valueNs: 1008, comm: "sleeper", user: [5n] };
const BACK: RecordFields = { kind: SwitchKind.Back, tid: 1008, cpu: 1, timeNs: 2 ** 40, valueNs: 2 ** 40 - 1000 };

test("the stack with which a task left, and the time that it was away, are one record", () => {
  const away = new AwayStacks(undefined);
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
  expect(new AwayStacks(undefined).back(viewOf(BACK))).toBeUndefined();
});

test("a task that leaves again without having come back loses the first interval, which is counted", () => {
  const away = new AwayStacks(undefined);
  away.left(viewOf(LEFT));
  away.left(viewOf({ ...LEFT, user: [6n] }));
  expect(away.dropped).toBe(1);
  expect(new RecordView().moveTo(away.back(viewOf(BACK))!, 0).words.at(-2)).toBe(6);
});

test("memory is bounded: those who sleep longest are given up", () => {
  const away = new AwayStacks(undefined);
  const user = Array.from({ length: 127 }, () => 1n);
  for (let tid = 1; tid <= 10_000; tid++) away.left(viewOf({ ...LEFT, valueNs: tid, user }));
  expect(away.memoryBytes).toBeLessThanOrEqual(4 << 20);
  expect(away.dropped).toBeGreaterThan(5000);
  expect(away.back(viewOf({ ...BACK, tid: 1 }))).toBeUndefined();
  expect(away.back(viewOf({ ...BACK, tid: 10_000 }))).toBeDefined();
});

test("frames of the tracing itself, inside of the scheduler, are left out", () => {
  const scheduler = { high: 0xffff_ffff, start: 0x8200_1000, end: 0x8200_2000 };
  const kernel = [0xffff_ffff_c000_1234n, 0xffff_ffff_814b_8800n, 0xffff_ffff_8200_1a00n, 0xffff_ffff_8200_3000n];
  const left = (stacks: AwayStacks, frames: readonly bigint[]): RecordView => {
    stacks.left(viewOf({ ...LEFT, kernel: frames }));
    return new RecordView().moveTo(stacks.back(viewOf(BACK))!, 0);
  };
  const trimmed = left(new AwayStacks(scheduler), kernel);
  expect([trimmed.kernelFrames, trimmed.userFrames, trimmed.wellFormed]).toEqual([2, 1, true]);
  expect([...trimmed.words.subarray(trimmed.kernelAt)]).toEqual([
    0x8200_1a00, 0xffff_ffff, 0x8200_3000, 0xffff_ffff, 5, 0,
  ]);
  // Where the scheduler isn't to be seen, nothing is known.
  expect(left(new AwayStacks(scheduler), kernel.slice(0, 2)).kernelFrames).toBe(2);
  expect(left(new AwayStacks(undefined), kernel).kernelFrames).toBe(4);
});
