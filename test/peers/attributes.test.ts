/**
 * What `k8s_attributes` of the real Collector adds, and what podflame adds, to the same resources, from the same pods of
 * the same API server, attribute by attribute. Every difference that is meant stands in a list here, with its reason.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  casesOfContainers,
  casesOfObjects,
  casesOfPods,
  casesOfSenders,
  type AssociationCase,
} from "./association-cases.ts";
import { Comparison, type Pair } from "./comparison.ts";
import { describePeers } from "./describe-peers.ts";
import { compareWithExpected } from "./differences.ts";
import { EXPECTED, NO_TAG_FOR_A_DIGEST } from "./expected-differences.ts";
import type { KnownPod } from "./pods.ts";
import { SIGNALS, TRANSPORTS } from "./signals.ts";

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

const OBJECTS = ["namespace", "node", "deployment", "statefulset", "daemonset", "job"];
/** What it takes other objects than pods to know. */
const WITH_OBJECTS = {
  ...EVERYTHING,
  extract: {
    ...EVERYTHING.extract,
    metadata: [...ALL_METADATA, "k8s.deployment.uid", "k8s.cronjob.uid", "k8s.node.uid", "k8s.cluster.uid"],
    labels: [
      ...EVERYTHING.extract.labels,
      ...OBJECTS.map((from) => ({ from, key: "example.test/color" })),
      ...OBJECTS.map((from) => ({ from, key_regex: "(pl.*)", tag_name: `${from}.$$1` })),
    ],
    annotations: [{ from: "namespace", key: "example.test/note", tag_name: "note" }],
  },
};

const PEERS = ["etcd", "kube-apiserver", "otelcol"] as const;

describePeers("the attributes that podflame and the Collector add", PEERS, () => {
  let comparison: Comparison;
  let pods: readonly KnownPod[];

  beforeAll(async () => {
    comparison = await Comparison.start();
    ({ pods } = comparison);
  });
  afterAll(() => comparison[Symbol.asyncDispose]());

  /** Starts both with one configuration for the tests of a block. */
  function bothWith(config: object): () => Pair {
    let pair: Pair;
    beforeAll(async () => {
      pair = await comparison.both(config);
    });
    afterAll(() => pair.stop());
    return () => pair;
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
        const found = await comparison.compare(relays(), signal, transport, allCases());
        expect(compareWithExpected(found, EXPECTED)).toEqual({ unexpected: [], stale: [] });
      },
    );

    test("name the right pod wherever anybody can know it", async () => {
      const cases = allCases();
      const resources = await comparison.enriched(relays().podflame, "profiles", "grpc", cases);
      const uids = resources.map((attributes, at) => [cases[at]!.label, attributes["k8s.pod.uid"]]);
      expect(uids).toEqual(cases.map(({ label, pod }) => [label, pod?.uid]));
    });

    test("tell the id of the instance that a restart count selects", async () => {
      const pod = pods.find(({ label }) => label === "restarted 1")!;
      const [container] = pod.containers;
      const counted = (count: number): AssociationCase => ({
        label: `count ${count}`,
        attributes: { "k8s.pod.uid": pod.uid, "k8s.container.name": "app", "k8s.container.restart_count": count },
        pod,
      });
      const resources = await comparison.enriched(relays().podflame, "logs", "grpc", [0, 1, 2].map(counted));
      const ids = resources.map((attributes) => attributes["container.id"]);
      expect(ids).toEqual([undefined, container!.previousId, container!.id]);
    });
  });

  describe("asked for what other objects tell", () => {
    const relays = bothWith(WITH_OBJECTS);
    const allCases = (): readonly AssociationCase[] => [
      ...casesOfContainers(pods),
      ...casesOfPods(pods),
      ...casesOfSenders(pods),
      ...casesOfObjects(pods),
    ];

    test("tell what every object around a pod has", async () => {
      const pod = pods.find(({ label }) => label === "deployment 0")!;
      const cases = [{ label: "container", attributes: { "container.id": pod.containers[0]!.id }, pod }];
      const [attributes] = await comparison.enriched(relays().podflame, "traces", "grpc", cases);
      expect(attributes).toMatchObject({
        "k8s.deployment.name": "cart-0",
        "k8s.deployment.label.example.test/color": "color-of-cart-0",
        "deployment.plain": "yes",
        "k8s.namespace.label.example.test/color": "color-of-shop",
        "k8s.node.label.example.test/color": "color-of-node-0",
        note: "note of shop",
      });
      for (const name of ["k8s.deployment.uid", "k8s.node.uid", "k8s.cluster.uid"])
        expect(attributes).toHaveProperty([name]);
    });

    test.for(SIGNALS)("are the same in %s, but for what is meant", async (signal) => {
      const found = await comparison.compare(relays(), signal, "grpc", allCases());
      expect(compareWithExpected(found, EXPECTED)).toEqual({ unexpected: [], stale: [] });
    });
  });

  describe("asked for nothing in particular", () => {
    const relays = bothWith(DEFAULTS);

    test("are the same for every container that both know", async () => {
      const cases = casesOfContainers(pods).filter(({ label }) => !label.startsWith("ephemeral"));
      const found = await comparison.compare(relays(), "traces", "grpc", cases);
      expect(compareWithExpected(found, [NO_TAG_FOR_A_DIGEST])).toEqual({ unexpected: [], stale: [] });
    });
  });

  describe("asked for the names of pods only", () => {
    const relays = bothWith(POD_NAMES_ONLY);

    test("podflame finds containers all the same, which the Collector indexes only if asked for one of their names", async () => {
      const cases = casesOfContainers(pods);
      const collector = await comparison.enriched(relays().collector, "profiles", "grpc", cases);
      const podflame = await comparison.enriched(relays().podflame, "profiles", "grpc", cases);
      expect(collector.filter((attributes) => "k8s.pod.uid" in attributes)).toEqual([]);
      expect(podflame.map((attributes) => attributes["k8s.pod.uid"])).toEqual(cases.map(({ pod }) => pod?.uid));
    });
  });
});
