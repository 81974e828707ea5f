import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiClient, reflectPods, type ApiClient, type PodObject, type Reflection } from "#kubernetes";
import { createLogger, MetricRegistry, systemClock, type Telemetry } from "#telemetry";
import { RecordingSink } from "../../src/kubernetes/fixtures/recording-sink.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";
import { TcpRelay } from "./tcp-relay.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

const PODS = 1000;
/** Delays of a test that can't wait as long as a cluster can. */
const PACE = { baseMs: 100, capMs: 1000, personMs: 400 };

/** A reflector of all pods at work, with all it says. */
class Follower implements AsyncDisposable {
  readonly sink = new RecordingSink<PodObject>();
  readonly metrics: MetricRegistry;
  readonly logged: readonly string[];
  readonly client: ApiClient;
  readonly reflection: Reflection;

  private constructor(client: ApiClient, telemetry: Telemetry, logged: string[], pageSize: number) {
    this.client = client;
    this.metrics = telemetry.metrics;
    this.logged = logged;
    const keys = { label: (key: string) => key === "team", annotation: () => false };
    this.reflection = reflectPods({ client, keys, sink: this.sink, telemetry, pageSize, pace: PACE });
  }

  static async start(kubeConfigPath: string, pageSize = 300): Promise<Follower> {
    const logged: string[] = [];
    const write = (line: string): void => void logged.push(line);
    const logger = createLogger({ level: "info", encoding: "json", write });
    const telemetry = { metrics: new MetricRegistry(), logger, clock: systemClock };
    const client = await createApiClient({ authType: "kubeConfig", kubeConfigPath, qps: 100, burst: 100 }, telemetry);
    return new Follower(client, telemetry, logged, pageSize);
  }

  /** Ids of all containers known, sorted. */
  containerIds(): string[] {
    const ids = [...this.sink.known.values()].flatMap(({ containers }) => containers.map((each) => each.containerId));
    return ids.map((id) => id.replace(/^containerd:\/\//, "")).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflection.stop();
    this.client.close();
  }
}

/** Waits for what comes from another process; the test's own time limit ends it. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The first column of a table of `pods.mjs`, sorted. */
function idsOf(table: readonly (readonly string[])[]): string[] {
  return table.map(([id]) => id!).toSorted();
}

describe.skipIf(missing !== undefined)("a reflector on a real API server", () => {
  let cluster: Cluster;
  let loaded: readonly (readonly string[])[];

  beforeAll(async () => {
    cluster = await Cluster.start();
    loaded = await cluster.pods("load", "--pods", String(PODS), "--nodes", "20");
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** Path of a kubeconfig for a new service account. */
  const accountConfig = async (name: string): Promise<string> => {
    const path = join(cluster.state, `${name}.kubeconfig`);
    await writeFile(path, cluster.kubeconfigFor(await cluster.serviceAccount(name)));
    return path;
  };

  test("knows exactly its pods, by protobuf and in pages", async () => {
    await using follower = await Follower.start(cluster.kubeconfig);
    await follower.reflection.synced;
    expect(follower.containerIds()).toEqual(idsOf(loaded));
    expect(follower.sink.known.size).toBe(PODS);
    for (const [, namespace, name, uid, node] of loaded) {
      expect(follower.sink.known.get(uid!)).toMatchObject({ namespace, name, nodeName: node });
    }
    expect(follower.metrics.value("podflame_k8s_requests", { verb: "list", code: "200" })).toBe(4);
    expect(follower.metrics.value("podflame_k8s_malformed_objects")).toBe(0);
  });

  test("knows one node's pods with a field selector", async () => {
    await using follower = await Follower.start(cluster.kubeconfig);
    const sink = new RecordingSink<PodObject>();
    const telemetry = { metrics: new MetricRegistry(), logger: createLogger({ level: "error" }), clock: systemClock };
    const keys = { label: () => false, annotation: () => false };
    const selection = { fieldSelector: "spec.nodeName=node-003" };
    const reflection = reflectPods({ client: follower.client, keys, sink, telemetry, selection });
    await reflection.synced;
    expect(sink.known.size).toBe(PODS / 20);
    await reflection.stop();
  });

  test("sees every pod that comes and goes, with the ids of its containers", async () => {
    await using follower = await Follower.start(cluster.kubeconfig);
    await follower.reflection.synced;
    const ids = new Set<string>();
    const { sink } = follower;
    const upsert = sink.upsert.bind(sink);
    sink.upsert = (pod) => {
      for (const { containerId } of pod.containers) ids.add(containerId.replace(/^containerd:\/\//, ""));
      upsert(pod);
    };
    const churned = await cluster.pods("churn", "--per-second", "10", "--seconds", "3", "--life-ms", "300");
    await until(() => sink.known.size === PODS && sink.told.at(-1)!.startsWith("remove"));
    expect(churned).toHaveLength(30);
    for (const [id] of churned) expect(ids).toContain(id);
  });

  test("forgets pods that are deleted together", async () => {
    await using follower = await Follower.start(cluster.kubeconfig);
    await follower.reflection.synced;
    await cluster.deletePods("team-09");
    const left = loaded.filter(([, namespace]) => namespace !== "team-09");
    await until(() => follower.sink.known.size === new Set(left.map(([, , , uid]) => uid)).size);
    expect(follower.containerIds()).toEqual(idsOf(left));
  });

  test("goes on after the API server was away, and forgets nothing meanwhile", async () => {
    await using follower = await Follower.start(cluster.kubeconfig);
    await follower.reflection.synced;
    const known = follower.sink.known.size;
    const sizes: number[] = [];
    const watching = setInterval(() => sizes.push(follower.sink.known.size), 20);
    await cluster.restart(1);
    await cluster.kubectl("run", "after-restart", "--image=example.test/a:1");
    await until(() => [...follower.sink.known.values()].some(({ name }) => name === "after-restart"));
    clearInterval(watching);
    expect(Math.min(...sizes)).toBe(known);
    expect(follower.metrics.value("podflame_k8s_errors")).toBeGreaterThan(0);
    expect(follower.reflection.state()).toMatchObject({ phase: "watching", objects: known + 1, lastError: undefined });
    await cluster.kubectl("delete", "pod", "after-restart", "--grace-period=0", "--force");
    await until(() => follower.sink.known.size === known);
  });

  test("says once which right it lacks, and works as soon as it is given as said", async () => {
    await using follower = await Follower.start(await accountConfig("collector"));
    await until(() => (follower.metrics.value("podflame_k8s_errors") ?? 0) >= 3);
    const told = follower.logged.filter((line) => line.includes("may not list pods"));
    expect(told).toHaveLength(1);
    const commands = /or run: (.*?)"?,?$/.exec((JSON.parse(told[0]!) as { msg: string }).msg)![1]!.split(" && ");
    expect(commands).toHaveLength(2);
    for (const command of commands) await cluster.kubectl(...command.split(" ").slice(1));
    await follower.reflection.synced;
    await until(() => follower.reflection.state().phase === "watching");
    expect(follower.logged.join("")).not.toContain("eyJ");
  });

  test("says what is wrong with a token that isn't one, and never shows it", async () => {
    const path = join(cluster.state, "bad.kubeconfig");
    await writeFile(path, cluster.kubeconfigFor("bad-token-0123456789"));
    await using follower = await Follower.start(path);
    await until(() => (follower.metrics.value("podflame_k8s_errors") ?? 0) >= 2);
    expect(follower.reflection.state().lastError?.message).toContain("401 Unauthorized");
    expect(JSON.stringify([follower.logged, follower.reflection.state()])).not.toContain("bad-token");
  });
});

describe.skipIf(missing !== undefined)("a reflector on an API server without room", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    const small = ["--max-requests-inflight=2", "--max-mutating-requests-inflight=1"];
    cluster = await Cluster.start([...small, "--etcd-compaction-interval=3s", "--watch-cache=false"]);
    await cluster.pods("load", "--pods", "40", "--namespaces", "2");
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test("gets through when it is told to come back later (429)", async () => {
    const token = await cluster.serviceAccount("collector");
    await cluster.kubectl("create", "clusterrole", "pods", "--verb=list,watch", "--resource=pods");
    await cluster.kubectl(
      "create",
      "clusterrolebinding",
      "c",
      "--clusterrole=pods",
      "--serviceaccount=default:collector",
    );
    const path = join(cluster.state, "collector.kubeconfig");
    await writeFile(path, cluster.kubeconfigFor(token));
    const refused = { verb: "list", code: "429" };
    for (let round = 1; ; round++) {
      const crowd = Array.from({ length: 400 }, () => cluster.raw("/api/v1/pods", { token }));
      await using follower = await Follower.start(path, 2);
      await Promise.all(crowd);
      await follower.reflection.synced;
      expect(follower.sink.sizesListed.at(-1)).toBe(40);
      if ((follower.metrics.value("podflame_k8s_requests", refused) ?? 0) > 0) return;
      expect(round, "rounds without a refusal").toBeLessThan(10);
    }
  });

  test("lists again when its version was compacted away, and then drops what went meanwhile", async () => {
    await using relay = await TcpRelay.start(Number(new URL(cluster.api).port));
    const path = join(cluster.state, "relay.kubeconfig");
    const admin = await readFile(cluster.kubeconfig, "utf8");
    await writeFile(path, admin.replace(cluster.api, `https://127.0.0.1:${relay.port}`));
    await using follower = await Follower.start(path);
    await until(() => follower.reflection.state().phase === "watching");
    expect(follower.sink.sizesListed).toEqual([40]);
    relay.cut();
    const { resourceVersion } = follower.reflection.state();
    await cluster.deletePods("team-01");
    const query = `watch=1&timeoutSeconds=1&resourceVersion=${resourceVersion}`;
    await until(async () => (await cluster.raw(`/api/v1/pods?${query}`)).body.includes("Expired"));
    expect(follower.sink.known.size, "while cut off").toBe(40);
    relay.mend();
    await until(() => follower.sink.sizesListed.length === 2);
    expect(follower.sink.sizesListed).toEqual([40, 20]);
    expect(follower.metrics.value("podflame_k8s_relists")).toBe(1);
  });
});
