import { describe, expect, test } from "vitest";
import type { PodObject } from "#kubernetes";
import type { Origin } from "#otlp";
import { containerOf, ownerOf, podOf, processorOf, type TestAttributes } from "./processor-fixture.ts";

const ID = "3".repeat(64);
const UID = "f2b3c4d5-0000-4000-8000-0123456789ab";

const byAttribute = (...names: string[]): unknown => ({
  sources: names.map((name) => ({ from: "resource_attribute", name })),
});
const byConnection = { sources: [{ from: "connection" }] };

function from(peerAddress: string): Origin {
  return { protocol: "grpc", peerAddress };
}

/** A pod that is known by the given address. */
function at(address: string, name = `pod-${address}`, fields: Partial<PodObject> = {}): PodObject {
  return podOf({ uid: name, name, namespace: "ns", podIps: [address], startedMs: 1, ...fields });
}

const nameOnly = { extract: { metadata: ["k8s.pod.name"] } };
const pods = [at("1.1.1.1"), at("2.2.2.2"), at("3.3.3.3")];

/** The pod that a resource is named after under the default rules of the signal. */
async function podOfResource(
  section: object,
  resource: TestAttributes,
  origin?: Origin,
  known: readonly PodObject[] = pods,
): Promise<unknown> {
  const fixture = await processorOf({ ...nameOnly, ...section }, { pods: known });
  return (await fixture.name(resource, origin))["k8s.pod.name"];
}

describe("without pod_association", () => {
  test.each<[string, TestAttributes, string | undefined, string | undefined]>([
    ["ASC-2: k8s.pod.ip is first", { "k8s.pod.ip": "2.2.2.2", ip: "1.1.1.1" }, "3.3.3.3", "pod-2.2.2.2"],
    ["ASC-3: then ip", { ip: "1.1.1.1" }, "3.3.3.3", "pod-1.1.1.1"],
    ["ASC-4: then the peer", {}, "3.3.3.3", "pod-3.3.3.3"],
    ["ASC-6: then host.name", { "host.name": "3.3.3.3" }, undefined, "pod-3.3.3.3"],
    ["ASC-6: but not if that is no address", { "host.name": "invalid-ip" }, undefined, undefined],
    ["the first that is there is the only one", { "k8s.pod.ip": "9.9.9.9" }, "3.3.3.3", undefined],
  ])("%s", async (_, resource, peer, expected) => {
    expect(await podOfResource({}, resource, peer === undefined ? undefined : from(peer))).toBe(expected);
  });

  test("ASC-5: a resource without identifier stays as it is, byte for byte", async () => {
    const fixture = await processorOf(null, { pods });
    const bytes = Buffer.from("0a00", "hex");
    expect(Buffer.from(await fixture.send(bytes)).equals(bytes)).toBe(true);
    expect(
      fixture.metrics.value("podflame_identity_misses", {
        processor: "k8s_attributes",
        otel_signal: "traces",
        reason: "no_identifier",
      }),
    ).toBe(1);
  });

  test("profiles go by container.id, then the pod's uid, never by their sender", async () => {
    const known = [
      at("1.1.1.1", "agent"),
      podOf({ uid: UID, name: "by-uid" }),
      podOf({ uid: "b", name: "by-id", containers: [containerOf({ containerId: `containerd://${ID}` })] }),
    ];
    const fixture = await processorOf(nameOnly, { signal: "profiles", pods: known });
    const name = async (resource: TestAttributes): Promise<unknown> =>
      (await fixture.name(resource, from("1.1.1.1")))["k8s.pod.name"];
    expect(await name({ "container.id": ID, "k8s.pod.uid": UID })).toBe("by-id");
    expect(await name({ "container.id": "f".repeat(64), "k8s.pod.uid": UID })).toBe("by-uid");
    expect(await name({ "container.id": "f".repeat(64) })).toBeUndefined();
    expect(await name({})).toBeUndefined();
  });
});

describe("rules", () => {
  const three = { pod_association: [byAttribute("k8s.pod.ip"), byAttribute("ip"), byAttribute("host.name")] };

  test.each<[string, object, TestAttributes, string | undefined, string | undefined]>([
    ["ASC-7: the first that fits", three, { "k8s.pod.ip": "1.1.1.1" }, undefined, "pod-1.1.1.1"],
    ["ASC-7: in order", three, { ip: "1.1.1.1" }, undefined, "pod-1.1.1.1"],
    [
      "ASC-8: host.name that is no address",
      { pod_association: [byAttribute("host.name")] },
      { "host.name": "n" },
      undefined,
      undefined,
    ],
    [
      "ASC-9: falls to the connection",
      { pod_association: [byAttribute("host.name"), byConnection] },
      { "host.name": "node-1" },
      "1.1.1.1",
      "pod-1.1.1.1",
    ],
    ["ASC-10: host.name with an address", three, { "host.name": "2.2.2.2" }, undefined, "pod-2.2.2.2"],
    ["ASC-12: an address stamped by an agent", three, { "k8s.pod.ip": "3.3.3.3" }, "9.9.9.9", "pod-3.3.3.3"],
    ["ASC-13: the connection", { pod_association: [byConnection] }, {}, "2.2.2.2", "pod-2.2.2.2"],
    [
      "an attribute that is no string",
      { pod_association: [byAttribute("k8s.pod.ip")] },
      { "k8s.pod.ip": 1n },
      undefined,
      undefined,
    ],
    [
      "an empty attribute",
      { pod_association: [byAttribute("k8s.pod.ip")] },
      { "k8s.pod.ip": "" },
      undefined,
      undefined,
    ],
  ])("%s", async (_, section, resource, peer, expected) => {
    expect(await podOfResource(section, resource, peer === undefined ? undefined : from(peer))).toBe(expected);
  });

  test.each(["traces", "metrics", "logs", "profiles"] as const)("ASC-11: the pod's uid, for %s", async (signal) => {
    const known = [podOf({ uid: UID, name: "a", namespace: "ns" })];
    const section = { ...nameOnly, pod_association: [byAttribute("k8s.pod.uid")] };
    const fixture = await processorOf(section, { signal, pods: known });
    expect(await fixture.name({ "k8s.pod.uid": UID })).toEqual({ "k8s.pod.uid": UID, "k8s.pod.name": "a" });
  });

  describe("ASC-14: a rule that finds nobody", () => {
    const section = { pod_association: [byAttribute("k8s.pod.uid"), byAttribute("k8s.pod.ip")] };
    const resource = { "k8s.pod.uid": "static-pod", "k8s.pod.ip": "1.1.1.1" };

    test("is followed by the next", async () => expect(await podOfResource(section, resource)).toBe("pod-1.1.1.1"));

    test("ends it with pod_association_on_miss: stop, as upstream", async () => {
      expect(await podOfResource({ ...section, pod_association_on_miss: "stop" }, resource)).toBeUndefined();
    });

    test("is never followed by the sender of a profile", async () => {
      const rules = [byAttribute("container.id"), byConnection];
      const section = { ...nameOnly, pod_association: rules };
      for (const [signal, expected] of [
        ["profiles", undefined],
        ["traces", "pod-1.1.1.1"],
      ] as const) {
        const fixture = await processorOf(section, { signal, pods });
        const named = await fixture.name({ "container.id": ID }, from("1.1.1.1"));
        expect(named["k8s.pod.name"]).toBe(expected);
      }
    });
  });

  test("IDN-3: all sources of a rule must fit", async () => {
    const known = [at("1.1.1.1", "a", { containers: [containerOf({ containerId: ID })] })];
    const section = {
      pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }, { from: "connection" }] }],
    };
    expect(await podOfResource(section, { "container.id": ID }, from("1.1.1.1"), known)).toBe("a");
    expect(await podOfResource(section, { "container.id": ID }, from("2.2.2.2"), known)).toBeUndefined();
    expect(await podOfResource(section, { "container.id": ID }, undefined, known)).toBeUndefined();
  });

  test("namespace and name together, and checked beside others", async () => {
    const known = [at("1.1.1.1", "a", { namespace: "n1" }), at("2.2.2.2", "b", { namespace: "n2" })];
    const pair = { pod_association: [byAttribute("k8s.namespace.name", "k8s.pod.name")] };
    const resource = (namespace: string, pod: string): TestAttributes => ({
      "k8s.namespace.name": namespace,
      "k8s.pod.name": pod,
    });
    const found = async (resourceOf: TestAttributes): Promise<unknown> => {
      const fixture = await processorOf({ ...pair, extract: { metadata: ["k8s.pod.ip"] } }, { pods: known });
      return (await fixture.name(resourceOf))["k8s.pod.ip"];
    };
    expect(await found(resource("n1", "a"))).toBe("1.1.1.1");
    expect(await found(resource("n2", "a"))).toBeUndefined();
  });

  test("E2E-5: what is extracted, listed or not: any pod of a deployment, and a label", async () => {
    const known = [
      podOf({
        uid: "a",
        name: "shop-abc-1",
        namespace: "ns",
        owners: [ownerOf("ReplicaSet", "shop-abc")],
        labels: new Map([
          ["pod-template-hash", "abc"],
          ["team", "payments"],
        ]),
      }),
    ];
    const byDeployment = { pod_association: [byAttribute("k8s.deployment.name")] };
    expect(await podOfResource(byDeployment, { "k8s.deployment.name": "shop" }, undefined, known)).toBe("shop-abc-1");
    const byTeam = {
      pod_association: [byAttribute("k8s.pod.label.team", "k8s.namespace.name")],
      extract: { metadata: ["k8s.pod.name"], labels: [{ key: "team" }] },
    };
    const resource = { "k8s.pod.label.team": "payments", "k8s.namespace.name": "ns" };
    expect(await podOfResource(byTeam, resource, undefined, known)).toBe("shop-abc-1");
    expect(
      await podOfResource(byTeam, { ...resource, "k8s.namespace.name": "other" }, undefined, known),
    ).toBeUndefined();
  });

  test("a pod on the host's network isn't found by the node's address", async () => {
    const known = [at("10.0.0.1", "proxy", { hostNetwork: true, uid: UID })];
    const section = { pod_association: [byAttribute("k8s.pod.ip"), byAttribute("k8s.pod.uid")] };
    expect(await podOfResource(section, { "k8s.pod.ip": "10.0.0.1" }, undefined, known)).toBeUndefined();
    expect(await podOfResource(section, { "k8s.pod.uid": UID }, undefined, known)).toBe("proxy");
  });

  test("a second address of a pod is as good as the first", async () => {
    const known = [podOf({ uid: "a", name: "dual", podIps: ["1.1.1.1", "fd00::1"] })];
    expect(await podOfResource({ pod_association: [byConnection] }, {}, from("fd00::1"), known)).toBe("dual");
  });
});

describe("ASC-20: container.id", () => {
  const known = [
    podOf({ uid: "a", name: "a", containers: [containerOf({ containerId: `containerd://${ID}`, image: "app:1" })] }),
  ];
  const rules = { pod_association: [byAttribute("container.id")] };

  test.each([
    ID,
    ID.toUpperCase(),
    `containerd://${ID}`,
    `cri-o://${ID}`,
    `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`,
    `/kubepods/besteffort/pod${UID}/${ID}`,
  ])("finds the pod by %s, without any container attribute extracted, and keeps the value", async (id) => {
    const fixture = await processorOf({ ...rules, extract: { metadata: ["k8s.pod.name"] } }, { pods: known });
    expect(await fixture.name({ "container.id": id })).toEqual({ "container.id": id, "k8s.pod.name": "a" });
  });
});

describe("what is not named, and why", () => {
  const rules = { ...nameOnly, pod_association: [byAttribute("k8s.pod.ip"), byAttribute("k8s.pod.uid")] };

  async function reason(
    section: object,
    resource: TestAttributes,
    known: PodObject[],
    synced = true,
  ): Promise<unknown> {
    const fixture = await processorOf(section, { pods: known, synced });
    const named = await fixture.name(resource);
    expect(named).toEqual(resource);
    return ["no_identifier", "never_seen", "not_synced", "ignored", "ambiguous"].filter((each) =>
      fixture.metrics.value("podflame_identity_misses", {
        processor: "k8s_attributes",
        otel_signal: "traces",
        reason: each,
      }),
    );
  }

  test("no identifier", async () => expect(await reason(rules, { a: "b" }, pods)).toEqual(["no_identifier"]));
  test("unknown pod", async () => {
    expect(await reason(rules, { "k8s.pod.ip": "9.9.9.9" }, pods)).toEqual(["never_seen"]);
  });
  test("nothing listed yet", async () => {
    expect(await reason(rules, { "k8s.pod.ip": "1.1.1.1" }, [], false)).toEqual(["not_synced"]);
  });
  test("ambiguous", async () => {
    const twins = [at("1.1.1.1", "a"), at("1.1.1.1", "b")];
    expect(await reason(rules, { "k8s.pod.ip": "1.1.1.1" }, twins)).toEqual(["ambiguous"]);
  });
  test.each(["jaeger-agent", "jaeger-collector", "jaeger-agent-b2zdv"])("IGN-3: %s", async (name) => {
    expect(await reason(rules, { "k8s.pod.ip": "1.1.1.1" }, [at("1.1.1.1", name)])).toEqual(["ignored"]);
  });
  test("IDN-12, IGN-2: a pod that asks to be ignored, also for later rules", async () => {
    const annotations = new Map([["opentelemetry.io/k8s-processor/ignore", "True "]]);
    const known = [at("1.1.1.1", "a", { annotations }), at("2.2.2.2", "b", { uid: UID })];
    expect(await reason(rules, { "k8s.pod.ip": "1.1.1.1", "k8s.pod.uid": UID }, known)).toEqual(["ignored"]);
  });

  test("association is counted by rule, with names of sources and not their values", async () => {
    const fixture = await processorOf(rules, { pods });
    await fixture.name({ "k8s.pod.ip": "1.1.1.1" });
    await fixture.name({ "k8s.pod.ip": "9.9.9.9" });
    const count = (status: string): number | undefined =>
      fixture.metrics.value("otelcol_k8s_pod_association", {
        processor: "k8s_attributes",
        otel_signal: "traces",
        status,
        pod_identifier: "resource_attribute/k8s.pod.ip",
      });
    expect([count("success"), count("error")]).toEqual([1, 1]);
  });
});

describe("k8s.pod.ip", () => {
  test("ASC-15: with passthrough only the address is stamped, and no source is opened", async () => {
    const fixture = await processorOf({ passthrough: true }, { pods });
    expect(await fixture.name({}, from("1.1.1.1"))).toEqual({ "k8s.pod.ip": "1.1.1.1" });
    expect(await fixture.name({ "k8s.pod.ip": "5.5.5.5" }, from("1.1.1.1"))).toEqual({ "k8s.pod.ip": "5.5.5.5" });
    expect(fixture.sources).toEqual([]);
    await fixture.stop();
  });

  test("ASC-16: is not added unless it is extracted", async () => {
    expect(await (await processorOf(nameOnly, { pods })).name({}, from("9.9.9.9"))).toEqual({});
    const extracted = { extract: { metadata: ["k8s.pod.ip"] }, pod_association: [byConnection] };
    expect(await (await processorOf(extracted, { pods })).name({}, from("9.9.9.9"))).toEqual({
      "k8s.pod.ip": "9.9.9.9",
    });
    expect(await (await processorOf(extracted, { pods })).name({}, from("1.1.1.1"))).toEqual({
      "k8s.pod.ip": "1.1.1.1",
    });
  });
});
