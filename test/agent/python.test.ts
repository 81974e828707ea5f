/** Functions of unmodified CPython programs, beside what the programs say of themselves. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ProfilerSettings } from "#profiler";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { oldPython, pythons } from "../../src/symbols/cpython/testing/pythons.ts";
import { canSample, COMPILERS } from "./harness/requirements.ts";
import { countOf, passesThrough, type Sample, sharesOf } from "./harness/samples.ts";
import { Workloads } from "./harness/workloads.ts";

const here = process.arch === "x64" && canSample();
const PYTHONS = here ? pythons() : [];
/** Of each build, in the loop that takes all the time: enough for shares, and as many on a busy machine. */
const SAMPLES = 400;
const FREQUENCY_HZ = 499;
/** Every sample is copied, however fast. */
const COPIES = { limitBytes: 16_384, perSecond: 999 };
/** Two points are for bias; chance gets four standard deviations. */
const BIAS_POINTS = 2;
const DEVIATIONS = 4;

const workloads = new Workloads();
afterAll(() => workloads[Symbol.dispose]());

/** What the workload prints: CPU time by function, and callers of `spin` with their lines, innermost first. */
interface Told {
  readonly spent: Readonly<Record<string, number>>;
  readonly stacks: readonly (readonly (readonly [name: string, line: number])[])[];
}

interface Run {
  readonly samples: readonly Sample[];
  readonly told: Told;
}

const GONE = "[Python: function that is gone]";
const NO_ROOM = "[truncated: no room for a copied stack]";
/** But for those for whose stack a busy machine had no room. */
const isInLoop = (sample: Sample): boolean => passesThrough(sample, "spin") && !passesThrough(sample, NO_ROOM);
const isPython = ({ type }: { readonly type: string }): boolean => type === "cpython";
const isMark = ({ name }: { readonly name: string }): boolean => name.startsWith("[Python");
const marksOf = (samples: readonly Sample[]): Set<string> =>
  new Set(samples.flatMap(({ frames }) => frames.filter(isMark).map(({ name }) => name)));

describe.skipIf(PYTHONS.length === 0)("Python by name", () => {
  const runs = new Map<string, Run>();

  beforeAll(async () => {
    await Promise.all(
      PYTHONS.map(async ({ name, path }) => {
        const child = spawn(path, [workloads.python("interlocked")], { stdio: ["pipe", "pipe", "inherit"] });
        // Each has a ring of its own: whatever the machine is busy with.
        const filter = { pid: child.pid! };
        await using profiler = new LocalProfiler({ frequencyHz: FREQUENCY_HZ, stackCopies: COPIES, filter });
        let output = "";
        child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
        await profiler.until((samples) => countOf(samples.filter(isInLoop)) > SAMPLES);
        await profiler.stop();
        child.stdin.end();
        await new Promise((resolve) => child.once("close", resolve));
        runs.set(name, { samples: profiler.samples, told: JSON.parse(output) as Told });
      }),
    );
  });

  for (const { name } of PYTHONS) {
    const run = (): Run => runs.get(name)!;
    const inLoop = (): Sample[] => run().samples.filter(isInLoop);

    test(`${name}: functions and lines are those that Python tells, in both threads`, () => {
      const told = new Set(run().told.stacks.map((stack) => JSON.stringify(stack)));
      const samples = inLoop();
      const seen = new Map<string, number>();
      for (const { frames, count } of samples) {
        // No function of a program that goes on is gone.
        const script = frames.filter((frame) => isPython(frame) || frame.name === GONE);
        const callers = script.slice(script.findIndex(({ name }) => name === "spin") + 1);
        const stack = JSON.stringify(callers.map(({ name, line }) => [name, line]));
        seen.set(stack, (seen.get(stack) ?? 0) + count);
      }
      const wrong = [...seen].filter(([stack]) => !told.has(stack));
      expect(wrong).toEqual([]);
      // Four ways to call it, one of them from two lines, in two threads.
      expect(seen.size).toBe(told.size);
    });

    test(`${name}: files, and lines of the loop itself`, () => {
      const source = readFileSync(workloads.python("interlocked"), "utf8").split("\n");
      const [first, last] = [source.indexOf("def spin(until_ns):") + 1, source.indexOf("    return total") + 1];
      const own = inLoop().flatMap(({ frames }) => frames.filter(({ name }) => name === "spin"));
      for (const { file, type } of own) expect([type, file]).toEqual(["cpython", workloads.python("interlocked")]);
      const lines = new Set(own.map(({ line }) => line));
      expect([...lines].filter((line) => line < first || line > last)).toEqual([]);
      expect(lines.has(last - 1)).toBe(true);
    });

    test(`${name}: shares agree with the program's own account`, () => {
      const { spent } = run().told;
      const total = Object.values(spent).reduce((sum, each) => sum + each, 0);
      const samples = inLoop();
      const shares = sharesOf(samples, Object.keys(spent));
      for (const [owner, ns] of Object.entries(spent)) {
        const p = ns / total;
        const tolerance = BIAS_POINTS + DEVIATIONS * 100 * Math.sqrt((p * (1 - p)) / countOf(samples));
        expect(Math.abs(shares[owner]! - p * 100), `${owner}: ${shares[owner]} % of ${p * 100} %`).toBeLessThan(
          tolerance,
        );
      }
    });

    test(`${name}: native frames stand between those of Python that they called`, () => {
      const whole = inLoop().filter(({ frames }) => frames.every(({ type }) => type !== "abort-marker"));
      expect(countOf(whole) / countOf(inLoop())).toBeGreaterThan(0.98);
      const sorting = whole.find((sample) => passesThrough(sample, "Sorted.key"));
      const types = sorting!.frames.map(({ type }) => type).join(" ");
      expect(types).toMatch(/cpython cpython (native )+cpython/);
      expect(types).toMatch(/native$/);
      expect(sorting!.frames.map(({ name }) => name)).not.toContain("_PyEval_EvalFrameDefault");
    });
  }
});

const FOREVER = "1000000";
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

function start(...command: readonly string[]): { readonly settings: Partial<ProfilerSettings> } {
  const child = spawn(command[0]!, command.slice(1), { stdio: "ignore" });
  running.push(child);
  return { settings: { frequencyHz: 199, stackCopies: COPIES, filter: { pid: child.pid! } } };
}

const shared = PYTHONS.find(({ library }) => library.includes(".so"));

test.skipIf(!shared || !COMPILERS.c())("Python that another program loads while it runs", async () => {
  const { settings } = start(await workloads.build("embedding"), shared!.library);
  await using profiler = new LocalProfiler(settings);
  await profiler.until((samples) => samples.some((sample) => passesThrough(sample, "embedded")));
  const { frames } = profiler.samples.find((sample) => passesThrough(sample, "embedded"))!;
  const own = frames.map(({ name }) => name);
  expect(own.slice(own.indexOf("embedded"), own.indexOf("embedded") + 3)).toEqual([
    "embedded",
    "<module>",
    "PyEval_EvalCode",
  ]);
});

test.skipIf(PYTHONS.length === 0)("Python beside an interpreter that has nothing to do", async () => {
  await Promise.all(
    PYTHONS.map(async ({ name, path }) => {
      const { settings } = start(path, workloads.python("interpreters"), FOREVER);
      await using profiler = new LocalProfiler(settings);
      const isBurning = (sample: Sample): boolean => passesThrough(sample, "burn");
      await profiler.until((samples) => samples.some(isBurning));
      // Until then the other interpreter was made: by the first one, which is one that runs another.
      const begun = profiler.samples.length;
      await profiler.until((samples) => countOf(samples.slice(begun).filter(isBurning)) > 20);
      expect([name, ...marksOf(profiler.samples.slice(begun))]).toEqual([name]);
      const { frames } = profiler.samples.find((sample) => passesThrough(sample, "burn"))!;
      const script = frames.filter(isPython).map((frame) => frame.name);
      expect([name, ...script.slice(script.indexOf("burn"))]).toEqual([name, "burn", "<module>"]);
    }),
  );
});

describe.skipIf(PYTHONS.length === 0)("Python that can't be named says why", () => {
  test("several interpreters, of which one runs another", async () => {
    await Promise.all(
      PYTHONS.map(async ({ path }) => {
        const { settings } = start(path, workloads.python("interpreters"), FOREVER, "nested");
        await using profiler = new LocalProfiler(settings);
        const mark = "[Python: several interpreters]";
        await profiler.until((samples) => countOf(samples.filter((sample) => passesThrough(sample, mark))) > 20);
        const [marked] = profiler.samples.filter((sample) => passesThrough(sample, mark));
        expect(marked!.frames.map(({ name }) => name)).toContain("_PyEval_EvalFrameDefault");
        expect(marked!.frames.find(({ name }) => name === mark)!.type).toBe("abort-marker");
        const counted = profiler.metrics.value("podflame_profiling_samples_python_hidden", { reason: "interpreters" });
        expect(counted).toBeGreaterThan(20);
      }),
    );
  });

  test.skipIf(oldPython() === undefined)("a release that isn't known", async () => {
    const { settings } = start(oldPython()!.path, workloads.python(), FOREVER);
    await using profiler = new LocalProfiler(settings);
    await profiler.until((samples) => marksOf(samples).size > 0);
    expect(marksOf(profiler.samples)).toEqual(new Set(["[Python: unknown version]"]));
    expect(profiler.samples.flatMap(({ frames }) => frames.filter(isPython))).toEqual([]);
  });

  test("frames that are too many, with the innermost of them and the native ones to the root", async () => {
    const script =
      "import sys\nsys.setrecursionlimit(9999)\ndef down(n):\n  while n == 0: pass\n  down(n - 1)\ndown(300)";
    const { settings } = start(PYTHONS[0]!.path, "-c", script);
    await using profiler = new LocalProfiler(settings);
    const mark = "[Python: too many frames]";
    await profiler.until((samples) => samples.some((sample) => passesThrough(sample, mark)));
    const { frames } = profiler.samples.find((sample) => passesThrough(sample, mark))!;
    const names = frames.map(({ name }) => name);
    expect(names.filter((name) => name === "down")).toHaveLength(127);
    expect(names.indexOf(mark)).toBeGreaterThan(names.lastIndexOf("down"));
    expect(names.at(-1)).toBe("_start");
  });

  test.skipIf(!COMPILERS.c())("a program that looks like it and points everything anywhere", async () => {
    const folder = mkdtempSync(join(tmpdir(), "podflame-hostile-"));
    try {
      const program = join(folder, "python3.11");
      copyFileSync(await workloads.build("hostile-python3"), program);
      const { settings } = start(program, FOREVER);
      await using profiler = new LocalProfiler({ ...settings, frequencyHz: 999, reporterIntervalMs: 300 });
      await profiler.until((samples) => countOf(samples) > 1500);
      await profiler.stop();
      const script = profiler.samples.flatMap(({ frames }) => frames.filter(isPython));
      // Whole words may be true where others aren't; what is told is the text of one of its two strings, or the beginning.
      expect(countOf(profiler.samples.filter(({ frames }) => frames.some(isPython)))).toBeGreaterThan(100);
      expect([...new Set(script.map(({ name }) => name))].filter((name) => !"honest.py".startsWith(name))).toEqual([]);
      expect(profiler.accounts().lost.malformed).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
