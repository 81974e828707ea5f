/** The profiler at work on programs without frame pointers: stacks that end where threads begin, or say why not. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { ProfilerSettings } from "#profiler";
import { hasProgram } from "../has-program.ts";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import { canRunContainers, canSample, COMPILERS } from "./harness/requirements.ts";
import { countOf, type Sample } from "./harness/samples.ts";
import { Workloads } from "./harness/workloads.ts";

const withoutSampling = process.arch !== "x64" || !canSample() || !COMPILERS.c();
const FOREVER = "1000000";
const NO_ROOM = "[truncated: no room for a copied stack]";
const OTHER_STACK = "[truncated: goes on on another stack]";
/** Functions that nobody calls. */
const ROOTS = new Set(["_start", "clone3", "__clone", "clone"]);

/** The shared libraries that the program in C has, as they're mapped here: Node has them as well. */
const LIBRARIES: ReadonlyMap<string, string> = new Map(
  [...readFileSync("/proc/self/maps", "utf8").matchAll(/\s(\/\S+\/(lib[cm]\.so\.6))$/gm)].map(
    ([, path = "", name = ""]) => [name, path],
  ),
);

const workloads = new Workloads();
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
afterAll(() => workloads[Symbol.dispose]());

function start(...command: readonly string[]): ChildProcess {
  const child = spawn(command[0]!, command.slice(1), { stdio: "ignore" });
  running.push(child);
  return child;
}

const of = (profiler: LocalProfiler, { pid }: ChildProcess): Sample[] =>
  profiler.samples.filter(({ attributes }) => attributes["process.pid"] === pid);
const mapped = ({ pid }: ChildProcess, path: string): boolean =>
  readFileSync(`/proc/${pid}/maps`, "utf8").includes(path);
const endOf = ({ frames }: Sample): string => frames.at(-1)!.name;
const calls = ({ frames }: Sample, name: string): boolean => frames.some((frame) => frame.name.startsWith(name));
const isMark = (sample: Sample): boolean => sample.frames.at(-1)!.type === "abort-marker";

/** Samples a program and nothing else: whatever the machine is busy with, the ring is its own. */
function samplesOf({ pid }: ChildProcess, settings: Partial<ProfilerSettings> = {}): LocalProfiler {
  return new LocalProfiler({ frequencyHz: 99, filter: { pid: pid! }, ...settings });
}

/** Samples of a program from when the profiler knows it: names and rows of what is new are looked up first. */
async function settled(profiler: LocalProfiler, child: ChildProcess, count: number): Promise<Sample[]> {
  await profiler.until(() => countOf(of(profiler, child)) > 20);
  profiler.samples.length = 0;
  await profiler.until(() => countOf(of(profiler, child)) > count);
  await profiler.stop();
  return of(profiler, child);
}

/**
 * Share of the hits whose stack is whole, and of these that of stacks which end where threads begin. Left out is what
 * depends on how busy the machine is: samples for whose stack the ring had no room, and ends that have no name yet.
 */
function wholeness(samples: readonly Sample[]): { readonly whole: number; readonly rooted: number } {
  const copied = samples.filter((sample) => endOf(sample) !== NO_ROOM);
  const whole = copied.filter((sample) => !isMark(sample));
  const named = whole.filter((sample) => endOf(sample) !== "");
  const rooted = named.filter((sample) => ROOTS.has(endOf(sample)));
  return { whole: countOf(whole) / countOf(copied), rooted: countOf(rooted) / countOf(named) };
}

describe.skipIf(withoutSampling)("stacks are complete", () => {
  test("of C below the C library's own functions, in all threads", async () => {
    const child = start(await workloads.build("callers"), FOREVER);
    await using profiler = samplesOf(child);
    const samples = await settled(profiler, child, 120);
    const { whole, rooted } = wholeness(samples);
    expect(whole).toBeGreaterThanOrEqual(0.98);
    expect(rooted).toBeGreaterThanOrEqual(0.98);
    const paths = samples.map(({ frames }) => frames.map(({ name }) => name).join(" "));
    expect(paths.some((path) => /compare .*sorting round_of_work thread_work main .*_start$/.test(path))).toBe(true);
    expect(paths.some((path) => /formatting round_of_work thread_work start_thread .*clone3$/.test(path))).toBe(true);
  });

  test.skipIf(!existsSync("/usr/bin/python3"))("of Debian's Python", async () => {
    const child = start("/usr/bin/python3", workloads.python(), FOREVER);
    await using profiler = samplesOf(child);
    const { whole, rooted } = wholeness(await settled(profiler, child, 60));
    expect(whole).toBeGreaterThanOrEqual(0.98);
    expect(rooted).toBeGreaterThanOrEqual(0.98);
  });

  test("of Node, with the names of JavaScript's functions between native frames", async () => {
    const child = start(process.execPath, workloads.script("busy"), FOREVER);
    await using profiler = samplesOf(child);
    const samples = await settled(profiler, child, 60);
    const script = samples.filter(({ frames }) => frames.some(({ name }) => name === "descending"));
    const { whole, rooted } = wholeness(script);
    expect(whole).toBeGreaterThanOrEqual(0.98);
    expect(rooted).toBeGreaterThanOrEqual(0.98);
    const deepest = script.map(({ frames }) => frames.filter(({ name }) => name === "descending").length);
    // Called with 20, it calls itself down to 0.
    expect(Math.max(...deepest)).toBe(21);
  });

  test("of a program that was deleted while it runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "podflame-deleted-"));
    const program = join(folder, "gone");
    copyFileSync(await workloads.build("callers"), program);
    const child = start(program, FOREVER);
    await expect.poll(() => existsSync(`/proc/${child.pid}/exe`)).toBe(true);
    rmSync(folder, { recursive: true });
    await using profiler = samplesOf(child);
    const { whole, rooted } = wholeness(await settled(profiler, child, 80));
    expect(whole).toBeGreaterThanOrEqual(0.98);
    expect(rooted).toBeGreaterThanOrEqual(0.98);
  });

  test("of a program whose libraries and executable are replaced by others while it runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "podflame-replaced-"));
    try {
      const program = join(folder, "callers");
      copyFileSync(await workloads.build("callers"), program);
      for (const [name, path] of LIBRARIES) copyFileSync(path, join(folder, name));
      const child = start("/usr/bin/env", `LD_LIBRARY_PATH=${folder}`, program, FOREVER);
      await expect.poll(() => mapped(child, join(folder, "libm.so.6"))).toBe(true);
      // What stands in their places from now on has other functions in the same places.
      for (const name of [...LIBRARIES.keys(), "callers"]) {
        copyFileSync(process.execPath, join(folder, "other"));
        renameSync(join(folder, "other"), join(folder, name));
      }
      await using profiler = samplesOf(child);
      const samples = await settled(profiler, child, 80);
      const { whole, rooted } = wholeness(samples);
      expect(whole).toBeGreaterThanOrEqual(0.98);
      expect(rooted).toBeGreaterThanOrEqual(0.98);
      const paths = samples.map(({ frames }) => frames.map(({ name }) => name).join(" "));
      expect(paths.some((path) => /compare .*sorting round_of_work thread_work/.test(path))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.skipIf(!canRunContainers())("of a static program in a container with a file system of its own", async () => {
    await using node = await NodeOfPods.start("callers-static");
    const container = await node.run(["/bin/callers-static", FOREVER]);
    const filter = { rules: { cgroupPaths: [container.cgroup] } };
    await using profiler = new LocalProfiler({ frequencyHz: 99, filter });
    await profiler.until(() => countOf(profiler.of(container)) > 20);
    profiler.samples.length = 0;
    await profiler.until(() => countOf(profiler.of(container)) > 80);
    await profiler.stop();
    const { whole, rooted } = wholeness(profiler.of(container));
    expect(whole).toBeGreaterThanOrEqual(0.98);
    expect(rooted).toBeGreaterThanOrEqual(0.98);
    await container.remove();
  });
});

describe.skipIf(withoutSampling)("stacks that aren't complete say why", () => {
  test("where copying is switched off", async () => {
    const child = start(await workloads.build("callers"), FOREVER);
    await using profiler = samplesOf(child, { stackCopies: undefined });
    const samples = await settled(profiler, child, 60);
    expect(samples.filter(isMark).length).toBeGreaterThan(samples.length / 2);
    expect(new Set(samples.filter(isMark).map(endOf))).toEqual(new Set(["[truncated: no frame pointers]"]));
    expect(profiler.metrics.value("podflame_profiling_stack_copies")).toBe(0);
    expect(
      profiler.metrics.value("podflame_profiling_samples_truncated", { reason: "frame_pointers" }),
    ).toBeGreaterThan(0);
  });

  test("where more were to be copied than are allowed", async () => {
    const child = start(await workloads.build("callers"), FOREVER);
    await using profiler = samplesOf(child, { stackCopies: { limitBytes: 16_384, perSecond: 5 } });
    const samples = await settled(profiler, child, 60);
    expect(samples.map(endOf)).toContain("[truncated: too many stacks to copy]");
    expect(profiler.metrics.value("podflame_profiling_stack_copies", { outcome: "budget" })).toBeGreaterThan(0);
    expect(profiler.metrics.value("podflame_profiling_samples_truncated", { reason: "copy_budget" })).toBeGreaterThan(
      0,
    );
  });

  test("where they are deeper than what may be copied", async () => {
    const child = start(await workloads.build("callers"), FOREVER);
    await using profiler = samplesOf(child, { stackCopies: { limitBytes: 1024, perSecond: 100 } });
    await profiler.until(() =>
      profiler.samples.some((each) => endOf(each) === "[truncated: deeper than the copied stack]"),
    );
    // Too many of them are: the process is given more from then on.
    await settled(profiler, child, 60);
    expect(wholeness(of(profiler, child)).whole).toBeGreaterThanOrEqual(0.98);
  });

  test("where a signal's handler has a stack of its own", async () => {
    const child = start(await workloads.build("callers"), FOREVER, "altstack");
    await using profiler = samplesOf(child);
    const samples = await settled(profiler, child, 100);
    const handling = samples.filter((sample) => endOf(sample) !== NO_ROOM && calls(sample, "on_signal"));
    expect(handling.length).toBeGreaterThan(0);
    expect(new Set(handling.map(endOf))).toEqual(new Set([OTHER_STACK]));
    // Which function was interrupted is known by the signal's frame; who called that stands on the other stack.
    expect(handling.some((sample) => calls(sample, "main"))).toBe(false);
    expect(wholeness(samples.filter((sample) => !calls(sample, "on_signal"))).whole).toBeGreaterThanOrEqual(0.95);
  });

  test.skipIf(!COMPILERS.go())("where C was called by Go", async () => {
    const child = start(await workloads.build("burn-cgo"));
    await using profiler = samplesOf(child);
    const samples = await settled(profiler, child, 60);
    const inC = samples.filter((sample) => endOf(sample) !== NO_ROOM && calls(sample, "sorting"));
    expect(inC.length).toBeGreaterThan(0);
    expect(new Set(inC.map(endOf))).toEqual(new Set([OTHER_STACK]));
    // The functions of Go stand on the goroutine's stack: nothing is put in their place.
    expect(inC.every((sample) => calls(sample, "runtime.asmcgocall"))).toBe(true);
    expect(inC.some((sample) => calls(sample, "main.inC"))).toBe(false);
    const inGo = samples.filter((sample) => calls(sample, "main.inGo"));
    expect(inGo.length).toBeGreaterThan(0);
    expect(inGo.some(isMark)).toBe(false);
  });

  test.skipIf(!hasProgram("musl-gcc", "--version"))("where musl has no unwind data", async () => {
    const child = start(await workloads.build("callers-musl"), FOREVER);
    await using profiler = samplesOf(child);
    const samples = await settled(profiler, child, 60);
    const marks = samples.filter(isMark);
    expect(countOf(marks) / countOf(samples)).toBeGreaterThan(0.8);
    expect(marks.map(endOf)).toContain("[truncated: no unwind data]");
  });
});
