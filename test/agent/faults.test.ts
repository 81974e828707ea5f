/**
 * Programs that lie, hurry or change under the profiler's eyes, and a profiler that is stopped or killed: sampling goes
 * on, honest programs keep their names, and nothing stays behind.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CORRUPTIONS } from "./harness/corrupt-elf.ts";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import type { Container } from "./harness/pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { countOf, passesThrough, type Sample } from "./harness/samples.ts";

const available = [canSample(), canRunContainers()].every(Boolean);
const FOREVER = "1000000";

describe.skipIf(!available)("sampling goes on beside", () => {
  let node: NodeOfPods;
  let honest: Container;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn", "jit", "restless");
    const burn = readFileSync(await node.workloads.build("burn"));
    const files = Object.entries(CORRUPTIONS).map(([name, corrupt]): [string, string] => {
      const copy = Buffer.from(burn);
      corrupt(copy);
      const path = join(node.containerd.folder, name);
      writeFileSync(path, copy);
      return [`/bin/${name}`, path];
    });
    await node.containerd.importImage("localhost/corrupt:1", Object.fromEntries(files));
    honest = await node.run(["/bin/burn", FOREVER, "alpha=100"]);
    await honest.prints(/ready/);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  /** Profiles until the honest program was named often, and whatever else is asked for. */
  const profile = async (alsoUntil: (profiler: LocalProfiler) => boolean): Promise<LocalProfiler> => {
    await using profiler = new LocalProfiler();
    await profiler.until(
      () => countOf(profiler.of(honest).filter((sample) => passesThrough(sample, "alpha"))) > 15 && alsoUntil(profiler),
    );
    await profiler.stop();
    expect(profiler.accounts().samples).toBe(countOf(profiler.samples));
    return profiler;
  };

  test("executables whose tables lie", async () => {
    const names = Object.keys(CORRUPTIONS);
    const commands = names.map((name) => `/bin/${name} ${FOREVER} alpha=100 & `).join("");
    const container = await node.run(["/bin/sh", "-c", `${commands} wait`], { image: "localhost/corrupt:1" });
    const executables = (profiler: LocalProfiler): Set<unknown> =>
      new Set(profiler.of(container).flatMap(({ frames }) => frames.map(({ mapping }) => mapping)));
    await profile((profiler) => names.every((name) => executables(profiler).has(name)));
    await container.remove();
  });

  for (const kind of ["fifo", "link", "folder", "huge", "text"]) {
    test(`a perf map that is none: ${kind}`, async () => {
      const container = await node.run(["/bin/jit", FOREVER, "hot=100"], { env: { JIT_MAP: kind } });
      // Its first samples are of the runtime that starts it, and of a program that isn't named yet.
      const ofHot = (samples: readonly Sample[]): Sample[] => samples.filter((sample) => passesThrough(sample, "hot"));
      const profiler = await profile((started) => countOf(ofHot(started.of(container))) > 10);
      const names = profiler.of(container).flatMap(({ frames }) => frames.map(({ name }) => name));
      expect(names.filter((name) => name.includes("root:") || name.includes("\0"))).toEqual([]);
      await container.remove();
    });
  }

  test("a process that changes its own code, mappings and name", async () => {
    const container = await node.run(["/bin/restless", FOREVER]);
    // Its names go with its code: whatever is told of it, it's hit again and again.
    await profile((started) => countOf(started.of(container)) > 60);
    await container.remove();
  });

  test("a storm of processes", async () => {
    const storm = "while :; do /bin/true; done";
    const container = await node.run(["/bin/sh", "-c", `${storm} & ${storm} & ${storm}`]);
    await profile((profiler) => countOf(profiler.of(container)) > 50);
    await container.remove();
  });
});
