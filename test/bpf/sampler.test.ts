import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canMakeCgroups, OwnCgroups } from "../../src/linux/proc/testing/own-cgroups.ts";
import { RecordFlag, RecordKind } from "../../src/profiler/sampler/record.ts";
import type { CgroupId } from "../../src/profiler/sampler/sample-source.ts";
import { canSample, COMPILERS } from "../agent/harness/requirements.ts";
import { until } from "../peers/program.ts";
import { Compiled, Running, Sampling, type CopiedRecord } from "./sampling.ts";

const here = canSample() && COMPILERS.c();

let compiled: Compiled;
beforeAll(() => {
  if (here) compiled = new Compiled();
});
afterAll(() => compiled?.[Symbol.dispose]());

const onCpu = (pid: number) => (record: CopiedRecord) => record.kind === RecordKind.OnCpu && record.pid === pid;

describe.skipIf(!here)("stacks of a C program with frame pointers", () => {
  test("have its functions from the leaf to main, and are known to be whole", async () => {
    using sampling = new Sampling();
    using program = await compiled.run("main");
    const samples = await sampling.collect("main", onCpu(program.pid), 100);
    // A sample may hit between two instructions of a prologue, which costs a caller.
    const whole = samples.filter((record) => compiled.names(record).join(" ") === "leaf middle outer main ?");
    expect(whole.length / samples.length).toBeGreaterThan(0.9);
    for (const record of whole) {
      expect(record.flags & (RecordFlag.Rooted | RecordFlag.BadFrame)).toBe(RecordFlag.Rooted);
      expect(record).toMatchObject({ tid: program.pid, comm: "functions", valueNs: 0 });
      expect(record.stackTop).toBeGreaterThan(0x7000_0000_0000);
    }
  });

  test("of another thread end near the top of that thread's stack", async () => {
    using sampling = new Sampling();
    using program = await compiled.run("thread");
    const samples = await sampling.collect("the thread", onCpu(program.pid), 50);
    const whole = samples.filter((record) => compiled.names(record).join(" ") === "leaf middle outer work ?");
    expect(whole.length / samples.length).toBeGreaterThan(0.9);
    for (const record of whole) {
      expect(record.flags & RecordFlag.Rooted).toBe(RecordFlag.Rooted);
      expect(record.tid).not.toBe(program.pid);
    }
  });

  test("that are too deep are cut at the root and say so", async () => {
    using sampling = new Sampling();
    using program = await compiled.run("deep");
    const samples = await sampling.collect("the recursion", onCpu(program.pid), 50);
    const cut = samples.filter(({ flags }) => flags & RecordFlag.FrameLimit);
    expect(cut.length / samples.length).toBeGreaterThan(0.9);
    for (const record of cut) {
      expect(record.user).toHaveLength(127);
      expect(record.flags & RecordFlag.Rooted).toBe(0);
    }
  });

  test("in kernel mode have the kernel's frames and then the caller's", async () => {
    using sampling = new Sampling();
    using program = await compiled.run("calls");
    const samples = await sampling.collect("system calls", onCpu(program.pid), 100);
    const inKernel = samples.filter(({ flags }) => flags & RecordFlag.KernelMode);
    expect(inKernel.length / samples.length).toBeGreaterThan(0.5);
    for (const record of inKernel) {
      expect(record.kernel.length).toBeGreaterThan(1);
      expect(record.kernel[0]! >> 47n).toBe(0x1ffffn);
    }
    // libc's syscall() keeps no frame pointer: its caller is missing, the caller's caller isn't.
    const callers = inKernel.map((record) => compiled.names(record).join(" "));
    expect(callers.filter((names) => names === "? main ?").length / callers.length).toBeGreaterThan(0.9);
    for (const { flags, kernel } of samples) if (!(flags & RecordFlag.KernelMode)) expect(kernel).toEqual([]);
  });

  test("carry the time, the start of the process and the cgroups that /proc tells", async () => {
    using sampling = new Sampling();
    using program = await compiled.run("main");
    const before = Number(process.hrtime.bigint());
    const [sample] = await sampling.collect(
      "main",
      (record) => onCpu(program.pid)(record) && record.timeNs > before,
      1,
    );
    expect(sample!.timeNs).toBeLessThan(Number(process.hrtime.bigint()));
    // comm may hold spaces and parentheses; field 22 counts from the last parenthesis.
    const stat = readFileSync(`/proc/${program.pid}/stat`, "latin1");
    const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    expect(Math.floor(sample!.startTimeNs / 1e7)).toBe(startTicks);
    expect(sample!.cpu).toBeLessThan(1024);
  });
});

describe.skipIf(!here)("V8's slots", () => {
  test("come with each frame of a process that is set so, and tell JavaScript's frames from others", async () => {
    using sampling = new Sampling();
    const script =
      "function busy(n) { let s = 0; for (let i = 0; i < n; i++) s += Math.sqrt(i); return s; } console.log('ready'); for (;;) busy(1e5);";
    using program = await new Running(process.execPath, ["-e", script]).says("ready");
    const ready = Number(process.hrtime.bigint());
    const offsets = { fpContext: -8, fpFunction: -16, fpBytecodeArray: -32, fpBytecodeOffset: -40, functionShared: 32 };
    expect(sampling.sampler.setProcess(program.pid, { v8: offsets })).toBe(true);
    const samples = await sampling.collect(
      "JavaScript",
      (record) => onCpu(program.pid)(record) && record.tid === program.pid && record.timeNs > ready,
      50,
    );
    for (const { user } of samples) {
      for (const [, context, shared] of user) {
        // Of an embedder's or a stub's frame the slot is no tagged pointer, and there is no function to look at.
        if ((context! & 3n) !== 1n) expect(shared).toBe(0n);
      }
    }
    const withFunctions = samples.filter(({ user }) => user.some(([, , shared]) => (shared! & 3n) === 1n));
    expect(withFunctions.length / samples.length).toBeGreaterThan(0.9);

    sampling.sampler.forgetProcess(program.pid);
    const after = Number(process.hrtime.bigint());
    const later = (record: CopiedRecord): boolean => onCpu(program.pid)(record) && record.timeNs > after;
    for (const { user } of await sampling.collect("plain walks", later, 20)) expect(user[0]).toHaveLength(1);
  });
});

describe.skipIf(!here)("the life of processes", () => {
  test("each of 100 short ones has its exec and its exit, with its name", async () => {
    using sampling = new Sampling();
    const pids = new Set<number>();
    const ends: Promise<unknown>[] = [];
    for (let count = 0; count < 100; count++) {
      const program = new Running("/bin/true", []);
      pids.add(program.pid);
      ends.push(new Promise((ended) => program.process.once("exit", ended)));
    }
    await Promise.all(ends);
    const mine = (kind: number) => (record: CopiedRecord) => record.kind === kind && pids.has(record.pid);
    const exits = await sampling.collect("exits", mine(RecordKind.Exit), 100);
    expect(new Set(exits.map(({ pid }) => pid))).toEqual(pids);
    expect(exits.every(({ comm }) => comm === "true")).toBe(true);
    const execs = sampling.records.filter(mine(RecordKind.Exec));
    expect(new Set(execs.map(({ pid }) => pid))).toEqual(pids);
    expect(sampling.sampler.counters()).toMatchObject({ lifecycleLost: 0, malformed: 0 });
  });

  test("the first thread may end before the process does", async () => {
    using sampling = new Sampling();
    const script =
      "import threading,time,ctypes\nthreading.Thread(target=lambda:[print('ready',flush=True),time.sleep(60)]).start()\nctypes.CDLL(None).pthread_exit(None)";
    using program = new Running("python3", ["-c", script]);
    await program.says("ready");
    await until("the end of the first thread", () =>
      readFileSync(`/proc/${program.pid}/task/${program.pid}/stat`, "latin1").includes(") Z "),
    );
    const exits = (): readonly CopiedRecord[] =>
      sampling.drain().filter(({ kind, pid }) => kind === RecordKind.Exit && pid === program.pid);
    expect(exits()).toEqual([]);
    program.process.kill("SIGKILL");
    await until("the exit", () => exits().length > 0);
  });
});

describe.skipIf(!here)("one process only", () => {
  test("nothing of others comes, and what is left out is counted", async () => {
    using other = await compiled.run("main");
    using program = await compiled.run("main");
    using sampling = new Sampling({ pid: program.pid });
    await sampling.collect("the process", onCpu(program.pid), 50);
    expect(sampling.records.filter(({ pid }) => pid !== program.pid)).toEqual([]);
    expect(sampling.sampler.counters().otherProcess).toBeGreaterThan(0);
    expect(other.pid).not.toBe(program.pid);
  });
});

describe.skipIf(!here || !canMakeCgroups())("selection by cgroup", () => {
  test.for([1, 2] as const)("takes or leaves out a directory of hierarchy %i, at once", async (hierarchy) => {
    using cgroups = new OwnCgroups();
    const cgroup: CgroupId = { hierarchy, id: BigInt(cgroups.make(hierarchy, "/one")) };
    using inside = await compiled.run("main");
    using outside = await compiled.run("main");
    cgroups.move(hierarchy, "/one", inside.pid);
    using sampling = new Sampling();
    const { selection } = sampling.sampler;
    const since = (): number => Number(process.hrtime.bigint());
    const seen = (fromNs: number): Set<number> =>
      new Set(
        sampling
          .drain()
          .filter(({ timeNs, pid }) => timeNs > fromNs && [inside.pid, outside.pid].includes(pid))
          .map(({ pid }) => pid),
      );

    const [sample] = await sampling.collect("the group", onCpu(inside.pid), 1);
    expect(BigInt(hierarchy === 1 ? sample!.cgroupV1 : sample!.cgroupV2)).toBe(cgroup.id);

    expect(selection.add(cgroup)).toBe(true);
    selection.use("only");
    const only = since();
    await sampling.collect("the group", (record) => onCpu(inside.pid)(record) && record.timeNs > only, 20);
    expect(seen(only)).toEqual(new Set([inside.pid]));
    expect(sampling.sampler.counters().denied).toBeGreaterThan(0);

    selection.use("except");
    const except = since();
    await sampling.collect("the others", (record) => onCpu(outside.pid)(record) && record.timeNs > except, 20);
    expect(seen(except)).toEqual(new Set([outside.pid]));

    selection.remove(cgroup);
    const removed = since();
    await sampling.collect("all", (record) => onCpu(inside.pid)(record) && record.timeNs > removed, 10);
    selection.use("all");
    const all = since();
    await sampling.collect("all", (record) => onCpu(outside.pid)(record) && record.timeNs > all, 10);
  });

  test("a full set says so instead of failing", () => {
    using sampling = new Sampling();
    const added = Array.from({ length: 3000 }, (_, id) =>
      sampling.sampler.selection.add({ hierarchy: 2, id: BigInt(id) }),
    );
    expect(added.filter(Boolean)).toHaveLength(2048);
    expect(added.at(-1)).toBe(false);
  });
});

describe.skipIf(!here)("accounts", () => {
  test("hits of all kinds are wall time × CPUs × frequency, whatever the machine does meanwhile", async () => {
    using program = await compiled.run("main");
    // The test itself may be held up at either end: the true length lies between the two that it can tell.
    const beforeMs = performance.now();
    using sampling = new Sampling({ frequencyHz: 499 });
    const startMs = performance.now();
    await sampling.collect("main", onCpu(program.pid), 200);
    const endMs = performance.now();
    const { samples, idle, denied, otherProcess, lost, missed } = sampling.sampler.counters();
    const afterMs = performance.now();
    const hitsIn = (lengthMs: number): number => (lengthMs / 1000) * 499 * sampling.sampler.onlineCpus;
    const sum = samples + idle + denied + otherProcess + lost + missed;
    expect(sum).toBeGreaterThan(0.99 * hitsIn(endMs - startMs));
    expect(sum).toBeLessThan(1.01 * hitsIn(afterMs - beforeMs));
    sampling.drain();
    expect(sampling.records.filter(({ kind }) => kind === RecordKind.OnCpu).length).toBeGreaterThanOrEqual(samples);
    // Idling CPUs are counted, not recorded; groups that somebody makes meanwhile have no process.
    expect(sampling.records.filter(({ kind, pid }) => kind === RecordKind.OnCpu && pid === 0)).toEqual([]);
  });

  test("another frequency holds from then on", async () => {
    // Two programs and two CPUs: there is a sample of each period, whoever it hits.
    using first = await compiled.run("main");
    using second = await compiled.run("main");
    expect(first.pid).not.toBe(second.pid);
    using sampling = new Sampling({ frequencyHz: 20 });
    const gaps = async (): Promise<number> => {
      const from = Number(process.hrtime.bigint());
      const recent = ({ kind, timeNs }: CopiedRecord): boolean => kind === RecordKind.OnCpu && timeNs > from;
      const byCpu = Map.groupBy(await sampling.collect("any program", recent, 12), ({ cpu }) => cpu);
      const between = [...byCpu.values()].flatMap((list) =>
        list.slice(1).map((next, at) => next.timeNs - list[at]!.timeNs),
      );
      return between.sort((a, b) => a - b)[Math.floor(between.length / 2)]!;
    };
    expect((await gaps()) / 5e7).toBeCloseTo(1, 0);
    sampling.sampler.setFrequency(500);
    expect((await gaps()) / 2e6).toBeCloseTo(1, 0);
    expect(() => sampling.sampler.setFrequency(0)).toThrow(RangeError);
  });

  test("what finds no room in the ring is counted, and the rest is whole", async () => {
    using program = await compiled.run("main");
    using sampling = new Sampling({ ringBytes: 4096, frequencyHz: 999 });
    await until("a full ring", () => sampling.sampler.counters().lost > 100);
    const { samples } = sampling.sampler.counters();
    sampling.drain();
    const { malformed } = sampling.sampler.counters();
    expect(malformed).toBe(0);
    expect(sampling.records.filter(({ kind }) => kind === RecordKind.OnCpu).length).toBeGreaterThanOrEqual(samples);
    // There is room again.
    const after = Number(process.hrtime.bigint());
    await sampling.collect("main", (record) => onCpu(program.pid)(record) && record.timeNs > after, 1);
  });

  test("programs and maps take less than a megabyte, and the kernel tells how long they ran", async () => {
    using sampling = new Sampling({ ringBytes: 256 * 1024, measureRunTime: true });
    expect(sampling.sampler.kernelMemoryBytes).toBeGreaterThan(256 * 1024);
    expect(sampling.sampler.kernelMemoryBytes).toBeLessThan(1 << 20);
    await until("runs", () => sampling.sampler.stats().runs > 50);
    const { runTimeNs, runs } = sampling.sampler.stats();
    expect(runTimeNs / runs).toBeGreaterThan(50);
  });
});

describe.skipIf(!here)("CPUs that come and go", () => {
  test("are followed at the next look, and their samples with them", async () => {
    execFileSync("true");
    using program = await compiled.run("main");
    execFileSync("taskset", ["-p", "-c", "0", String(program.pid)], { stdio: "ignore" });
    let cpus: readonly number[] = [1];
    using sampling = new Sampling({ cpus: () => cpus });
    expect(sampling.sampler.onlineCpus).toBe(1);
    cpus = [0, 1];
    sampling.sampler.followCpus();
    expect(sampling.sampler.onlineCpus).toBe(2);
    const [sample] = await sampling.collect("CPU 0", onCpu(program.pid), 1);
    expect(sample!.cpu).toBe(0);
    cpus = [1];
    sampling.sampler.followCpus();
    expect(sampling.sampler.onlineCpus).toBe(1);
  });
});
