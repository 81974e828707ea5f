/**
 * No gap in time: telemetry of pods that live two seconds, from the moment on that their object exists, on a real API
 * server, through podflame as a process.
 */
import { expect, test } from "vitest";
import { Relay } from "../peers/relay.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";
import { NameSink } from "./name-sink.ts";
import { K8S_ATTRIBUTES, shortLives } from "./short-lives.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

test.skipIf(missing !== undefined)(
  "pods that live two seconds, twenty a second, are all named from their first moment on, each by its own name",
  async () => {
    await using cluster = await Cluster.start();
    await using sink = await NameSink.start();
    const relay = await Relay.start({
      name: "podflame",
      target: { grpcEndpoint: "127.0.0.1:1", httpEndpoint: sink.endpoint },
      exporter: "http",
      k8sAttributes: JSON.stringify(K8S_ATTRIBUTES),
      kubeconfig: cluster.kubeconfig,
    });
    try {
      const pace = { perSecond: 20, seconds: 20, startMs: 500, lifeMs: 1_500 };
      const outcomes = await shortLives(cluster, [{ relay, sink }], pace);
      expect(outcomes.length).toBe(400 * 13);
      expect(outcomes.filter(({ pod, names: [name] }) => name !== pod)).toEqual([]);
    } finally {
      await relay.stop();
    }
  },
);
