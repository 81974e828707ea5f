/** Copied stacks are those of the thread: its registers, the bytes up to where its stack begins, and no more than wanted. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ProcessCopies, StackCopySettings } from "../../src/profiler/sampler/sample-source.ts";
import { RecordFlag, RecordKind, type RecordView } from "../../src/profiler/sampler/record.ts";
import { Sampler } from "../../src/profiler/sampler/sampler.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { until } from "../peers/program.ts";
import { Running, telemetry } from "./sampling.ts";

const here = canSample() && process.arch === "x64";
const HIGH = 2 ** 32;
const [SP, PC] = [7, 16];

/** What is looked at of a record. */
interface Copy {
  readonly flags: number;
  readonly top: number;
  readonly firstAddress: number;
  readonly registers: readonly number[];
  readonly stack: Uint32Array;
}

function copyOf(record: RecordView): Copy {
  const { words, registersAt, registers, stackAt, stackWords, userAt } = record;
  const word = (at: number): number => words[at]! + words[at + 1]! * HIGH;
  return {
    flags: record.flags,
    top: record.stackTop,
    firstAddress: word(userAt),
    registers: Array.from({ length: registers }, (_, register) => word(registersAt + 2 * register)),
    stack: words.slice(stackAt, stackAt + 2 * stackWords),
  };
}

/** Samples of a process that burns CPU time in a system call and out of it. */
async function sampled(
  copies: StackCopySettings | undefined,
  count: number,
  of?: (pid: number, sampler: Sampler) => ProcessCopies,
): Promise<{ readonly records: readonly Copy[]; readonly sampler: ReturnType<Sampler["counters"]> }> {
  using program = new Running("/bin/sh", ["-c", "echo ready; while :; do :; done"]);
  await program.says("ready");
  const sampler = Sampler.open({ frequencyHz: 499, ringBytes: 4 << 20, copies, pid: program.pid }, telemetry);
  try {
    if (of) sampler.setProcess(program.pid, { copies: of(program.pid, sampler) });
    sampler.start();
    const records: Copy[] = [];
    await until(`${count} samples`, () => {
      sampler.drain((record) => {
        if (record.kind === RecordKind.OnCpu && record.userFrames > 0) records.push(copyOf(record));
      });
      return records.length >= count;
    });
    return { records, sampler: sampler.counters() };
  } finally {
    sampler.close();
  }
}

/** The executable mapping of the program itself. */
function codeOf(pid: number): { readonly start: number; readonly end: number } {
  const ranges = readFileSync(`/proc/${pid}/maps`, "utf8").matchAll(/^(\w+)-(\w+) r-xp/gm);
  const all = [...ranges].map(([, start, end]) => [parseInt(start!, 16), parseInt(end!, 16)] as const);
  return { start: Math.min(...all.map(([start]) => start)), end: Math.max(...all.map(([, end]) => end)) };
}

const PLENTY: StackCopySettings = { limitBytes: 16_384, perSecond: 999 };

describe.skipIf(!here)("copied stacks", () => {
  test("go from the stack pointer to where the stack begins, with the registers of the sample", async () => {
    const { records, sampler } = await sampled(PLENTY, 60);
    const copied = records.filter(({ registers }) => registers.length > 0);
    expect(copied.length).toBeGreaterThan(50);
    for (const { registers, firstAddress, top, stack, flags } of copied) {
      expect(registers).toHaveLength(17);
      expect(registers[PC]).toBe(firstAddress);
      expect(registers[SP]! + stack.byteLength).toBe(top);
      expect(flags & (RecordFlag.CopyCut | RecordFlag.CopyFailed)).toBe(0);
    }
    expect(sampler.copies).toBeGreaterThan(50);
    expect(sampler.copiedBytes).toBeGreaterThan(sampler.copies * 64);
  });

  test("are cut at the limit, and say so", async () => {
    const { records } = await sampled({ limitBytes: 128, perSecond: 999 }, 40);
    const cut = records.filter(({ flags }) => (flags & RecordFlag.CopyCut) !== 0);
    expect(cut.length).toBeGreaterThan(20);
    for (const { stack } of cut) expect(stack.byteLength).toBe(128);
  });

  test("are as many a second as are allowed; the others say so, and are counted", async () => {
    const { records, sampler } = await sampled({ limitBytes: 1024, perSecond: 3 }, 100);
    const spent = records.filter(({ flags }) => (flags & RecordFlag.CopySpent) !== 0);
    expect(spent.length).toBeGreaterThan(30);
    for (const { registers, stack } of spent) expect([registers.length, stack.length]).toEqual([0, 0]);
    expect(sampler.copiesSpent).toBeGreaterThanOrEqual(spent.length);
  });

  test("are none where they are switched off, for all or for one process", async () => {
    const off = await sampled(undefined, 40);
    const never = await sampled(PLENTY, 40, () => ({ mode: "never" }));
    for (const { records, sampler } of [off, never]) {
      expect(records.every(({ registers, stack }) => registers.length + stack.length === 0)).toBe(true);
      expect(sampler.copies).toBe(0);
    }
  });

  test("aren't needed of complete walks in code that keeps frame pointers, unless they always are", async () => {
    const kept = await sampled(PLENTY, 80, (pid) => ({ mode: "if-needed", kept: [codeOf(pid)] }));
    for (const { flags, registers } of kept.records) {
      if ((flags & RecordFlag.Rooted) !== 0) expect(registers).toHaveLength(0);
    }
    const always = await sampled(PLENTY, 40, (pid) => ({ mode: "always", limitBytes: 64, kept: [codeOf(pid)] }));
    const copied = always.records.filter(({ registers }) => registers.length === 17);
    expect(copied.length).toBeGreaterThan(30);
    expect(copied.every(({ stack }) => stack.byteLength <= 64)).toBe(true);
  });

  test("stand in memory that no core dump holds", () => {
    const sampler = Sampler.open({ frequencyHz: 20, copies: PLENTY }, telemetry);
    try {
      const mappings = readFileSync("/proc/self/smaps", "utf8").split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
      const rings = mappings.filter((mapping) => /^\S+ r--s .*bpf-map/.test(mapping));
      expect(rings.length).toBeGreaterThan(0);
      // dd: don't dump.
      for (const ring of rings) expect(ring).toMatch(/^VmFlags:.* dd /m);
    } finally {
      sampler.close();
    }
  });
});
