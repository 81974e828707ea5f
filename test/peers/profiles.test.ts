/**
 * Requests of real profilers and of released encoders: container ids as literals and as references into the string
 * table, fields in ascending and in descending order, and the layouts since OTLP 1.3.1. The Collector names what its own
 * release can read; podflame must name all.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Cluster } from "../cluster/cluster.ts";
import { describePeers } from "./describe-peers.ts";
import { REPOSITORY } from "./locations.ts";
import { ascending, readRequest } from "./otlp-reader.ts";
import { createPods, type KnownPod } from "./pods.ts";
import { startCluster } from "./prepared-cluster.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Relay } from "./relay.ts";

const K8S_ATTRIBUTES = JSON.stringify({
  auth_type: "kubeConfig",
  wait_for_metadata: true,
  pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
});

const CAPTURES = join(REPOSITORY, "testdata/captures");
const VECTORS = join(REPOSITORY, "testdata/otlp-profiles");

/** Each request in the order of fields that it came in, and in ascending order. */
const FILES: readonly (readonly [title: string, file: string])[] = [
  ["literals, from the eBPF profiler", join(CAPTURES, "ebpf-20hz-grpc.binpb")],
  ["references, from a newer Collector", join(CAPTURES, "ebpf-20hz-grpc-v0.164.binpb")],
  ...["e", "d4", "d5", "d7", "d8", "d9", "d10"].flatMap((layout) => [
    [`layout ${layout}, from a Collector`, join(VECTORS, layout, "l1.collector.pb")] as const,
    [`layout ${layout}, from generated code`, join(VECTORS, layout, "l1.protobuf-go.pb")] as const,
  ]),
];

/** A request whose container ids have become those of pods that exist. */
interface LiveRequest {
  readonly title: string;
  readonly bytes: Uint8Array;
  /** The pod of each resource. */
  readonly pods: readonly KnownPod[];
}

/** Puts the ids of known containers, all of the same length, into the places of the recorded ones. */
function withLiveContainers(title: string, recorded: Uint8Array, pods: readonly KnownPod[]): LiveRequest {
  const live = pods.filter(({ containers }) => containers[0]?.id);
  const ids = readRequest(recorded).resources.map((attributes) => attributes["container.id"]);
  let text = Buffer.from(recorded).toString("latin1");
  for (const [at, id] of ids.entries()) {
    if (typeof id !== "string" || id.length !== 64) throw new Error(`${title}: resource ${at} has no container.id`);
    text = text.replaceAll(id, live[at]!.containers[0]!.id);
  }
  return { title, bytes: Buffer.from(text, "latin1"), pods: live.slice(0, ids.length) };
}

describePeers("profiles of every layout", ["etcd", "kube-apiserver", "otelcol"], () => {
  let cluster: Cluster;
  let sink: RecordingSink;
  let pods: readonly KnownPod[];

  beforeAll(async () => {
    cluster = await startCluster();
    pods = await createPods(cluster);
    sink = await RecordingSink.start();
  });

  afterAll(async () => {
    await sink.close();
    await cluster[Symbol.asyncDispose]();
  });

  const requests = (): readonly LiveRequest[] =>
    FILES.flatMap(([title, file]) => {
      const recorded = withLiveContainers(title, readFileSync(file), pods);
      return [recorded, { ...recorded, title: `${title}, ascending`, bytes: ascending(recorded.bytes) }];
    });

  /** For each request: how many of its resources left with the right pod. Requests that are refused have none. */
  async function named(name: "podflame" | "otelcol", transport: "grpc" | "http/protobuf"): Promise<readonly string[]> {
    const relay = await Relay.start({
      name,
      target: sink,
      exporter: "grpc",
      k8sAttributes: K8S_ATTRIBUTES,
      kubeconfig: cluster.kubeconfig,
    });
    try {
      const counts: string[] = [];
      for (const { title, bytes, pods: expected } of requests()) {
        let hits = 0;
        try {
          await relay.send(transport, "profiles", bytes);
          const { resources } = readRequest((await sink.next()).bytes);
          hits = expected.filter((pod, at) => resources[at]?.["k8s.pod.uid"] === pod.uid).length;
        } catch {
          // A request that the relay can't read.
        }
        counts.push(`${title}: ${hits} of ${expected.length}`);
      }
      return counts;
    } finally {
      await relay.stop();
    }
  }

  test.each(["grpc", "http/protobuf"] as const)("podflame names every resource, over %s", async (transport) => {
    const all = requests().map(({ title, pods: expected }) => `${title}: ${expected.length} of ${expected.length}`);
    expect(await named("podflame", transport)).toEqual(all);
  });

  test("podflame passes on every byte but those of the resources", async () => {
    const relay = await Relay.start({
      name: "podflame",
      target: sink,
      exporter: "grpc",
      k8sAttributes: K8S_ATTRIBUTES,
      kubeconfig: cluster.kubeconfig,
    });
    try {
      for (const { title, bytes } of requests()) {
        await relay.send("grpc", "profiles", bytes);
        expect(readRequest((await sink.next()).bytes).rest, title).toBe(readRequest(bytes).rest);
      }
    } finally {
      await relay.stop();
    }
  });

  test("the Collector names only literals in the layout of its own release, which shows that the rest is not trivial", async () => {
    const hits = (await named("otelcol", "grpc")).filter((line) => !line.includes(": 0 of "));
    expect(hits).toEqual([
      "literals, from the eBPF profiler: 3 of 3",
      "literals, from the eBPF profiler, ascending: 3 of 3",
      "layout d10, from generated code: 2 of 2",
      "layout d10, from generated code, ascending: 2 of 2",
    ]);
  });
});
