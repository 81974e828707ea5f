import { expect, test } from "vitest";
import { frameSection, type FrameSettings, Instruction, tablesWith } from "./testing/frame-section.ts";
import { type CodeSpace, MAX_UNWOUND_FRAMES, UnwindEnd, Unwinder } from "./unwinder.ts";

const { advance, defCfa, defCfaOffset, defCfaExpression, expression, offset, undefined: unknown } = Instruction;
const SP = 0x7ffc_0000_1000;
/** Where the library is mapped: its address 0. */
const BASE = 0x7f00_0000_0000;
/** Where code is mapped that is in no file. */
const GENERATED = 0x7f55_0000_0000;

const START: FrameSettings = { start: 0x1000, bytes: 0x10, program: unknown(16) };
const PLAIN: FrameSettings = { start: 0x1100, bytes: 0x40, program: [...advance(4), ...defCfaOffset(32)] };

function space(...functions: FrameSettings[]): CodeSpace {
  const tables = tablesWith(frameSection([START, PLAIN, ...functions]));
  return {
    unwindCodeAt(address) {
      if (address >= BASE && address < BASE + 0x9000) return { bias: -BASE, tables, keepsFramePointers: false };
      const isGenerated = address >= GENERATED && address < GENERATED + 0x1000;
      return isGenerated ? { bias: 0, tables: undefined, keepsFramePointers: true } : undefined;
    },
  };
}

interface Thread {
  readonly pc: number;
  readonly registers?: Readonly<Record<number, number>>;
  /** Words from the stack pointer on. */
  readonly stack: readonly number[];
  readonly top?: number;
  readonly isMainThread?: boolean;
}

function unwind(
  unwinder: Unwinder,
  { pc, registers = {}, stack, top = 0, isMainThread = false }: Thread,
  code: CodeSpace,
) {
  const values = Array.from({ length: 17 }, (_, register) => registers[register] ?? 0);
  [values[7], values[16]] = [registers[7] ?? SP, pc];
  const words = new Uint32Array(BigUint64Array.from([...values, ...stack].map(BigInt)).buffer);
  const copied = { words, registersAt: 0, stackAt: 34, stackBytes: stack.length * 8, top, isMainThread };
  const end = unwinder.unwind(copied, code);
  return { end, addresses: [...unwinder.addresses.subarray(0, unwinder.count)] };
}

const alone = (thread: Thread, code: CodeSpace) => unwind(new Unwinder("x86_64"), thread, code);

test("callers are found on the stack, up to the function that nobody calls", () => {
  const thread = { pc: BASE + 0x1108, stack: [1, 2, 3, BASE + 0x1110, 4, 5, 6, BASE + 0x1008] };
  const { end, addresses } = alone(thread, space());
  expect(end).toBe(UnwindEnd.Root);
  expect(addresses).toEqual([BASE + 0x1108, BASE + 0x1110, BASE + 0x1008]);
});

test("a call at the very end of a function belongs to that function, though it returns behind it", () => {
  const neighbour: FrameSettings = { start: 0x1140, bytes: 0x10, program: defCfaOffset(800) };
  const { end } = alone({ pc: BASE + 0x1100, stack: [BASE + 0x1140, 1, 2, 3, BASE + 0x1008] }, space(neighbour));
  expect(end).toBe(UnwindEnd.Root);
});

test("registers that a function saved count for its callers, and those that it popped already are what they are", () => {
  const saves: FrameSettings = { start: 0x1200, bytes: 0x10, program: [...defCfaOffset(24), ...offset(6, 3)] };
  const based: FrameSettings = { start: 0x1300, bytes: 0x10, program: defCfa(6, 16) };
  // rbp stands in the first word; the frame of its owner ends 16 bytes above where it points to.
  const stack = [SP + 4 * 8, 0, BASE + 0x1308, 0, 0, BASE + 0x1008];
  const { end, addresses } = alone({ pc: BASE + 0x1204, stack }, space(saves, based));
  expect([end, addresses.length]).toEqual([UnwindEnd.Root, 3]);
  const popped: FrameSettings = { start: 0x1400, bytes: 0x10, program: [...defCfaOffset(8), ...offset(6, 2)] };
  const epilogue = { pc: BASE + 0x1404, registers: { 6: SP + 8 }, stack: [BASE + 0x1308, 0, BASE + 0x1008] };
  expect(alone(epilogue, space(popped, based)).end).toBe(UnwindEnd.Root);
});

test("a signal's frame leads to the interrupted instruction, whose address is told so that it isn't taken for a call", () => {
  const at = (displacement: number): number[] => [0x77, displacement];
  const program = [
    ...defCfaExpression(...at(8), 0x06),
    ...[7, 16].flatMap((register) => expression(register, ...at(register === 7 ? 8 : 16))),
  ];
  const delivery: FrameSettings = { start: 0x1500, bytes: 0x10, program, isSignal: true };
  // Interrupted at a function's first instruction.
  const stack = [0, SP + 4 * 8, BASE + 0x1100, 0, BASE + 0x1008];
  const { end, addresses } = alone({ pc: BASE + 0x1500, stack }, space(delivery));
  expect(end).toBe(UnwindEnd.Root);
  expect(addresses).toEqual([BASE + 0x1500, BASE + 0x1101, BASE + 0x1008]);
});

test("a signal that has a stack of its own is where the copied one ends", () => {
  const program = [...defCfaExpression(0x77, 8, 0x06), ...expression(7, 0x77, 8), ...expression(16, 0x77, 16)];
  const delivery: FrameSettings = { start: 0x1500, bytes: 0x10, program, isSignal: true };
  const { end } = alone({ pc: BASE + 0x1500, stack: [0, SP + 2 ** 30, BASE + 0x1108] }, space(delivery));
  expect(end).toBe(UnwindEnd.OtherStack);
});

test("generated code is followed by frame pointers, and unwind data again behind it", () => {
  const based: FrameSettings = { start: 0x1300, bytes: 0x10, program: [...defCfa(6, 16), ...offset(6, 2)] };
  const stack = [7, SP + 32, GENERATED + 8, 7, SP + 48, BASE + 0x1304, 0, BASE + 0x1008];
  const thread = { pc: GENERATED + 4, registers: { 6: SP + 8 }, stack };
  const { end, addresses } = alone(thread, space(based));
  expect(addresses).toEqual([GENERATED + 4, GENERATED + 8, BASE + 0x1304, BASE + 0x1008]);
  expect(end).toBe(UnwindEnd.Root);
});

test("a frame pointer of zero is where a goroutine begins", () => {
  const thread = { pc: GENERATED + 4, registers: { 6: SP }, stack: [0, GENERATED + 8] };
  expect(alone(thread, space())).toEqual({ end: UnwindEnd.Root, addresses: [GENERATED + 4, GENERATED + 8] });
});

test.each<[string, number, Thread]>([
  ["code without unwind data", UnwindEnd.NoUnwindData, { pc: BASE + 0x2000, stack: [1, 2] }],
  ["a stack that is longer than the copy", UnwindEnd.CopyEnd, { pc: BASE + 0x1108, stack: [1, 2], top: SP + 4096 }],
  ["a frame behind the stack's top", UnwindEnd.OtherStack, { pc: BASE + 0x1108, stack: [1, 2], top: SP + 16 }],
  ["a caller that is no code", UnwindEnd.NoCode, { pc: BASE + 0x1108, stack: [1, 2, 3, 4711] }],
  ["a frame pointer that is no address", UnwindEnd.BadFrame, { pc: GENERATED, registers: { 6: 8 }, stack: [1] }],
  ["a goroutine's, below C's", UnwindEnd.OtherStack, { pc: GENERATED, registers: { 6: SP - 2 ** 20 }, stack: [1] }],
  ["an odd one below the stack", UnwindEnd.BadFrame, { pc: GENERATED, registers: { 6: SP - 4095 }, stack: [1] }],
])("%s ends the stack, and is told", (_, end, thread) => {
  expect(alone(thread, space()).end).toBe(end);
});

test("a caller that is no code is no frame", () => {
  expect(alone({ pc: BASE + 0x1108, stack: [1, 2, 3, 4711] }, space()).addresses).toEqual([BASE + 0x1108]);
});

test("start code without unwind data is a root near the top of the first thread's stack, and nowhere else", () => {
  const thread = { pc: BASE + 0x1108, stack: [1, 2, 3, BASE + 0x2000], top: SP + 96 };
  expect(alone({ ...thread, isMainThread: true }, space()).end).toBe(UnwindEnd.Root);
  expect(alone(thread, space()).end).toBe(UnwindEnd.NoUnwindData);
  expect(alone({ ...thread, isMainThread: true, top: SP + 4096 }, space()).end).toBe(UnwindEnd.NoUnwindData);
});

test("a frame that isn't above the one it called is none", () => {
  const zero: FrameSettings = { start: 0x1600, bytes: 0x10, program: [...defCfaOffset(0), ...expression(16, 0x77, 0)] };
  expect(alone({ pc: BASE + 0x1604, stack: [BASE + 0x1604, 1] }, space(zero)).end).toBe(UnwindEnd.BadFrame);
});

test("recursion without end is given up after so many frames", () => {
  const stack = Array.from({ length: 4 * 400 }, () => BASE + 0x1110);
  const { end, addresses } = alone({ pc: BASE + 0x1108, stack }, space());
  expect([end, addresses.length]).toEqual([UnwindEnd.FrameLimit, MAX_UNWOUND_FRAMES]);
});

test("what was looked up once is known, by all processes that map the file", () => {
  const unwinder = new Unwinder("x86_64");
  const code = space();
  const thread = { pc: BASE + 0x1108, stack: [1, 2, 3, BASE + 0x1110, 4, 5, 6, BASE + 0x1008] };
  const first = unwind(unwinder, thread, code);
  const cold = unwinder.coldRows;
  expect(cold).toBe(3);
  expect(unwind(unwinder, thread, code)).toEqual(first);
  expect(unwinder.coldRows).toBe(cold);
});

test("however many addresses are asked for, what is remembered stays bounded, and right", () => {
  const unwinder = new Unwinder("x86_64");
  const wide: FrameSettings = { start: 0x1700, bytes: 0x6000, program: [] };
  const code = space(wide);
  for (let round = 0; round < 8; round++) {
    const files = space(wide);
    for (let at = 0; at < 0x6000; at++) {
      const { end } = unwind(
        unwinder,
        { pc: BASE + 0x1700 + at, stack: [BASE + 0x1008] },
        round % 2 === 0 ? code : files,
      );
      if (end !== UnwindEnd.Root) throw new Error(`round ${round}, ${at}: ${end}`);
    }
  }
  expect(unwinder.memoryBytes).toBeLessThan(1_000_000);
});
