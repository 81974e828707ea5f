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
  expect(await reasonsFor(fixture, { "container.id": "xyz" })).toEqual(["never_seen"]);
  await fixture.stop();
});

test("a process in no container lacks nothing, and is told apart in profiles", async () => {
  const host = { "process.executable.name": "sshd" };
  const profiles = await processorOf(BY_ID, { signal: "profiles" });
  expect(await reasonsFor(profiles, host)).toEqual(["host_process"]);
  expect(await reasonsFor(profiles, {})).toEqual(["no_identifier"]);
  expect(await reasonsFor(profiles, { ...host, "container.id": "xyz" })).toEqual(["never_seen"]);
  await profiles.stop();
  const traces = await processorOf(BY_ID, { signal: "traces" });
  expect(await reasonsFor(traces, host)).toEqual(["no_identifier"]);
  await traces.stop();
});

test("what is said to be elsewhere than what is followed is told so", async () => {
  const both = { "container.id": "xyz", "k8s.node.name": "node-2", "k8s.namespace.name": "shop" };
  const ofNode = await processorOf({ ...BY_ID, filter: { node: "node-1" } }, {});
  expect(await reasonsFor(ofNode, both)).toEqual(["other_node"]);
  expect(ofNode.unresolved.list()).toMatchObject([{ detail: "it is on node-2, and pods of node-1 are followed" }]);
  await ofNode.stop();
  const ofNamespace = await processorOf({ ...BY_ID, filter: { namespace: "data" } }, {});
  expect(await reasonsFor(ofNamespace, both)).toEqual(["filtered"]);
  await ofNamespace.stop();
  const ofBoth = await processorOf({ ...BY_ID, filter: { namespace: "shop", node: "node-2" } }, {});
  expect(await reasonsFor(ofBoth, both)).toEqual(["never_seen"]);
  await ofBoth.stop();
});

test("a pod that a source saw and the filter left out is not called unseen", async () => {
  const fixture = await processorOf(BY_ID, {});
  fixture.leaveOut(podOf({ uid: "u2", name: "q", containers: [containerOf({ containerId: "containerd://xyz" })] }));
  expect(await reasonsFor(fixture, { "container.id": "xyz" })).toEqual(["filtered"]);
  await fixture.stop();
});

test("values of one rule that belong to different pods are a mismatch", async () => {
  const sources = ["container.id", "k8s.pod.uid"].map((name) => ({ from: "resource_attribute", name }));
  const fixture = await processorOf({ pod_association: [{ sources }] }, { pods: [POD] });
  expect(await reasonsFor(fixture, { "container.id": "abc", "k8s.pod.uid": "other" })).toEqual(["mismatch"]);
  await fixture.stop();
});

test("a sandbox's own process is known by its name in profiles", async () => {
  const fixture = await processorOf(BY_ID, { signal: "profiles" });
  const pause = { "container.id": "xyz", "process.executable.name": "pause" };
  expect(await reasonsFor(fixture, pause)).toEqual(["sandbox"]);
  await fixture.stop();
});

test("a sandbox that the runtime told of is none that was never seen, and nobody waits for it", async () => {
  const fixture = await processorOf({ ...BY_ID, pending: { max_wait: "3s" } }, {});
  fixture.sandboxes(["xyz"]);
  expect(await reasonsFor(fixture, { "container.id": "containerd://xyz" })).toEqual(["sandbox"]);
  await fixture.stop();
});

test("what was waited for in vain is told from what came later", async () => {
  const fixture = await processorOf({ ...BY_ID, pending: { max_wait: "3s" } }, { pods: [POD] });
  const waiting = reasonsFor(fixture, { "container.id": "xyz" });
  await fixture.clock.advance(3_000);
  expect(await waiting).toEqual(["timeout"]);
  expect(await reasonsFor(fixture, { "container.id": "xyz" })).toEqual(["never_seen"]);
  expect(fixture.unresolved.list()).toMatchObject([
    { key: { "container.id": "xyz" }, reason: "never_seen", count: 2, isKnownNow: false },
  ]);
  await fixture.stop();
});

test("what is gone isn't waited for, and says since when", async () => {
  const section = { ...BY_ID, pod_delete_grace_period: "10s", pending: { max_wait: "3s" } };
  const fixture = await processorOf(section, { pods: [POD] });
  const goneAt = new Date(fixture.clock.nowMs()).toISOString();
  fixture.list();
  await fixture.clock.advance(12_000);
  expect(await reasonsFor(fixture, { "container.id": "abc" })).toEqual(["gone"]);
  expect(fixture.unresolved.list()).toMatchObject([{ reason: "gone", detail: `since ${goneAt}` }]);
  await fixture.stop();
  expect(fixture.unresolved.size).toBe(0);
});

test("a resource without a key is told by what it has", async () => {
  const fixture = await processorOf(BY_ID, {});
  await fixture.name({ "service.name": "web", "host.name": "vm-1" });
  expect(fixture.unresolved.list()).toMatchObject([
    { key: { "service.name": "web", "host.name": "vm-1" }, reason: "no_identifier" },
  ]);
  await fixture.stop();
});
