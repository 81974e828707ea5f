/** A real node's kubelet and container runtime as sources of identity, beside its API server and without it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CriSocket } from "../../src/collector/components/k8s-identity-extension/cri-connection.ts";
import { GatewayStream } from "../../src/collector/components/k8s-identity-extension/gateway-connection.ts";
import { IdentityServer } from "../../src/collector/components/k8s-identity-extension/identity-server.ts";
import { type IdentityHandle, IdentityHub, type IdentitySources, type PodRecord, sourcesOpener } from "#identity";
import type { PodObject } from "#kubernetes";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { BufferPool } from "#wire";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster({ withNode: true });
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no node to test on: ${missing}`);
  console.warn(`SKIPPED: no node to test on: ${missing}`);
}

const IMAGE = "localhost/busybox:1";
const KEYS = { label: () => true, annotation: () => true };

interface PodJson {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly imageID: string }[];
  };
}

describe.skipIf(missing !== undefined)("identity on a node", () => {
  let cluster: Cluster;
  let facts: Readonly<Record<string, string>>;

  beforeAll(async () => {
    cluster = await Cluster.startWithNode();
    const lines = readFileSync(join(cluster.state, "env"), "utf8").trim().split("\n");
    facts = Object.fromEntries(lines.map((line) => [line.split("=", 1)[0]!, line.replace(/^.*?=/, "")]));
    const token = await cluster.serviceAccount("podflame");
    writeFileSync(join(cluster.state, "podflame.token"), token);
    await cluster.kubectl(
      "create",
      "clusterrole",
      "podflame-kubelet",
      "--verb=get",
      "--resource=nodes/proxy,nodes/pods",
    );
    await cluster.kubectl(
      "create",
      "clusterrolebinding",
      "podflame-kubelet",
      "--clusterrole=podflame-kubelet",
      "--serviceaccount=default:podflame",
    );
    await cluster.kubectl("create", "deployment", "cart", `--image=${IMAGE}`, "--", "sleep", "100000");
    const patch = '[{"op":"add","path":"/spec/template/spec/containers/0/imagePullPolicy","value":"Never"}]';
    await cluster.kubectl("patch", "deployment", "cart", "--type=json", `--patch=${patch}`);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A running pod of the deployment, as the API server has it. */
  async function runningPod(): Promise<PodJson> {
    for (;;) {
      const { items } = await cluster.json<{ items: readonly PodJson[] }>(
        "/api/v1/namespaces/default/pods?labelSelector=app%3Dcart",
      );
      const running = items.find(({ status }) => status.podIP && status.containerStatuses?.[0]?.containerID);
      if (running !== undefined) return running;
    }
  }

  const kubelet = (): NonNullable<IdentitySources["kubelet"]> => ({
    intervalMs: 2_000,
    settings: {
      endpoint: `127.0.0.1:${kubeletPort(cluster.state)}`,
      authType: "serviceAccount",
      tokenFile: join(cluster.state, "podflame.token"),
      caFile: facts["CA"],
    },
  });
  const cri = (): NonNullable<IdentitySources["cri"]> => ({
    socket: facts["CONTAINERD"]!,
    intervalMs: 1_000,
    connect: (telemetry) => new CriSocket([facts["CONTAINERD"]!], { telemetry, buffers: new BufferPool() }),
  });

  async function opened(
    sources: Omit<IdentitySources, "nodeName">,
    kubeConfigPath = cluster.kubeconfig,
  ): Promise<IdentityHandle> {
    const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
    const hub = new IdentityHub({ telemetry, open: sourcesOpener({ ...sources, nodeName: facts["NODE"]! }) });
    onTestFinished(() => hub.shutdown());
    const handle = hub.join({
      source: { kind: "api", client: { authType: "kubeConfig", kubeConfigPath }, selection: {} },
      keys: KEYS,
      keysName: "all",
      graceMs: 120_000,
    });
    await handle.start();
    return handle;
  }

  /** A gateway of this cluster, at work. */
  async function serving(): Promise<{ readonly endpoint: string; readonly metrics: MetricRegistry }> {
    const metrics = new MetricRegistry();
    const telemetry = { clock: systemClock, metrics, logger: silentLogger };
    const hub = new IdentityHub({ telemetry, open: sourcesOpener({ sources: ["api"], nodeName: "" }) });
    const client = { authType: "kubeConfig", kubeConfigPath: cluster.kubeconfig } as const;
    const needs = { source: { kind: "api", client, selection: {} }, keys: KEYS, keysName: "all", graceMs: 0 } as const;
    const settings = { grpc: { endpoint: "127.0.0.1:0" }, access: { kind: "open" }, needs } as const;
    const server = new IdentityServer(settings, hub, { telemetry, buffers: new BufferPool() });
    await server.start();
    onTestFinished(() => server.stop(AbortSignal.timeout(5_000)));
    return { endpoint: server.address, metrics };
  }

  test("a kubelet knows of its pods what the API server knows", async () => {
    const pod = await runningPod();
    const fromKubelet = await opened({ sources: ["kubelet"], kubelet: kubelet() });
    const fromApi = await opened({ sources: ["api"] });
    const of = (handle: IdentityHandle): PodObject | undefined =>
      handle.view.directory.findUidText(pod.metadata.uid)?.pod;
    await expect
      .poll(() => of(fromKubelet)?.containers[0]?.containerId, { timeout: 30_000 })
      .toBe(pod.status.containerStatuses![0]!.containerID);
    await expect.poll(() => of(fromApi), { timeout: 30_000 }).toBeDefined();
    const { annotations: ofApi, ...api } = of(fromApi)!;
    // The kubelet writes down when and from where it has the pod.
    const { annotations, ...told } = of(fromKubelet)!;
    expect(told).toEqual(api);
    const added = [...annotations.keys()].filter((key) => !ofApi.has(key));
    expect(added.filter((key) => !key.startsWith("kubernetes.io/config."))).toEqual([]);
  });

  test("a runtime knows names, labels, addresses, images and container ids", async () => {
    const pod = await runningPod();
    const handle = await opened({ sources: ["cri"], cri: cri() });
    const id = pod.status.containerStatuses![0]!.containerID!;
    await expect.poll(() => handle.view.directory.findContainerText(id), { timeout: 30_000 }).toBeDefined();
    const found = handle.view.directory.findContainerText(id)!;
    expect(found.record.pod).toMatchObject({
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      namespace: "default",
      nodeName: facts["NODE"],
      podIps: [pod.status.podIP],
      hostNetwork: false,
    });
    expect(found.record.pod.labels.get("app")).toBe("cart");
    expect(found.container).toMatchObject({ name: "busybox", image: IMAGE, containerId: id });
  });

  test("an agent knows by its gateway what the API server knows, and the gateway asks for both", async () => {
    const pod = await runningPod();
    const gateway = await serving();
    const agent = await opened(
      {
        sources: ["gateway"],
        gateway: {
          endpoint: gateway.endpoint,
          connect: (telemetry) => {
            const client = { endpoint: gateway.endpoint };
            return new GatewayStream({ client, tokenFile: undefined }, { telemetry, buffers: new BufferPool() });
          },
        },
      },
      join(cluster.state, "nowhere.kubeconfig"),
    );
    const found = (): PodRecord | undefined => agent.view.directory.findUidText(pod.metadata.uid);
    await expect.poll(() => found()?.current("busybox")?.id, { timeout: 30_000 }).toBeTruthy();
    const fromApi = await opened({ sources: ["api"] });
    await fromApi.waitForSync(30_000);
    const { annotations: _, ...api } = fromApi.view.directory.findUidText(pod.metadata.uid)!.pod;
    expect(found()!.pod).toMatchObject(api);
    const ownPods = [...fromApi.view.directory.records()].filter((record) => record.pod.nodeName === facts["NODE"]);
    await expect.poll(() => agent.view.directory.size, { timeout: 30_000 }).toBe(ownPods.length);
    // The deployment is scaled: agents hear of it by the gateway's one watch.
    await cluster.kubectl("scale", "deployment", "cart", "--replicas=2");
    await expect.poll(() => agent.view.directory.size, { timeout: 30_000 }).toBe(ownPods.length + 1);
    expect(gateway.metrics.value("podflame_k8s_requests", { verb: "list", code: "200" })).toBe(1);
    expect(gateway.metrics.value("podflame_k8s_requests", { verb: "watch", code: "200" })).toBe(1);
  });

  test("without an API server pods are named by the others, with owners where the kubelet tells of them", async () => {
    const pod = await runningPod();
    const nowhere = join(cluster.state, "nowhere.kubeconfig");
    writeFileSync(nowhere, readFileSync(cluster.kubeconfig, "utf8").replace(cluster.api, "https://127.0.0.1:1"));
    const handle = await opened({ sources: ["api", "kubelet", "cri"], kubelet: kubelet(), cri: cri() }, nowhere);
    expect(await handle.waitForSync(30_000)).toMatchObject({ synced: true });
    const found = (): PodRecord | undefined => handle.view.directory.findUidText(pod.metadata.uid);
    await expect.poll(() => found()?.pod.owners[0]?.kind, { timeout: 30_000 }).toBe("ReplicaSet");
    expect(found()!.current("busybox")?.id).toBe(pod.status.containerStatuses![0]!.containerID);
    expect(handle.state().lastError).toMatch(/ECONNREFUSED/);
  });
});

/** up.sh doesn't tell it; it stands in the kubelet's configuration. */
function kubeletPort(state: string): string {
  return /^port: (\d+)$/m.exec(readFileSync(join(state, "kubelet.yaml"), "utf8"))![1]!;
}
