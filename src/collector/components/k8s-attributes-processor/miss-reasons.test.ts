import { expect, test } from "vitest";
import { containerOf, podOf, processorOf, type ProcessorFixture, type TestAttributes } from "./processor-fixture.ts";

const BY_ID = { pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }] };
const POD = podOf({ uid: "u", name: "p", containers: [containerOf({ containerId: "containerd://abc" })] });

/** The reasons that were counted for one resource. */
async function reasonsFor(fixture: ProcessorFixture, resource: TestAttributes): Promise<string[]> {
  const counted = (): string[] =>
    fixture.metrics
      .render()
      .split("\n")
      .filter((line) => line.startsWith("podflame_identity_misses"));
  const before = counted();
  await fixture.name(resource);
  return counted()
    .filter((line) => !before.includes(line))
    .map((line) => /reason="(\w+)"/.exec(line)![1]!);
}

test("a pod that was known is gone, another was never seen", async () => {
  const fixture = await processorOf({ ...BY_ID, pod_delete_grace_period: "10s" }, { pods: [POD] });
  fixture.list();
  await fixture.clock.advance(12_000);
  expect(await reasonsFor(fixture, { "container.id": "abc" })).toEqual(["gone"]);
  expect(await reasonsFor(fixture, { "container.id": "xyz" })).toEqual(["unknown_pod"]);
  await fixture.stop();
});

test("a process in no container lacks nothing, and is told apart in profiles", async () => {
  const host = { "process.executable.name": "sshd" };
  const profiles = await processorOf(BY_ID, { signal: "profiles" });
  expect(await reasonsFor(profiles, host)).toEqual(["host_process"]);
  expect(await reasonsFor(profiles, {})).toEqual(["no_identifier"]);
  expect(await reasonsFor(profiles, { ...host, "container.id": "xyz" })).toEqual(["unknown_pod"]);
  await profiles.stop();
  const traces = await processorOf(BY_ID, { signal: "traces" });
  expect(await reasonsFor(traces, host)).toEqual(["no_identifier"]);
  await traces.stop();
});
