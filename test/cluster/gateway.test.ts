/** Real pods of a real kubelet, sampled by `podflame agent`, kept and named by `podflame gateway`. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { layRootFileSystem } from "../agent/harness/image.ts";
import { ProfilesSink } from "../agent/harness/profiles-sink.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { Workloads } from "../agent/harness/workloads.ts";
import type { Podflame } from "../cli/podflame.ts";
import { recordedRequest } from "../gateway/recorded-request.ts";
import { sendGrpc } from "../peers/sender.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";
import { ClusterGateway, kubeconfigAt, startAgent } from "./gateway-and-agents.ts";
import { TcpRelay } from "./tcp-relay.ts";

const missing = whyNoCluster({ withNode: true });
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no node to test on: ${missing}`);
  console.warn(`SKIPPED: no node to test on: ${missing}`);
}
const available = missing === undefined && canSample();

const IMAGE = "localhost/burn:1";
/** As `up.sh` names it. */
const NODE = "127.0.0.1";
/** A container of the recorded request. */
const RECORDED_ID = "dc133e4f802e6335c307e249d2db5f4da1627eda9c2981708cc1f74fadb39c61";
/** More than enough for a pod to start and its samples to arrive on a machine that does other things as well. */
const SOON = { timeout: 60_000, interval: 200 };

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly containerStatuses?: readonly { readonly containerID?: string }[] };
  }[];
}

/** One replica that burns a fifth of a CPU; its container ends after so many seconds, and is started again. */
function deployment(name: string, seconds = 1_000_000): object {
  const labels = { app: name };
  const container = {
    name: "main",
    image: IMAGE,
    imagePullPolicy: "Never",
    command: ["/bin/burn", String(seconds), "alpha=1"],
    resources: { limits: { cpu: "200m" } },
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 0 } },
    },
  };
}

describe.skipIf(!available)("a gateway on a cluster", () => {
  let cluster: Cluster;
  let folder: string;

  beforeAll(async () => {
    cluster = await Cluster.startWithNode();
    folder = await mkdtemp(join(tmpdir(), "podflame-gateway-"));
    using workloads = new Workloads();
    await layRootFileSystem(join(folder, "image"), { "/bin/burn": await workloads.build("burn") });
    await cluster.loadImage(IMAGE, join(folder, "image"));
    await cluster.kubectl("create", "namespace", "shop");
    await apply(deployment("cart"));
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function apply(...items: readonly object[]): Promise<void> {
    const file = join(folder, "objects.json");
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    await cluster.kubectl("apply", "--namespace", "shop", "--filename", file);
  }

  /** The pod of a deployment and the id of its container. */
  async function runningPod(app: string): Promise<{ readonly name: string; readonly containerId: string }> {
    const path = `/api/v1/namespaces/shop/pods?labelSelector=app%3D${app}`;
    for (;;) {
      const { items } = await cluster.json<PodList>(path);
      for (const { metadata, status } of items) {
        const id = status.containerStatuses?.[0]?.containerID;
        if (id !== undefined) return { name: metadata.name, containerId: id.replace("containerd://", "") };
      }
    }
  }

  /** The hash of the template that a pod was made from stands in its name. */
  const revisionOf = (pod: string): string => pod.split("-").at(-2)!;
  const cartProcess = (pod: string): string => `shop > cart > ${revisionOf(pod)} > ${pod} > main > burn`;

  function endLater(process: Podflame): void {
    onTestFinished(async () => {
      process.kill("SIGTERM");
      await process.ended;
    });
  }

  test("shows what an agent sampled by namespace, workload, revision, pod, container and process", async () => {
    const gateway = await ClusterGateway.start(join(folder, "presets"), cluster.kubeconfig);
    endLater(gateway.process);
    const access = { KUBECONFIG: cluster.kubeconfig, KUBERNETES_NODE_NAME: NODE };
    endLater(await startAgent(`127.0.0.1:${gateway.otlpPort}`, access));
    const { name } = await runningPod("cart");
    const uid = (await cluster.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")).trim();
    await expect
      .poll(() => gateway.paths("process"), SOON)
      .toContainEqual(expect.stringMatching(new RegExp(`^(?:${uid} > )?${cartProcess(name)}$`)));
    const levels = (await gateway.rows()).map(({ level }) => level);
    expect(levels).toEqual(expect.arrayContaining(["namespace", "workload", "revision", "pod", "container", "host"]));
  });

  test("tells agents without any right in the cluster who is who, as the preset of agents says", async () => {
    const gateway = await ClusterGateway.start(join(folder, "serving"), cluster.kubeconfig);
    endLater(gateway.process);
    const sink = await ProfilesSink.start();
    onTestFinished(() => sink.close());
    const advice = (await readFile(join(import.meta.dirname, "../../presets/agent.yaml"), "utf8"))
      .split("\n")
      .filter((line) => line.startsWith("#   "))
      .map((line) => line.slice("#   ".length));
    const file = join(folder, "by-gateway.yaml");
    await writeFile(file, advice.join("\n"));
    const here = { endpoint: gateway.identity, token_file: null, tls: { insecure: true, ca_file: null } };
    const agent = await startAgent(sink.endpoint, { KUBERNETES_NODE_NAME: NODE }, file, {
      extensions: { k8s_identity: { gateway: here } },
    });
    endLater(agent);
    const { name, containerId } = await runningPod("cart");
    await expect
      .poll(() => sink.samples().find(({ resource }) => resource["container.id"] === containerId)?.resource, SOON)
      .toMatchObject({ "k8s.namespace.name": "shop", "k8s.pod.name": name, "k8s.deployment.name": "cart" });
  });

  test("names what came without names, an hour ago and before the API server could be asked", async () => {
    await using relay = await TcpRelay.start(Number(new URL(cluster.api).port));
    relay.cut();
    const kubeconfig = join(folder, "relayed.kubeconfig");
    await writeFile(kubeconfig, await kubeconfigAt(cluster, relay.port));
    const data = join(folder, "late");
    const withoutNaming = {
      service: { pipelines: { profiles: { receivers: ["otlp"], processors: [], exporters: ["store"] } } },
    };
    const gateway = await ClusterGateway.start(data, kubeconfig, withoutNaming);
    endLater(gateway.process);
    // It knows container ids and nothing else.
    const agent = await startAgent(`127.0.0.1:${gateway.otlpPort}`, {});
    endLater(agent);
    const before = await runningPod("cart");
    const anHourAgo = recordedRequest(Date.now() - 3_600_000);
    for (let at = 0; (at = anHourAgo.indexOf(RECORDED_ID)) >= 0;) anHourAgo.write(before.containerId, at);
    await sendGrpc(gateway.otlpPort, "profiles", anHourAgo);
    const containers = (): Promise<readonly string[]> => gateway.paths("container");
    await expect
      .poll(containers, SOON)
      .toContainEqual(expect.stringContaining(`Unnamed containers > ${before.containerId.slice(0, 12)}`));
    expect((await containers()).filter((path) => path.startsWith("shop"))).toEqual([]);

    relay.mend();
    await expect.poll(() => gateway.paths("process"), SOON).toContain(cartProcess(before.name));
    const query = encodeURIComponent(`{pod="${before.name}"}`);
    const { series, start, step } = (await gateway.ask(`timeline?query=${query}&step=1m`)) as {
      series: { values: number[] }[];
      start: number;
      step: number;
    };
    const first = start + step * series[0]!.values.findIndex((value) => value > 0);
    expect(Date.now() - first).toBeGreaterThan(3_500_000);

    // A rollout: another ReplicaSet, another revision.
    const template = { spec: { template: { metadata: { annotations: { changed: "yes" } } } } };
    await cluster.kubectl("patch", "deployment", "cart", "-n", "shop", "--patch", JSON.stringify(template));
    await expect
      .poll(async () => (await gateway.paths("revision")).filter((path) => path.startsWith("shop > cart > ")), SOON)
      .toHaveLength(2);
    const revisions = await gateway.paths("revision");
    const after = revisions.find((path) => path.startsWith("shop > cart") && !path.endsWith(revisionOf(before.name)))!;
    const revision = after.split(" > ").at(-1)!;
    expect(await gateway.marks('{namespace="shop"}')).toContainEqual(
      expect.objectContaining({ kind: "revision", name: `cart ${revision}` }),
    );

    // The container that ends by itself and is started again.
    await apply(deployment("flaky", 12));
    const flaky = (await runningPod("flaky")).name;
    await expect
      .poll(async () => (await gateway.marks('{namespace="shop"}')).map(({ kind, name }) => `${kind} ${name}`), SOON)
      .toContain(`restart ${flaky} / main`);

    // What is deleted keeps its name, also in a process that never heard of it.
    await cluster.kubectl("delete", "deployment", "cart", "flaky", "-n", "shop", "--wait=true");
    const known = (await gateway.paths("pod")).filter((path) => path.startsWith("shop"));
    expect(known).toHaveLength(3);
    agent.kill("SIGTERM");
    await agent.ended;
    expect(await gateway.stop()).toBe(0);
    const later = await ClusterGateway.start(data, undefined);
    endLater(later.process);
    expect((await later.paths("pod")).filter((path) => path.startsWith("shop")).sort()).toEqual([...known].sort());
    expect(await later.paths("process")).toContain(cartProcess(before.name));
  });
});
