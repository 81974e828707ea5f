import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RecordFlag, RecordKind } from "../../src/profiler/sampler/record.ts";
import { canSample, COMPILERS } from "../agent/harness/requirements.ts";
import { until } from "../peers/program.ts";
import { Compiled, Sampling, type CopiedRecord } from "./sampling.ts";

const here = canSample() && COMPILERS.c();

let compiled: Compiled;
beforeAll(() => {
  if (here) compiled = new Compiled();
});
afterAll(() => compiled?.[Symbol.dispose]());

const offCpu = (record: CopiedRecord): boolean => record.kind === RecordKind.OffCpu;

/** The last function of the kernel's list that begins at or before an address. */
function kernelFunction(address: bigint): string | undefined {
  const list = readFileSync("/proc/kallsyms", "latin1").matchAll(/^(\w+) [tT] (\S+)$/gm);
  let best: { readonly start: bigint; readonly name: string } | undefined;
  for (const [, text, name] of list) {
    const start = BigInt(`0x${text}`);
    if (start <= address && (!best || start > best.start)) best = { start, name: name! };
  }
  return best?.name;
}

describe.skipIf(!here)("time away from the CPU", () => {
  test("is what the program itself measures, and has the stack that slept", async () => {
    using program = await compiled.run("naps");
    using sampling = new Sampling({ offCpuThreshold: 1, pid: program.pid });
    const asleep = (record: CopiedRecord): boolean => offCpu(record) && record.valueNs > 40e6;
    const naps = await sampling.collect("sleeps", asleep, 10);
    for (const [at, nap] of naps.entries()) {
      // libc's nanosleep() keeps no frame pointer: its caller is missing, the caller's caller isn't.
      expect(compiled.names(nap)).toContain("main");
      expect(nap).toMatchObject({ pid: program.pid, tid: program.pid, comm: "functions" });
      expect(nap.flags & RecordFlag.KernelMode).toBe(RecordFlag.KernelMode);
      // The leaf is the function that switches tasks, not the tracing of it.
      expect(nap.kernel.length).toBeGreaterThan(3);
      if (at === 0) expect(kernelFunction(nap.kernel[0]!)).toBe("__schedule");
    }
    const ended = new Promise((end) => program.process.once("close", end));
    program.process.kill("SIGTERM");
    await ended;
    const measured = program.output.match(/^\d+$/gm)!.map(Number);
    // The measured time is the longer one: it includes the way into the kernel and back. Where others want the CPU there
    // may be much between the end of a sleep and the look at the clock, but not each time.
    const longer = naps.map(({ valueNs }) => {
      const own = measured.filter((ns) => ns >= valueNs).sort((a, b) => a - b)[0];
      return own === undefined ? Infinity : own - valueNs;
    });
    expect(Math.max(...longer)).toBeLessThan(Infinity);
    expect(longer.sort((a, b) => a - b)[longer.length >> 1]).toBeLessThan(20e6);
  });

  test("never adds up to more than the time that passed, for any thread", async () => {
    // Of all threads here: some are away from the moment on at which that is recorded.
    const startNs = Number(process.hrtime.bigint());
    using sampling = new Sampling({ offCpuThreshold: 1 });
    using program = await compiled.run("naps");
    const sleeps = (record: CopiedRecord): boolean => offCpu(record) && record.pid === program.pid;
    await sampling.collect("sleeps", sleeps, 10);
    const threads = Map.groupBy(sampling.drain().filter(offCpu), ({ tid }) => tid);
    expect(threads.size).toBeGreaterThan(1);
    for (const intervals of threads.values()) {
      const sum = intervals.reduce((total, { valueNs }) => total + valueNs, 0);
      const last = intervals.at(-1)!;
      expect(sum).toBeLessThanOrEqual(last.timeNs - startNs + 1e6);
      // One interval ends before the next begins.
      for (const [at, next] of intervals.slice(1).entries()) {
        expect(next.timeNs - next.valueNs).toBeGreaterThanOrEqual(intervals[at]!.timeNs);
      }
    }
  });

  test("of the kernel's own threads has the kernel's part of the stack only", async () => {
    using sampling = new Sampling({ offCpuThreshold: 1 });
    const own = (record: CopiedRecord): boolean => offCpu(record) && (record.flags & RecordFlag.KernelThread) !== 0;
    for (const { kernel, user, stackTop, comm, pid } of await sampling.collect("kernel threads", own, 5)) {
      expect(kernel.length).toBeGreaterThan(1);
      expect({ user, stackTop }).toEqual({ user: [], stackTop: 0 });
      // All of them are children of kthreadd, which is process 2; field 4 is the parent.
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      expect(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1], comm).toBe(pid === 2 ? "0" : "2");
    }
  });

  test("is recorded for about the share of intervals that was asked for", async () => {
    using program = await compiled.run("naps");
    using sampling = new Sampling({ offCpuThreshold: 0.25, pid: program.pid });
    const before = program.output.length;
    await sampling.collect("sleeps", offCpu, 5);
    const intervals = program.output.slice(before).match(/^\d+$/gm)!.length;
    // 5 hits at a quarter take 20 tries on average; 5 to 100 is what all but one of a million runs stay within.
    expect(intervals).toBeGreaterThanOrEqual(4);
    expect(intervals).toBeLessThan(100);
  });

  test("costs nothing and gives nothing unless asked for", async () => {
    using program = await compiled.run("naps");
    using sampling = new Sampling();
    const before = program.output.length;
    await until("sleeps", () => program.output.length > before + 40);
    expect(sampling.drain().filter(offCpu)).toEqual([]);
    expect(sampling.sampler.counters()).toMatchObject({ offCpu: 0, offCpuLost: 0 });
  });

  test("what finds no room is counted, and leaves room for samples", async () => {
    using program = await compiled.run("naps");
    using sampling = new Sampling({ offCpuThreshold: 1, ringBytes: 4096 });
    await until("lost intervals", () => sampling.sampler.counters().offCpuLost > 10);
    expect(program.pid).toBeGreaterThan(0);
    const lost = sampling.sampler.counters().offCpuLost;
    sampling.drain();
    expect(sampling.sampler.counters().offCpuLost).toBeGreaterThanOrEqual(lost);
    expect(sampling.sampler.counters().malformed).toBe(0);
  });
});
