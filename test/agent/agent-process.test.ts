/** podflame as a process of its own: what it sends, and what becomes of it when it's stopped or killed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../peers/program.ts";
import { AgentProcess } from "./harness/agent-process.ts";
import { kernelKnows } from "./harness/kernel-objects.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import type { Container } from "./harness/pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { countOf, lostIn, passesThrough } from "./harness/samples.ts";

const available = [canSample(), canRunContainers()].every(Boolean);

describe.skipIf(!available)("podflame run with the receiver profiling", () => {
  let node: NodeOfPods;
  let container: Container;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn");
    container = await node.run(["/bin/burn", "1000000", "alpha=100"]);
    await container.prints(/ready/);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const hits = (agent: AgentProcess): number =>
    countOf(
      agent.sink
        .samples()
        .filter((sample) => sample.resource["container.id"] === container.id && passesThrough(sample, "alpha")),
    );

  test("sends samples with container and pod over OTLP", async () => {
    await using agent = await AgentProcess.start({ receiver: { reporter_interval: "500ms" } });
    await until("samples of the container", () => hits(agent) > 10);
    const { resource } = agent.sink.samples().find((sample) => sample.resource["container.id"] === container.id)!;
    expect(resource).toMatchObject({ "k8s.pod.uid": container.podUid, "os.type": "linux" });
    expect(resource["host.name"]).toBeTypeOf("string");
  });

  test("goes on after it was stopped for longer than the ring lasts, and says what it lost", async () => {
    await using agent = await AgentProcess.start({
      receiver: { reporter_interval: "500ms", samples_per_second: 340 },
    });
    // Stacks of 115 frames: a second of CPU time makes 340 kB of them, and the ring holds 1 MiB.
    const deep = await Promise.all([1, 2].map(() => node.run(["/bin/burn", "1000000", "delta=100"])));
    const deepNs = (): number => deep.reduce((sum, each) => sum + each.cpuUsageNs(), 0);
    await until("samples of the container", () => hits(agent) > 20);
    agent.signal("SIGSTOP");
    const before = deepNs();
    await until("five seconds of work", () => deepNs() - before > 5e9, 25_000);
    agent.signal("SIGCONT");
    const then = hits(agent);
    await until("new samples", () => hits(agent) > then + 100);
    expect(lostIn(agent.sink.samples())).toBeGreaterThan(0);
  });

  test("leaves nothing in the kernel when it's killed", async () => {
    await using agent = await AgentProcess.start({ receiver: { reporter_interval: "500ms" } });
    await agent.firstSampleMs();
    const { programIds, mapIds, events } = agent.holdings();
    expect(programIds.length).toBeGreaterThan(0);
    expect(mapIds.length).toBeGreaterThan(0);
    expect(events).toBeGreaterThan(0);
    expect(programIds.every((id) => kernelKnows("program", id))).toBe(true);
    agent.signal("SIGKILL");
    await until("the end of its programs and maps", () =>
      [...programIds.map((id) => kernelKnows("program", id)), ...mapIds.map((id) => kernelKnows("map", id))].every(
        (known) => !known,
      ),
    );
  });
});
