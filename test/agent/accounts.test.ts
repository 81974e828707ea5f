/** Where the time of all CPUs went is accounted for, and agrees with what the kernel accounts to containers. */
import { readdirSync, readlinkSync } from "node:fs";
import { cpus } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { countOf } from "./harness/samples.ts";

const available = [canSample(), canRunContainers()].every(Boolean);

/** Handles of what this process holds in the kernel for sampling: events, maps, programs, links. */
function kernelHandles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /perf_event|bpf/.test(target) ? [target] : [];
    } catch {
      // The folder's own handle, closed by now.
      return [];
    }
  });
}

describe.skipIf(!available)("the accounts", () => {
  let node: NodeOfPods;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("add up to the time of all CPUs, and a container's samples to the CPU time of its group", async () => {
    const frequencyHz = 499;
    const container = await node.run(["/bin/burn", "100", "alpha=80", "random=20"]);
    await container.prints(/ready/);
    const profiler = new LocalProfiler({ frequencyHz });
    /** CPU time of the group just before and just after all samples of until now were delivered. */
    const look = async (): Promise<{ periods: number; atMs: number; usedNs: [number, number]; hits: number }> => {
      const before = container.cpuUsageNs();
      const accounted = await profiler.periods();
      return { ...accounted, usedNs: [before, container.cpuUsageNs()], hits: countOf(profiler.of(container)) };
    };
    const first = await look();
    await profiler.until(() => countOf(profiler.of(container)) - first.hits > 500);
    const last = await look();
    await profiler.stop();

    const accountedMs = ((last.periods - first.periods) / frequencyHz / cpus().length) * 1000;
    expect(Math.abs(accountedMs / (last.atMs - first.atMs) - 1)).toBeLessThan(0.02);
    const hits = last.hits - first.hits;
    const sampledNs = (hits / frequencyHz) * 1e9;
    // Where the container doesn't have a CPU for itself, chance decides on which side of a switch a hit falls.
    const tolerance = 0.02 + 4 / Math.sqrt(hits);
    expect(sampledNs).toBeGreaterThan((last.usedNs[0] - first.usedNs[1]) * (1 - tolerance));
    expect(sampledNs).toBeLessThan((last.usedNs[1] - first.usedNs[0]) * (1 + tolerance));
    expect(profiler.accounts().samples).toBe(countOf(profiler.samples));
  });

  test("of a second profiler begin anew, and the first leaves nothing open", async () => {
    expect(kernelHandles()).toEqual([]);
    for (let round = 0; round < 2; round++) {
      const container = await node.run(["/bin/burn", "100", "alpha=100"]);
      const profiler = new LocalProfiler();
      await profiler.until(() => countOf(profiler.of(container)) > 10);
      expect(kernelHandles()).not.toEqual([]);
      await profiler.stop();
      expect(kernelHandles()).toEqual([]);
      expect(profiler.accounts().samples).toBe(countOf(profiler.samples));
      await container.remove();
    }
  });
});
