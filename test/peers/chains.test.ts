/**
 * The Collector before podflame and behind it: what arrives at the end is what was sent, plus the pod's attributes, for
 * every signal, over gRPC and over HTTP.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Cluster } from "../cluster/cluster.ts";
import { describePeers } from "./describe-peers.ts";
import { readRequest } from "./otlp-reader.ts";
import { createPods, type KnownPod } from "./pods.ts";
import { startCluster } from "./prepared-cluster.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Relay, type RelayName } from "./relay.ts";
import { collectorBytes, jsonRequest, type SentAttributes } from "./requests.ts";
import { SIGNALS } from "./signals.ts";

const K8S_ATTRIBUTES = JSON.stringify({
  auth_type: "kubeConfig",
  wait_for_metadata: true,
  extract: { metadata: ["k8s.pod.name", "k8s.pod.uid", "k8s.container.name", "service.namespace"] },
  pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
});

const ORDERS: readonly (readonly [first: RelayName, second: RelayName])[] = [
  ["otelcol", "podflame"],
  ["podflame", "otelcol"],
];

describePeers("podflame and the Collector in a row", ["etcd", "kube-apiserver", "otelcol"], () => {
  let cluster: Cluster;
  let sink: RecordingSink;
  let plain: Relay;
  let pods: readonly KnownPod[];
  const relays: Relay[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
    pods = await createPods(cluster);
    sink = await RecordingSink.start();
    plain = await Relay.start({ name: "otelcol", target: sink, exporter: "grpc" });
  });

  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.stop();
  });

  afterAll(async () => {
    await plain.stop();
    await sink.close();
    await cluster[Symbol.asyncDispose]();
  });

  async function start(...settings: Parameters<typeof Relay.start>): Promise<Relay> {
    const relay = await Relay.start(...settings);
    relays.push(relay);
    return relay;
  }

  /** podflame adds attributes wherever it stands; the Collector only passes on. */
  async function chain(order: readonly RelayName[], exporter: "grpc" | "http"): Promise<Relay> {
    let target: RecordingSink | Relay = sink;
    for (const name of order.toReversed()) {
      const enrich = name === "podflame" && { k8sAttributes: K8S_ATTRIBUTES, kubeconfig: cluster.kubeconfig };
      target = await start({ name, target, exporter, ...enrich });
    }
    return target as Relay;
  }

  describe.each(ORDERS)("%s before %s", (...order) => {
    test.each(["grpc", "http"] as const)(
      "deliver every signal over %s, with the pods' attributes added",
      async (exporter) => {
        const entrance = await chain(order, exporter);
        const containers = pods.flatMap((pod) =>
          pod.containers.filter(({ id }) => id !== "").map((container) => ({ pod, container })),
        );
        const sent: SentAttributes[] = [
          { "host.name": "of no container" },
          ...containers.map(({ container }, at) => ({
            "service.name": `sent ${at}`,
            "container.id": container.id,
            at,
          })),
        ];
        for (const signal of SIGNALS) {
          const protobuf = await collectorBytes(plain, sink, signal, jsonRequest(signal, sent));
          await entrance.send(exporter === "grpc" ? "grpc" : "http/protobuf", signal, protobuf);
          const { bytes, ...arrived } = await sink.next();
          const request = readRequest(bytes);
          const before = readRequest(protobuf);
          expect(arrived).toEqual({ signal, protocol: exporter });
          expect(request.rest).toBe(before.rest);
          expect(request.resources).toEqual([
            before.resources[0],
            ...containers.map(({ pod, container }, at) => ({
              ...before.resources[at + 1],
              "k8s.pod.name": pod.name,
              "k8s.pod.uid": pod.uid,
              "k8s.container.name": container.name,
              "service.namespace": pod.namespace,
            })),
          ]);
        }
      },
    );
  });
});
