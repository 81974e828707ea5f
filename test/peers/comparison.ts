import { expect } from "vitest";
import type { AssociationCase } from "./association-cases.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { differences, type Difference } from "./differences.ts";
import { readRequest, type Attributes } from "./otlp-reader.ts";
import { createPods, type KnownPod } from "./pods.ts";
import { startCluster } from "./prepared-cluster.ts";
import { RecordingSink } from "./recording-sink.ts";
import { Relay } from "./relay.ts";
import { collectorBytes, jsonRequest } from "./requests.ts";
import type { Signal, Transport } from "./signals.ts";

/** The names of attributes that the Collector is told to write; see `semconv`. */
export type Naming = "stable" | "both" | "legacy";

/** podflame and the Collector with one configuration. */
export interface Pair {
  readonly collector: Relay;
  readonly podflame: Relay;
  stop(): Promise<void>;
}

/**
 * One API server with pods of every kind, and what it takes to send the same resources through the Collector and
 * through podflame.
 */
export class Comparison implements AsyncDisposable {
  readonly pods: readonly KnownPod[];
  readonly #cluster: Cluster;
  readonly #sink: RecordingSink;
  /** A Collector that adds nothing, for the bytes as it writes them. */
  readonly #plain: Relay;

  private constructor(cluster: Cluster, sink: RecordingSink, plain: Relay, pods: readonly KnownPod[]) {
    this.#cluster = cluster;
    this.#sink = sink;
    this.#plain = plain;
    this.pods = pods;
  }

  static async start(): Promise<Comparison> {
    const cluster = await startCluster();
    const pods = await createPods(cluster);
    const sink = await RecordingSink.start();
    return new Comparison(cluster, sink, await Relay.start({ name: "otelcol", target: sink, exporter: "grpc" }), pods);
  }

  /** Starts both with one section `k8s_attributes`. */
  async both(config: object, naming: Naming = "stable"): Promise<Pair> {
    const settings = { target: this.#sink, exporter: "grpc", kubeconfig: this.#cluster.kubeconfig, naming } as const;
    const ours = naming === "stable" ? config : { ...config, semconv: naming };
    const [collector, podflame] = await Promise.all([
      Relay.start({ name: "otelcol", ...settings, k8sAttributes: JSON.stringify(config) }),
      Relay.start({ name: "podflame", ...settings, k8sAttributes: JSON.stringify(ours) }),
    ]);
    return {
      collector,
      podflame,
      async stop() {
        await Promise.all([collector.stop(), podflame.stop()]);
      },
    };
  }

  /** Sends all cases through a relay in one request; returns the attributes with which each resource left. */
  async enriched(
    relay: Relay,
    signal: Signal,
    transport: Transport,
    cases: readonly AssociationCase[],
  ): Promise<readonly Attributes[]> {
    const json = jsonRequest(
      signal,
      cases.map(({ label, attributes }) => ({ ...attributes, "test.case": label })),
    );
    const protobuf = await collectorBytes(this.#plain, this.#sink, signal, json);
    await relay.send(transport, signal, protobuf, json);
    let { bytes } = await this.#sink.next();
    // From JSON each writes protobuf in an order of its own; the Collector's is the one to compare with.
    if (transport === "http/json") {
      await this.#plain.send("grpc", signal, bytes);
      ({ bytes } = await this.#sink.next());
    }
    const request = readRequest(bytes);
    expect(request.resources.map((attributes) => attributes["test.case"])).toEqual(cases.map(({ label }) => label));
    expect(request.rest, `${relay.name} changed more than resources`).toBe(readRequest(protobuf).rest);
    return request.resources;
  }

  /** What the two do differently to these resources. */
  async compare(
    { collector, podflame }: Pair,
    signal: Signal,
    transport: Transport,
    cases: readonly AssociationCase[],
  ): Promise<readonly Difference[]> {
    const theirs = await this.enriched(collector, signal, transport, cases);
    const ours = await this.enriched(podflame, signal, transport, cases);
    return cases.flatMap(({ label }, at) => differences(label, theirs[at]!, ours[at]!));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plain.stop();
    await this.#sink.close();
    await this.#cluster[Symbol.asyncDispose]();
  }
}
