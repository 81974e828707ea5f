/** Call stacks are those that others see: perf at the same time, gdb in a process that waits. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasProgram } from "../has-program.ts";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import { pathsOf, PerfRecord } from "./harness/perf.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { countOf, passesThrough, type Sample } from "./harness/samples.ts";

const available = [canSample(), canRunContainers()].every(Boolean);
const withPerf = test.skipIf(!available || !hasProgram("perf", "version"));
const withGdb = test.skipIf(!available || !hasProgram("gdb", "--version"));

describe.skipIf(!available)("stacks", () => {
  let node: NodeOfPods;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn", "nap");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  withPerf("hold the paths that perf sees most", async () => {
    const shares = ["alpha=30", "beta=20", "gamma=20", "random=30"];
    const container = await node.run(["/bin/burn", "1000000", ...shares]);
    const [pid] = container.processes();
    await using perf = new PerfRecord(199);
    // On a busy machine stacks of others would take the room for copies, and names come a while after the first samples.
    await using profiler = new LocalProfiler({ filter: { rules: { cgroupPaths: [container.cgroup] } } });
    const named = (): Sample[] => profiler.of(container).filter((sample) => passesThrough(sample, "take_turns"));
    await profiler.until(() => countOf(named()) > 200);
    await Promise.all([perf.stop(), profiler.stop()]);

    const [theirs, ours] = [await perf.paths(pid!), pathsOf(profiler.of(container))];
    const all = [...theirs.values()].reduce((sum, hits) => sum + hits, 0);
    const hot = [...theirs].filter(([, hits]) => hits > all / 20).map(([path]) => path);
    expect(hot.length).toBeGreaterThan(3);
    expect(hot.filter((path) => !ours.has(path))).toEqual([]);
    await container.remove();
  });

  withGdb("of a thread that waits are what gdb says", async () => {
    const container = await node.create(["/bin/nap", "1000000"]);
    const filter = { rules: { cgroupPaths: [container.cgroup] } };
    await using profiler = new LocalProfiler({ offCpuThreshold: 1, filter });
    await container.start();
    await container.prints(/ready/);
    const [pid] = container.processes();
    const waits = (): Sample[] =>
      profiler.of(container).filter((sample) => sample.type === "off_cpu" && passesThrough(sample, "long_nap"));
    await profiler.until(() => countOf(waits()) > 10);
    await profiler.stop();
    const commands = ["-ex", "break long_nap", "-ex", "continue", "-ex", "backtrace"];
    const told = execFileSync("gdb", ["-batch", "-nx", "-p", String(pid), ...commands], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const backtrace = [...told.matchAll(/^#\d+ +(?:0x[0-9a-f]+ in )?(\w+)/gm)].map(([, name]) => name);
    // The first backtrace is of the moment of attaching; the last one, of the breakpoint, begins with #0 again.
    const callers = backtrace.slice(backtrace.lastIndexOf("long_nap"));
    // A thread also waits where it reads the clock, for a page or for the CPU; but it sleeps far longer.
    const longest = waits().reduce((a, b) => (b.value > a.value ? b : a));
    const names = longest.frames.filter(({ type }) => type === "native").map(({ name }) => name);
    expect(callers.length).toBeGreaterThan(1);
    expect(names.slice(0, callers.length)).toEqual(callers);
    await container.remove();
  });
});
