import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Cluster } from "../../test/cluster/cluster.ts";
import { TcpRelay } from "../../test/cluster/tcp-relay.ts";
import { preparedPods } from "../../test/peers/prepared-cluster.ts";
import { Relay, type RelayName } from "../../test/peers/relay.ts";
import type { Row } from "../intake/report.ts";
import { progress } from "../command.ts";
import type { BenchOptions } from "./options.ts";
import { rowOf } from "./row-of.ts";

/** In the cluster, on 50 nodes; the agent follows those of one. */
const PODS = 1_000;
const NODE = "node-000";
/** Pods that come and go on the node for the price of each. */
const LIVES_PER_SECOND = 2;
/** What a node has of them in an hour: one a minute. */
const LIVES_AN_HOUR = 60;
const NOBODY = "127.0.0.1:1";

const K8S_ATTRIBUTES = {
  auth_type: "kubeConfig",
  wait_for_metadata: true,
  wait_for_metadata_timeout: "60s",
  filter: { node: NODE },
  extract: { metadata: ["k8s.namespace.name", "k8s.pod.name", "k8s.deployment.name", "k8s.container.name"] },
  pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
};

/** Requests are written down as they come in, with who sent them. */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["ResponseStarted", "ResponseComplete", "Panic"],
  rules: [{ level: "Metadata" }],
};

/** What one agent cost the API server. */
interface Load {
  readonly startBytes: number;
  readonly startRequests: number;
  readonly idleBytesAnHour: number;
  readonly idleRequestsAnHour: number;
  readonly bytesALife: number;
}

/**
 * What the agent of one node, with all four signals, costs the API server of a cluster of 50 nodes: bytes on the wire,
 * TLS included, and requests; for its start, for an hour in which nothing happens on the node, and for each pod that comes
 * and goes there. An hour is made of `seconds`, so short runs don't see that watches end after five to ten minutes.
 */
export async function measureApiLoad({ contenders, runs, seconds }: BenchOptions): Promise<readonly Row[]> {
  const loads = new Map(contenders.map((name): [RelayName, Load[]] => [name, []]));
  const state = mkdtempSync(join(tmpdir(), "podflame-bench-api-"));
  const audit = join(state, "audit.jsonl");
  const policy = join(state, "audit-policy.json");
  writeFileSync(policy, JSON.stringify(AUDIT_POLICY));
  await cp((await preparedPods(PODS, progress)).etcd, join(state, "etcd"), { recursive: true });
  try {
    await using cluster = await Cluster.start([`--audit-policy-file=${policy}`, `--audit-log-path=${audit}`], state);
    for (let run = 1; run <= runs; run++) {
      for (const name of contenders) {
        progress(`load on the API server, run ${run} of ${runs}, ${name}`);
        loads.get(name)!.push(await loadOf(name, cluster, audit, seconds));
      }
    }
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
  const row = (quantity: string, value: (load: Load) => number): Row =>
    rowOf("api-load", quantity, (name) => (loads.get(name) ?? []).map(value));
  return [
    row("KiB, start on a node of 20 pods", (load) => load.startBytes / 1024),
    row("requests, start", (load) => load.startRequests),
    row("KiB an hour, nothing happens", (load) => load.idleBytesAnHour / 1024),
    row("requests an hour, nothing happens", (load) => load.idleRequestsAnHour),
    row("KiB a pod that comes and goes", (load) => load.bytesALife / 1024),
    row(
      "KiB an hour a node, a new pod each minute",
      (load) => (load.idleBytesAnHour + LIVES_AN_HOUR * load.bytesALife) / 1024,
    ),
  ];
}

async function loadOf(name: RelayName, cluster: Cluster, audit: string, seconds: number): Promise<Load> {
  const { hostname, port } = new URL(cluster.api);
  await using line = await TcpRelay.start(Number(port));
  const kubeconfig = join(cluster.state, `${name}.kubeconfig`);
  const throughLine = readFileSync(cluster.kubeconfig, "utf8").replaceAll(
    cluster.api,
    `https://${hostname}:${line.port}`,
  );
  writeFileSync(kubeconfig, throughLine);
  const requests = (): number => requestsOf(name, audit);
  const before = requests();
  const target = { grpcEndpoint: NOBODY, httpEndpoint: `http://${NOBODY}` };
  const k8sAttributes = JSON.stringify(K8S_ATTRIBUTES);
  const agent = await Relay.start({ name, target, exporter: "http", k8sAttributes, kubeconfig });
  try {
    const [startBytes, startRequests] = [line.bytes, requests() - before];
    await delay(seconds * 1_000);
    const [idleBytes, idleRequests] = [line.bytes - startBytes, requests() - before - startRequests];
    const beganMs = performance.now();
    const lives = await cluster.pods(
      "churn",
      "--per-second",
      String(LIVES_PER_SECOND),
      "--seconds",
      String(Math.min(seconds, 30)),
      "--nodes",
      "1",
    );
    const tookSeconds = (performance.now() - beganMs) / 1_000;
    const livesBytes = line.bytes - startBytes - idleBytes - (idleBytes / seconds) * tookSeconds;
    return {
      startBytes,
      startRequests,
      idleBytesAnHour: (idleBytes / seconds) * 3_600,
      idleRequestsAnHour: (idleRequests / seconds) * 3_600,
      bytesALife: livesBytes / new Set(lives.map(([, , , uid]) => uid)).size,
    };
  } finally {
    await agent.stop();
  }
}

/** How many requests of that program the server has written down. */
function requestsOf(name: RelayName, audit: string): number {
  const agents = { podflame: /^podflame\//, otelcol: /^otel/ };
  return readFileSync(audit, "utf8")
    .split("\n")
    .filter((text) => text !== "" && agents[name].test((JSON.parse(text) as { userAgent?: string }).userAgent ?? ""))
    .length;
}
