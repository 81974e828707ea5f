/** Who a sample is credited to beside containers, and what is told of their processes: what was asked for and no more. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../peers/program.ts";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { countOf, passesThrough, type Sample } from "./harness/samples.ts";

const available = [canSample(), canRunContainers()].every(Boolean);
const FOREVER = "1000000";
/** Whether this runs in a container itself: then what it starts has that container's id. */
const isContained = /[0-9a-f]{64}/.test(readFileSync("/proc/self/cgroup", "latin1"));

describe.skipIf(!available)("resources", () => {
  let node: NodeOfPods;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("tell the service that processes name, and nothing else of their environment", async () => {
    const container = await node.run(["/bin/burn", FOREVER, "alpha=100"], {
      env: {
        OTEL_SERVICE_NAME: "cart",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.namespace=shop%20one",
        API_TOKEN: "not-to-be-read-0123456789",
      },
    });
    await using profiler = new LocalProfiler();
    await profiler.until(() => profiler.of(container).some((sample) => passesThrough(sample, "alpha")));
    await profiler.stop();
    const own = profiler.of(container).find((sample) => passesThrough(sample, "alpha"))!;
    expect(own.resource).toMatchObject({ "service.name": "cart", "service.namespace": "shop one" });
    const bytes = Buffer.concat(profiler.requests).toString("latin1");
    expect(bytes).toContain("cart");
    expect(bytes).not.toContain("not-to-be-read");
    await container.remove();
  });

  test("of one container are several where its processes name different services", async () => {
    const burn = `/bin/burn ${FOREVER} alpha=100`;
    const script = `OTEL_SERVICE_NAME=front ${burn} & OTEL_SERVICE_NAME=back ${burn} & wait`;
    const container = await node.run(["/bin/sh", "-c", script]);
    await using profiler = new LocalProfiler();
    const services = (): Set<unknown> =>
      new Set(
        profiler
          .of(container)
          .filter((sample) => passesThrough(sample, "alpha"))
          .map(({ resource }) => resource["service.name"]),
      );
    await profiler.until(() => services().has("front") && services().has("back"));
    await profiler.stop();
    expect(services()).toEqual(new Set(["front", "back"]));
    await container.remove();
  });

  test.skipIf(isContained)(
    "of the host name the executable and no container; the kernel's threads are one",
    async () => {
      const program = new Program("burn", await node.workloads.build("burn"), [FOREVER, "alpha=90", "random=10"]);
      await using profiler = new LocalProfiler();
      const isOwn = (sample: Sample): boolean =>
        sample.attributes["process.pid"] === program.pid && passesThrough(sample, "alpha");
      await profiler.until((samples) => samples.some(isOwn));
      await profiler.stop();
      await program.stop();
      const own = profiler.samples.find(isOwn)!;
      expect(own.resource["container.id"]).toBeUndefined();
      expect(own.resource["k8s.pod.uid"]).toBeUndefined();
      expect(own.resource["process.executable.name"]).toBe("burn");
      expect(own.resource["process.executable.path"]).toMatch(/\/burn$/);
      const threads = profiler.samples.filter(({ attributes }) =>
        /^(?:ksoftirqd|kworker|rcu)/.test(String(attributes["thread.name"])),
      );
      expect(new Set(threads.map(({ resource }) => resource["container.id"]))).toEqual(
        new Set(threads.length > 0 ? [undefined] : []),
      );
    },
  );

  test("are one a process where that is asked for, and values are merged where that is asked for", async () => {
    const container = await node.run(["/bin/burn", FOREVER, "alpha=100"]);
    const [pid] = container.processes();
    await using profiler = new LocalProfiler({ groupBy: "process", values: "merged" });
    await profiler.until(() => countOf(profiler.of(container)) > 20);
    await profiler.stop();
    const own = profiler.of(container);
    expect(new Set(own.map(({ resource }) => resource["process.pid"]))).toEqual(new Set([pid]));
    expect(own.some(({ value }) => value > 1)).toBe(true);
    expect(own.flatMap(({ timesUnixNano }) => timesUnixNano)).toEqual([]);
    expect(countOf(profiler.samples)).toBe(profiler.accounts().samples);
    await container.remove();
  });
});
