import { expect, test } from "vitest";
import { RecordFlag, RecordView } from "../sampler/record.ts";
import { recordBytes, type RecordFields, recordWords } from "../sampler/testing/record-bytes.ts";
import { StackTable } from "./stack-table.ts";
import { Truncation, truncationOfWalk } from "./truncation.ts";
import { StackView, type WalkedStack } from "./walked-stack.ts";

const view = new RecordView();
const recordOf = (fields: RecordFields): WalkedStack => {
  const record = view.moveTo(recordWords(recordBytes(fields)).words, 0);
  return new StackView().ofRecord(record, truncationOfWalk(record.flags));
};
/** A frame of JavaScript: pc, context, SharedFunctionInfo, slot of the bytecode, slot of its offset. */
const frame = (pc: bigint, context: bigint, shared: bigint, bytecode: bigint, offset: bigint) =>
  [pc, context, shared, bytecode, offset << 32n] as const;

test("a stack has one number, whoever of its process's threads is hit, and is new once", () => {
  const table = new StackTable();
  const first = table.intern(recordOf({ tid: 1, comm: "a", kernel: [5n], user: [1n, 2n] }), 7, 0);
  expect(table.isNew(first)).toBe(true);
  expect(table.isNew(first)).toBe(false);
  expect(table.intern(recordOf({ tid: 2, comm: "b", kernel: [5n], user: [1n, 2n] }), 7, 0)).toBe(first);
});

test.each<[string, RecordFields, number, number]>([
  ["another process", { user: [1n, 2n] }, 8, 0],
  ["another address", { user: [1n, 3n] }, 7, 0],
  ["another order", { user: [2n, 1n] }, 7, 0],
  ["a kernel frame in the place of the user's", { kernel: [1n], user: [2n] }, 7, 0],
  ["a walk that ended elsewhere", { user: [1n, 2n], flags: RecordFlag.Rooted }, 7, 0],
  ["another era", { user: [1n, 2n] }, 7, 1],
])("%s makes it another", (_, fields, process, era) => {
  const table = new StackTable();
  const known = table.intern(recordOf({ user: [1n, 2n] }), 7, 0);
  expect(table.intern(recordOf(fields), process, era)).not.toBe(known);
});

test("of JavaScript's frames contexts don't count, and offsets only in the interpreter", () => {
  const table = new StackTable();
  const number = (...user: ReturnType<typeof frame>[]): number => table.intern(recordOf({ user }), 7, 0);
  const interpreted = number(frame(0x1000n, 0x11n, 0x21n, 0x31n, 5n));
  expect(number(frame(0x1000n, 0x99n, 0x21n, 0x31n, 5n))).toBe(interpreted);
  expect(number(frame(0x1000n, 0x11n, 0x21n, 0x31n, 6n))).not.toBe(interpreted);
  expect(number(frame(0x1000n, 0x11n, 0x25n, 0x31n, 5n))).not.toBe(interpreted);
  const generated = number(frame(0x1000n, 0x11n, 0x21n, 0x30n, 5n));
  expect(number(frame(0x1000n, 0x11n, 0x21n, 0x38n, 6n))).toBe(generated);
});

test("a stack of the user's that ended at no root lacks callers; the kernel's alone never does", () => {
  const table = new StackTable();
  const lacks = (fields: RecordFields): number => table.truncationOf(table.intern(recordOf(fields), 7, 0));
  expect(lacks({ user: [1n] })).toBe(Truncation.FramePointers);
  expect(lacks({ user: [1n], flags: RecordFlag.CopySpent })).toBe(Truncation.CopySpent);
  expect(lacks({ user: [1n], flags: RecordFlag.Rooted })).toBe(Truncation.None);
  expect(lacks({ kernel: [1n] })).toBe(Truncation.None);
});
