import { afterEach, describe, expect, test } from "vitest";
import { INTERNAL_ORIGIN } from "#otlp";
import {
  containerOf,
  encodeRequest,
  type FixtureOptions,
  podOf,
  type ProcessorFixture,
  processorOf,
  type TestAttributes,
} from "./processor-fixture.ts";

const ID = "3".repeat(64);
const UID = "f2b3c4d5-0000-4000-8000-0123456789ab";
const OTHER_UID = "f2b3c4d5-0000-4000-8000-0123456789ac";
const pod = podOf({ uid: UID, name: "a", namespace: "ns", podIps: ["10.1.1.1"] });
const started = podOf({ ...pod, containers: [containerOf({ containerId: `containerd://${ID}` })] });
const other = podOf({ uid: OTHER_UID, name: "b", namespace: "ns", podIps: ["10.1.1.2"] });

const rule = (...names: string[]): object => ({ sources: names.map((name) => ({ from: "resource_attribute", name })) });
const section = {
  extract: { metadata: ["k8s.pod.name", "k8s.container.name"] },
  pod_association: [
    rule("container.id"),
    rule("k8s.pod.uid"),
    rule("k8s.pod.ip"),
    rule("k8s.namespace.name", "k8s.pod.name"),
    rule("team"),
  ],
  pending: {},
};

let fixture: ProcessorFixture;
async function processor(more: object = {}, options: FixtureOptions = {}): Promise<void> {
  fixture = await processorOf({ ...section, ...more }, options);
}

/** Sends a request without waiting for its answer; tells whether that has come. */
function send(...resources: TestAttributes[]): { answered: boolean } {
  const state = { answered: false };
  void fixture.send(encodeRequest("traces", resources)).then(() => (state.answered = true));
  return state;
}

afterEach(async () => {
  await fixture.stop();
  await fixture.clock.advance(0);
  expect([fixture.buffers.stats.leased, fixture.metrics.value("podflame_identity_pending_bytes")]).toEqual([0, 0]);
});

describe("a resource whose pod isn't known yet", () => {
  test.each<[string, TestAttributes]>([
    ["container id", { "container.id": ID }],
    ["container id in another spelling", { "container.id": `cri-containerd-${ID}.scope` }],
    ["uid", { "k8s.pod.uid": UID }],
    ["address", { "k8s.pod.ip": "10.1.1.1" }],
    ["name", { "k8s.namespace.name": "ns", "k8s.pod.name": "a" }],
  ])("waits for it by its %s, and is not answered before", async (_, resource) => {
    await processor();
    const request = send(resource);
    await fixture.clock.advance(1_000);
    expect([request.answered, fixture.received]).toEqual([false, []]);
    fixture.list(started);
    await fixture.clock.advance(0);
    expect(request.answered).toBe(true);
    expect(fixture.received).toEqual([{ ...resource, "k8s.pod.name": "a", "k8s.container.name": "app" }]);
    // It counts as what it became, once.
    expect(fixture.metrics.value("podflame_identity_misses")).toBe(0);
    expect(fixture.metrics.value("otelcol_k8s_pod_association")).toBe(1);
    expect(fixture.metrics.value("otelcol_processor_outgoing_items")).toBe(1);
  });

  test("waits for the sender's pod where that names it", async () => {
    await processor({ pod_association: [{ sources: [{ from: "connection" }] }] });
    const origin = { ...INTERNAL_ORIGIN, peerAddress: "10.1.1.1" };
    const named = fixture.name({}, origin);
    await fixture.clock.advance(10);
    fixture.list(pod);
    expect(await named).toMatchObject({ "k8s.pod.name": "a" });
  });

  test("is named by its pod's uid before the status tells of containers; details follow", async () => {
    await processor();
    const resource = { "container.id": ID, "k8s.pod.uid": UID };
    send(resource);
    fixture.list(pod);
    await fixture.clock.advance(0);
    expect(fixture.received).toEqual([{ ...resource, "k8s.pod.name": "a" }]);
    fixture.list(started);
    expect(await fixture.name(resource)).toEqual({ ...resource, "k8s.pod.name": "a", "k8s.container.name": "app" });
  });

  test("passes on unnamed after the longest wait, and the next time at once", async () => {
    await processor();
    send({ "container.id": ID });
    await fixture.clock.advance(2_999);
    expect(fixture.received).toEqual([]);
    await fixture.clock.advance(1);
    expect(fixture.received).toEqual([{ "container.id": ID }]);
    expect(await fixture.name({ "container.id": ID })).toEqual({ "container.id": ID });
    expect(fixture.metrics.value("podflame_identity_misses")).toBe(2);
    // Nevertheless it is named as soon as it is known.
    fixture.list(started);
    expect(await fixture.name({ "container.id": ID })).toMatchObject({ "k8s.pod.name": "a" });
  });

  test("waits for the first list, once", async () => {
    await processor({}, { synced: false });
    send({ "container.id": ID });
    await fixture.clock.advance(3_000);
    expect(fixture.received).toEqual([{ "container.id": ID }]);
    // The source says nothing, so neither does another container's data wait.
    expect(await fixture.name({ "k8s.pod.uid": OTHER_UID })).toEqual({ "k8s.pod.uid": OTHER_UID });
    fixture.list(pod);
    send({ "k8s.pod.uid": OTHER_UID });
    await fixture.clock.advance(0);
    fixture.list(pod, other);
    await fixture.clock.advance(0);
    expect(fixture.received.at(-1)).toMatchObject({ "k8s.pod.name": "b" });
  });

  test("is named by the pod that has the address then, not by the one that had it", async () => {
    await processor();
    fixture.list(pod);
    fixture.list();
    await fixture.clock.advance(121_000);
    send({ "k8s.pod.ip": "10.1.1.1" });
    fixture.list({ ...other, podIps: ["10.1.1.1"] });
    await fixture.clock.advance(0);
    expect(fixture.received).toEqual([{ "k8s.pod.ip": "10.1.1.1", "k8s.pod.name": "b" }]);
  });
});

describe("a request", () => {
  test("goes on when all of its resources are named", async () => {
    await processor({}, { pods: [pod] });
    send({ "k8s.pod.uid": UID }, { "k8s.pod.uid": OTHER_UID });
    await fixture.clock.advance(0);
    expect(fixture.received).toEqual([]);
    fixture.list(pod, other);
    await fixture.clock.advance(0);
    expect(fixture.received).toHaveLength(1);
    expect(fixture.metrics.value("otelcol_k8s_pod_association")).toBe(2);
  });

  test("isn't held up by others that wait", async () => {
    await processor({}, { pods: [pod] });
    send({ "k8s.pod.uid": OTHER_UID });
    expect(await fixture.name({ "k8s.pod.uid": UID })).toMatchObject({ "k8s.pod.name": "a" });
    expect(fixture.received).toHaveLength(1);
  });

  test("doesn't overtake another of the same resource", async () => {
    await processor();
    for (let number = 0n; number < 5n; number++) send({ "k8s.pod.uid": UID, number });
    fixture.list(pod);
    send({ "k8s.pod.uid": UID, number: 5n });
    await fixture.clock.advance(0);
    expect(fixture.received.map(({ number }) => number)).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
  });

  test.each<[string, TestAttributes]>([
    ["a process of the host", { "process.pid": 1n }],
    ["a sender on the same machine", { "k8s.pod.ip": "127.0.0.1" }],
    ["an address that is none", { "k8s.pod.ip": "somewhere" }],
    ["an attribute that many pods share", { team: "a" }],
  ])("of %s never waits", async (_, resource) => {
    await processor();
    expect(await fixture.name(resource)).toEqual(resource);
  });

  test("never waits where that is turned off", async () => {
    await processor({ pending: { max_wait: "0s" } });
    expect(await fixture.name({ "k8s.pod.uid": UID })).toEqual({ "k8s.pod.uid": UID });
    fixture.received.length = 0;
    // So that the end of the test finds the metric.
    fixture.metrics.gauge("podflame_identity_pending_bytes", { help: "" }).set(0);
  });

  test("that finds no room goes on at once, and is counted", async () => {
    await processor({ pending: { max_mib: 1 } });
    const long = "x".repeat(700_000);
    send({ "k8s.pod.uid": UID, long });
    expect(await fixture.name({ "k8s.pod.uid": OTHER_UID, long })).toEqual({ "k8s.pod.uid": OTHER_UID, long });
    expect(fixture.received).toHaveLength(1);
  });

  test("that waits at the end goes on with what is known", async () => {
    await processor({}, { pods: [pod] });
    const request = send({ "k8s.pod.uid": UID }, { "k8s.pod.uid": OTHER_UID });
    await fixture.stop();
    expect(fixture.received).toEqual([{ "k8s.pod.uid": UID, "k8s.pod.name": "a" }]);
    await fixture.clock.advance(0);
    expect(request.answered).toBe(true);
  });
});
