/** Time that threads wait is measured where it is asked for, in nanoseconds. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { passesThrough } from "./harness/samples.ts";
import { accountOf } from "./harness/workloads.ts";

const available = [canSample(), canRunContainers()].every(Boolean);

describe.skipIf(!available)("off-CPU time", () => {
  let node: NodeOfPods;
  beforeAll(async () => {
    node = await NodeOfPods.start("nap");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("is as long as the program says that it slept, in the function that slept", async () => {
    // The group is made with the first process, and the kernel's set follows a moment later.
    const container = await node.create(["/bin/sh", "-c", "sleep 1; exec /bin/nap 1.5"]);
    // Of this container only: a busy machine switches more often than the ring can take all of.
    const filter = { rules: { cgroupPaths: [container.cgroup] } };
    await using profiler = new LocalProfiler({ offCpuThreshold: 1, filter, reporterIntervalMs: 60_000 });
    await container.start();
    const account = accountOf(await container.ended());
    await profiler.stop();
    const waits = profiler.of(container).filter(({ type }) => type === "off_cpu");
    for (const name of ["long_nap", "short_nap"]) {
      const inFunction = waits.filter((sample) => passesThrough(sample, name));
      const measuredNs = inFunction.reduce((sum, { value }) => sum + value, 0);
      const told = account.spentNs[name]!;
      expect(Math.abs(measuredNs / told - 1), `${name}: ${measuredNs} of ${told} ns`).toBeLessThan(0.1);
    }
  });

  test("isn't measured unless it is asked for", async () => {
    await using profiler = new LocalProfiler();
    const container = await node.run(["/bin/nap", "0.3"]);
    await container.ended();
    await profiler.stop();
    expect(profiler.samples.filter(({ type }) => type === "off_cpu")).toEqual([]);
  });
});
