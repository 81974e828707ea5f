/**
 * What `k8s_attributes` of the real Collector adds, and what podflame adds, to the same resources, from the same pods of
 * the same API server, attribute by attribute. Every difference that is meant stands in a list here, with its reason.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { casesOfContainers, casesOfPods, casesOfSenders, type AssociationCase } from "./association-cases.ts";
import { Cluster } from "./cluster.ts";
import { describePeers } from "./describe-peers.ts";
import {
  compareWithExpected,
  differences,
  something,
  type Difference,
  type ExpectedDifference,
} from "./differences.ts";
import { readRequest, type Attributes } from "./otlp-reader.ts";
import { createPods, type KnownPod } from "./pods.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Relay } from "./relay.ts";
import { collectorBytes, jsonRequest } from "./requests.ts";
import { SIGNALS, TRANSPORTS, type Signal, type Transport } from "./signals.ts";

const RULE = (...names: readonly string[]): object => ({
  sources: names.map((name) => ({ from: "resource_attribute", name })),
});
const BY_CONTAINER = [RULE("container.id")];

/** Everything that pods alone can tell. */
const ALL_METADATA = `
  k8s.namespace.name k8s.node.name
  k8s.pod.name k8s.pod.uid k8s.pod.start_time k8s.pod.hostname k8s.pod.ip
  k8s.replicaset.name k8s.replicaset.uid k8s.deployment.name
  k8s.daemonset.name k8s.daemonset.uid k8s.statefulset.name k8s.statefulset.uid
  k8s.job.name k8s.job.uid k8s.cronjob.name
  k8s.container.name container.id
  container.image.name container.image.tags container.image.repo_digests
  service.namespace service.name service.version service.instance.id
`
  .trim()
  .split(/\s+/);

const EVERYTHING = {
  auth_type: "kubeConfig",
  wait_for_metadata: true,
  extract: {
    metadata: ALL_METADATA,
    labels: [
      { from: "pod", key: "app", tag_name: "application" },
      { from: "pod", key: "plain" },
      { from: "pod", key_regex: "example.test/(.*)", tag_name: "label.$$1" },
    ],
    annotations: [{ from: "pod", key: "example.test/tier" }],
    otel_annotations: true,
  },
  pod_association: [
    RULE("container.id"),
    RULE("k8s.pod.uid"),
    RULE("k8s.namespace.name", "k8s.pod.name"),
    RULE("k8s.pod.ip"),
  ],
};
const DEFAULTS = { auth_type: "kubeConfig", wait_for_metadata: true, pod_association: BY_CONTAINER };
const POD_NAMES_ONLY = { ...DEFAULTS, extract: { metadata: ["k8s.pod.name", "k8s.pod.uid", "service.name"] } };

/** What is meant to differ, and why. An entry that nothing needs fails the test. */
const EXPECTED: readonly ExpectedDifference[] = [
  {
    reason: "container ids are compared in one spelling; the Collector compares them as they are written",
    cases: /^spelled /,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "the instance before a restart is known from lastState; the Collector forgets it",
    cases: /^instance before/,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "ephemeral containers are containers; the Collector does not look at their statuses",
    cases: /^ephemeral container /,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "an association rule that finds no pod lets the next one try; the Collector stops at the first with values",
    cases: /^unknown container, known uid$/,
    attribute: /./,
    collector: undefined,
    podflame: something,
  },
  {
    reason: "a value that the API does not have is left out; the Collector writes it as an empty string",
    cases: /./,
    attribute: /^k8s\.pod\.hostname$/,
    collector: "",
    podflame: undefined,
  },
];

const PEERS = ["etcd", "kube-apiserver", "otelcol"] as const;

describePeers("the attributes that podflame and the Collector add", PEERS, () => {
  let cluster: Cluster;
  let sink: RecordingSink;
  let plain: Relay;
  let pods: readonly KnownPod[];

  beforeAll(async () => {
    cluster = await Cluster.start();
    pods = await createPods(cluster);
    sink = await RecordingSink.start();
    plain = await Relay.start({ name: "otelcol", target: sink, exporter: "grpc" });
  });

  afterAll(async () => {
    await plain.stop();
    await sink.close();
    await cluster.stop();
  });

  /** Starts both with one configuration for the tests of a block. */
  function bothWith(config: object): Readonly<Record<"collector" | "podflame", () => Relay>> {
    let collector: Relay;
    let podflame: Relay;
    beforeAll(async () => {
      const k8sAttributes = JSON.stringify(config);
      const settings = { target: sink, exporter: "grpc", k8sAttributes, kubeconfig: cluster.kubeconfig } as const;
      collector = await Relay.start({ name: "otelcol", ...settings });
      podflame = await Relay.start({ name: "podflame", ...settings });
    });
    afterAll(async () => {
      await collector.stop();
      await podflame.stop();
    });
    return { collector: () => collector, podflame: () => podflame };
  }

  /** Sends all cases through a relay in one request; returns the attributes with which each resource left. */
  async function enriched(
    relay: Relay,
    signal: Signal,
    transport: Transport,
    cases: readonly AssociationCase[],
  ): Promise<readonly Attributes[]> {
    const json = jsonRequest(
      signal,
      cases.map(({ label, attributes }) => ({ ...attributes, "test.case": label })),
    );
    const protobuf = await collectorBytes(plain, sink, signal, json);
    await relay.send(transport, signal, protobuf, json);
    const request = readRequest((await sink.next()).bytes);
    expect(request.resources.map((attributes) => attributes["test.case"])).toEqual(cases.map(({ label }) => label));
    expect(request.rest, `${relay.name} changed more than resources`).toBe(readRequest(protobuf).rest);
    return request.resources;
  }

  async function compare(
    relays: ReturnType<typeof bothWith>,
    signal: Signal,
    transport: Transport,
    cases: readonly AssociationCase[],
  ): Promise<readonly Difference[]> {
    const collector = await enriched(relays.collector(), signal, transport, cases);
    const podflame = await enriched(relays.podflame(), signal, transport, cases);
    return cases.flatMap(({ label }, at) => differences(label, collector[at]!, podflame[at]!));
  }

  describe("asked for everything", () => {
    const relays = bothWith(EVERYTHING);
    const allCases = (): readonly AssociationCase[] => [
      ...casesOfContainers(pods),
      ...casesOfPods(pods),
      ...casesOfSenders(pods),
    ];

    test.for(SIGNALS.flatMap((signal) => TRANSPORTS.map((transport) => [signal, transport] as const)))(
      "are the same in %s over %s, but for what is meant",
      async ([signal, transport]) => {
        const found = await compare(relays, signal, transport, allCases());
        expect(compareWithExpected(found, EXPECTED)).toEqual({ unexpected: [], stale: [] });
      },
    );

    test("name the right pod wherever anybody can know it", async () => {
      const cases = allCases();
      const resources = await enriched(relays.podflame(), "profiles", "grpc", cases);
      const uids = resources.map((attributes, at) => [cases[at]!.label, attributes["k8s.pod.uid"]]);
      expect(uids).toEqual(cases.map(({ label, pod }) => [label, pod?.uid]));
    });
  });

  describe("asked for nothing in particular", () => {
    const relays = bothWith(DEFAULTS);

    test("are the same for every container that both know", async () => {
      const cases = casesOfContainers(pods).filter(({ label }) => !label.startsWith("ephemeral"));
      const found = await compare(relays, "traces", "grpc", cases);
      expect(compareWithExpected(found, [])).toEqual({ unexpected: [], stale: [] });
    });
  });

  describe("asked for the names of pods only", () => {
    const relays = bothWith(POD_NAMES_ONLY);

    test("podflame finds containers all the same, which the Collector indexes only if asked for one of their names", async () => {
      const cases = casesOfContainers(pods);
      const collector = await enriched(relays.collector(), "profiles", "grpc", cases);
      const podflame = await enriched(relays.podflame(), "profiles", "grpc", cases);
      expect(collector.filter((attributes) => "k8s.pod.uid" in attributes)).toEqual([]);
      expect(podflame.map((attributes) => attributes["k8s.pod.uid"])).toEqual(cases.map(({ pod }) => pod?.uid));
    });
  });
});
