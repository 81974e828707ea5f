import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { IdentityHub } from "#identity";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { Enrichment } from "./enrichment.ts";
import {
  containerOf,
  decodeAttributes,
  encodeRequest,
  ownerOf,
  podOf,
  processorOf,
  type TestAttributes,
} from "./processor-fixture.ts";

const ID = "3".repeat(64);
const INIT_ID = "4".repeat(64);
const OLD_ID = "5".repeat(64);
const DIGEST = `sha256:${"ab".repeat(32)}`;
const byUid = { pod_association: [{ sources: [{ from: "resource_attribute", name: "k8s.pod.uid" }] }] };
const byId = { pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }] };

describe("attributes that a resource has", () => {
  const pods = [podOf({ uid: "u", name: "a", namespace: "ns", nodeName: "node" })];
  const section = { ...byUid, extract: { metadata: ["k8s.pod.name", "k8s.namespace.name", "k8s.node.name"] } };

  test.each<[string, TestAttributes, Record<string, unknown>]>([
    ["none: added", {}, { "k8s.pod.name": "a", "k8s.namespace.name": "ns", "k8s.node.name": "node" }],
    [
      "not empty: kept",
      { "k8s.namespace.name": "mine" },
      { "k8s.namespace.name": "mine", "k8s.pod.name": "a", "k8s.node.name": "node" },
    ],
    [
      "empty: replaced",
      { "k8s.pod.name": "", "k8s.node.name": null },
      { "k8s.pod.name": "a", "k8s.namespace.name": "ns", "k8s.node.name": "node" },
    ],
    [
      "of another type: kept",
      { "k8s.pod.name": false, "k8s.node.name": 0n },
      { "k8s.pod.name": false, "k8s.namespace.name": "ns", "k8s.node.name": 0n },
    ],
  ])("ASC-18: %s", async (_, resource, expected) => {
    const fixture = await processorOf(section, { pods });
    expect(await fixture.name({ "k8s.pod.uid": "u", ...resource })).toEqual({ "k8s.pod.uid": "u", ...expected });
    const named = await fixture.send(encodeRequest("traces", [{ "k8s.pod.uid": "u", ...resource }]));
    // Once each: an attribute that stands twice would be read as either.
    expect(decodeAttributes("traces", named)[0]).toEqual({ "k8s.pod.uid": "u", ...expected });
  });
});

describe("the container of a resource", () => {
  const app = containerOf({ name: "app", image: "test/app:1.0.1", containerId: `containerd://${ID}` });
  const sidecar = containerOf({ name: "sidecar", image: "test/sidecar:2", containerId: `containerd://${OLD_ID}` });
  const init = containerOf({
    name: "init",
    kind: "init",
    image: "test/init:3",
    containerId: `containerd://${INIT_ID}`,
  });
  const metadata = ["k8s.container.name", "container.id", "container.image.name", "container.image.tags"];
  const appAttributes = {
    "k8s.container.name": "app",
    "container.id": ID,
    "container.image.name": "test/app",
    "container.image.tags": ["1.0.1"],
  };

  async function named(containers: ReturnType<typeof containerOf>[], resource: TestAttributes): Promise<unknown> {
    const section = { ...byUid, extract: { metadata: [...metadata, "container.image.repo_digests"] } };
    const fixture = await processorOf(section, { pods: [podOf({ uid: "u", containers })] });
    const { "k8s.pod.uid": _, ...attributes } = await fixture.name({ "k8s.pod.uid": "u", ...resource });
    return attributes;
  }

  test("CNT-1: by its name", async () => {
    expect(await named([app, sidecar], { "k8s.container.name": "app" })).toEqual(appAttributes);
  });
  test("CNT-2: by its id", async () => {
    expect(await named([app, sidecar], { "container.id": ID })).toEqual(appAttributes);
  });
  test("CNT-3: only what is extracted", async () => {
    const section = { ...byUid, extract: { metadata: ["container.image.name"] } };
    const fixture = await processorOf(section, { pods: [podOf({ uid: "u", containers: [app] })] });
    expect(await fixture.name({ "k8s.pod.uid": "u", "k8s.container.name": "app" })).toEqual({
      "k8s.pod.uid": "u",
      "k8s.container.name": "app",
      "container.image.name": "test/app",
    });
  });

  describe("with a restart count", () => {
    const restarted = { ...app, restartCount: 2, previousContainerId: `containerd://${OLD_ID}` };
    const idFor = async (count: string | bigint): Promise<unknown> =>
      named([restarted, sidecar], { "k8s.container.name": "app", "k8s.container.restart_count": count });

    test("CNT-4: the run before, given as text (ASC-19)", async () => {
      expect(await idFor("1")).toMatchObject({ "container.id": OLD_ID, "container.image.name": "test/app" });
    });
    test("the present run, given as a number", async () =>
      expect(await idFor(2n)).toMatchObject({ "container.id": ID }));
    test("CNT-8: a run that isn't known, so the image only", async () => {
      expect(await idFor(7n)).toEqual({
        "k8s.container.name": "app",
        "k8s.container.restart_count": 7n,
        "container.image.name": "test/app",
        "container.image.tags": ["1.0.1"],
      });
    });
    test("ASC-19: nothing that can be read, so the newest", async () => {
      expect(await idFor("not-number")).toMatchObject({ "container.id": ID });
    });
    test("CNT-5: none, so the newest", async () => {
      expect(await named([restarted], { "k8s.container.name": "app" })).toMatchObject({ "container.id": ID });
    });
  });

  test("CNT-6: the digest of its image", async () => {
    const pulled = { ...app, imageId: `test/app@${DIGEST}` };
    expect(await named([pulled], {})).toMatchObject({ "container.image.repo_digests": [`test/app@${DIGEST}`] });
  });
  test("CNT-7: a name that isn't the pod's ends the search", async () => {
    expect(await named([app], { "k8s.container.name": "new-app" })).toEqual({ "k8s.container.name": "new-app" });
  });
  test("an id that isn't the pod's ends the search", async () => {
    expect(await named([app], { "container.id": "f".repeat(64) })).toEqual({ "container.id": "f".repeat(64) });
  });
  test("CNT-9: the only one", async () => expect(await named([app], {})).toEqual(appAttributes));
  test("the only one beside a finished init container", async () => {
    expect(await named([init, app], {})).toEqual(appAttributes);
  });
  test("CNT-10: one of two, nobody knows which", async () => expect(await named([app, sidecar], {})).toEqual({}));
  test("CNT-11: tags are a list", async () => {
    expect(await named([app], {})).toMatchObject({ "container.image.tags": ["1.0.1"] });
  });
  test("an init container and an ephemeral one are found by their ids", async () => {
    const debug = containerOf({
      name: "debugger",
      kind: "ephemeral",
      containerId: `docker://${OLD_ID}`,
      image: "busybox",
    });
    expect(await named([app, init, debug], { "container.id": INIT_ID })).toMatchObject({
      "k8s.container.name": "init",
    });
    expect(await named([app, init, debug], { "container.id": OLD_ID })).toMatchObject({
      "k8s.container.name": "debugger",
    });
  });
});

describe("pods that change", () => {
  const pod = podOf({ uid: "u", name: "a", containers: [containerOf({ containerId: ID })] });
  const section = { ...byId, extract: { metadata: ["k8s.pod.name", "k8s.node.name"], labels: [{ key_regex: ".*" }] } };

  test("are named as they are now, with labels that nobody had before", async () => {
    const fixture = await processorOf(section, { pods: [pod] });
    const resource = { "container.id": ID };
    expect(await fixture.name(resource)).toEqual({ ...resource, "k8s.pod.name": "a" });
    fixture.list({ ...pod, nodeName: "node-1", labels: new Map([["team", "x"]]) });
    const named = { ...resource, "k8s.pod.name": "a", "k8s.node.name": "node-1", "k8s.pod.label.team": "x" };
    expect(await fixture.name(resource)).toEqual(named);
    expect(await fixture.name({ ...resource, "k8s.pod.label.team": "mine" })).toEqual({
      ...named,
      "k8s.pod.label.team": "mine",
    });
    // A request that was looked at twice, for the sake of the new name, counts once.
    expect(fixture.metrics.value("otelcol_k8s_pod_association")).toBe(3);
  });

  test("DEL-2, DEL-4: are named for the grace period after their end", async () => {
    const fixture = await processorOf({ ...section, pod_delete_grace_period: "5s" }, { pods: [pod] });
    fixture.list();
    expect(await fixture.name({ "container.id": ID })).toHaveProperty(["k8s.pod.name"], "a");
    await fixture.clock.advance(5_001);
    expect(await fixture.name({ "container.id": ID })).toEqual({ "container.id": ID });
  });

  test("labels without end are left out beyond a bound, and counted", async () => {
    const labels = new Map(Array.from({ length: 2_500 }, (_, at) => [`label-${at}`, "x"]));
    const fixture = await processorOf(section, { pods: [{ ...pod, labels }] });
    const named = await fixture.name({ "container.id": ID });
    expect(Object.keys(named).length).toBeLessThanOrEqual(2_000);
    expect(fixture.metrics.value("podflame_identity_attributes_dropped")).toBeGreaterThan(400);
  });
});

describe("real requests of the eBPF profiler", () => {
  const captures = new URL("../../../../testdata/captures/", import.meta.url);
  const read = (file: string): Uint8Array => readFileSync(fileURLToPath(new URL(file, captures)));
  const ids = {
    c: "3469834df5c1ef8ee941352895a72fb359c6ac014ca3417056b3b12cfb9d3943",
    go: "05ef3251ade1a3d686280c3bace552d3248f7852fa6f9d1ad44da15f61b461e9",
    node: "dc133e4f802e6335c307e249d2db5f4da1627eda9c2981708cc1f74fadb39c61",
  };
  const pods = Object.entries(ids).map(([name, id]) =>
    podOf({
      uid: `${name}-uid`,
      name: `${name}-abc-1`,
      namespace: "shop",
      owners: [ownerOf("ReplicaSet", `${name}-abc`)],
      labels: new Map([["pod-template-hash", "abc"]]),
      containers: [containerOf({ name, containerId: `containerd://${id}`, image: `shop/${name}:1` })],
    }),
  );
  const section = {
    extract: { metadata: ["k8s.pod.name", "k8s.deployment.name", "service.name", "k8s.container.name"] },
  };

  test.each([
    ["literals", read("ebpf-20hz-grpc.binpb")],
    ["references into the string table", read("ebpf-20hz-grpc-v0.164.binpb")],
    ["literals, fields reversed", reversed(read("ebpf-20hz-grpc.binpb"))],
    ["references, fields reversed", reversed(read("ebpf-20hz-grpc-v0.164.binpb"))],
  ])("are all named and otherwise the same: %s", async (_, bytes) => {
    const fixture = await processorOf(section, { signal: "profiles", pods });
    const before = decodeAttributes("profiles", bytes);
    expect(before).toHaveLength(3);
    const out = await fixture.send(bytes);
    const after = decodeAttributes("profiles", out);
    for (const [at, attributes] of before.entries()) {
      const [name] = Object.entries(ids).find(([, id]) => id === attributes["container.id"])!;
      expect(after[at]).toEqual({
        ...attributes,
        "k8s.pod.name": `${name}-abc-1`,
        "k8s.deployment.name": name,
        "service.name": name,
        "k8s.container.name": name,
      });
    }
    const again = await fixture.send(out);
    expect(Buffer.from(again).equals(out)).toBe(true);
  });
});

describe("all signals", () => {
  test.each(["traces", "metrics", "logs", "profiles"] as const)(
    "%s: each resource by itself, in any field order",
    async (signal) => {
      const pods = [
        podOf({ uid: "a", name: "a", containers: [containerOf({ containerId: ID })] }),
        podOf({ uid: "b", name: "b", containers: [containerOf({ containerId: INIT_ID })] }),
      ];
      const fixture = await processorOf({ ...byId, extract: { metadata: ["k8s.pod.name"] } }, { signal, pods });
      const resources = [{ "container.id": ID }, { other: "x" }, { "container.id": INIT_ID }, {}];
      const named = [
        { "container.id": ID, "k8s.pod.name": "a" },
        { other: "x" },
        { "container.id": INIT_ID, "k8s.pod.name": "b" },
        {},
      ];
      const bytes = encodeRequest(signal, resources);
      expect(decodeAttributes(signal, await fixture.send(bytes))).toEqual(named);
      expect(decodeAttributes(signal, await fixture.send(reversed(bytes))).reverse()).toEqual(named);
      const items = (name: string): number | undefined =>
        fixture.metrics.value(name, { processor: "k8s_attributes", otel_signal: signal });
      expect([items("otelcol_processor_incoming_items"), items("otelcol_processor_outgoing_items")]).toEqual([8, 8]);
    },
  );

  test("ASC-17: an empty request is passed on", async () => {
    const fixture = await processorOf(null);
    expect(await fixture.send(new Uint8Array())).toHaveLength(0);
  });

  test("a malformed resource is passed on as it is and counted, its neighbors are named", async () => {
    const pods = [podOf({ uid: "a", name: "a", containers: [containerOf({ containerId: ID })] })];
    const fixture = await processorOf({ ...byId, extract: { metadata: ["k8s.pod.name"] } }, { pods });
    const good = encodeRequest("traces", [{ "container.id": ID }]);
    // ResourceSpans with a Resource whose attribute claims 100 bytes and has none.
    const broken = Buffer.from("0a040a020a64", "hex");
    const out = await fixture.send(Buffer.concat([broken, good]));
    expect(Buffer.from(out.subarray(0, broken.length)).equals(broken)).toBe(true);
    expect(decodeAttributes("traces", out.subarray(broken.length))).toEqual([
      { "container.id": ID, "k8s.pod.name": "a" },
    ]);
    expect(fixture.metrics.value("podflame_processor_malformed_resources")).toBe(1);
  });
});

describe("life cycle", () => {
  test("STA-2: without wait_for_metadata nothing waits", async () => {
    const fixture = await processorOf(byId, { synced: false });
    await fixture.stop();
    await fixture.stop();
  });

  test("STA-2: with it, a list that never comes is an error that says why", async () => {
    const clock = new ManualClock();
    const telemetry = { clock, metrics: new MetricRegistry(), logger: silentLogger };
    const hub = new IdentityHub({
      telemetry,
      open: () =>
        Promise.resolve({
          state: () => ({ from: "https://api", synced: false, lastError: "403 Forbidden" }),
          stop: () => Promise.resolve(),
        }),
    });
    const section = { ...byId, wait_for_metadata: true, wait_for_metadata_timeout: "5s" };
    const starting = expect(processorOf(section, { hub, synced: false })).rejects.toThrow(
      "no complete list of pods from https://api within 5000 ms; last failure: 403 Forbidden",
    );
    await clock.advance(5_000);
    await starting;
  });

  test("signals of one configuration share directory, source and encoded attributes", async () => {
    const opened: unknown[] = [];
    const telemetry = { clock: new ManualClock(), metrics: new MetricRegistry(), logger: silentLogger };
    const hub = new IdentityHub({
      telemetry,
      open(settings, _, { pods: sink }) {
        opened.push(settings);
        sink.listing();
        sink.upsert(podOf({ uid: "a", name: "a", containers: [containerOf({ containerId: ID })] }));
        sink.listed();
        return Promise.resolve({
          state: () => ({ from: "test", synced: true, lastError: undefined }),
          stop: () => Promise.resolve(void opened.push("stopped")),
        });
      },
    });
    const enrichment = new Enrichment(
      {
        extraction: {
          metadata: ["k8s.pod.name"],
          labels: [],
          annotations: [],
          otelAnnotations: false,
          semconv: "stable",
        },
        excludedPods: [],
      },
      new ManualClock(),
    );
    const fixtures = [];
    for (const signal of ["traces", "profiles"] as const) {
      fixtures.push(
        await processorOf({ ...byId, extract: { metadata: ["k8s.pod.name"] } }, { signal, hub, enrichment }),
      );
    }
    for (const fixture of fixtures) {
      expect(await fixture.name({ "container.id": ID })).toEqual({ "container.id": ID, "k8s.pod.name": "a" });
    }
    expect(hub.directories).toBe(1);
    await fixtures[0]!.stop();
    expect(await fixtures[1]!.name({ "container.id": ID })).toHaveProperty(["k8s.pod.name"], "a");
    expect(opened).not.toContain("stopped");
    await fixtures[1]!.stop();
    expect(opened).toContain("stopped");
    expect(hub.directories).toBe(0);
  });
});

/** The same request with the fields of the request, its resources, their Resource and its attributes reversed. */
function reversed(bytes: Uint8Array, depth = 0): Uint8Array {
  const fields: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const tag = varint(bytes, at);
    const length = varint(bytes, tag.end);
    const wireType = tag.value & 7;
    const end =
      wireType === 2 ? length.end + length.value : wireType === 0 ? length.end : tag.end + (wireType === 1 ? 8 : 4);
    // Request, resources, Resource, attributes: field 1 in each.
    const nested = wireType === 2 && tag.value >> 3 === 1 && depth < 3;
    const content = bytes.subarray(length.end, end);
    fields.push(
      nested
        ? Buffer.concat([bytes.subarray(start, length.end), reversed(content, depth + 1)])
        : bytes.subarray(start, end),
    );
    at = end;
  }
  return Buffer.concat(fields.reverse());
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    value += (bytes[at]! & 0x7f) * 2 ** shift;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
}
