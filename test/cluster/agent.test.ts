/** Real pods of a real kubelet, profiled and given their names in one process. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "../agent/harness/agent-process.ts";
import { layRootFileSystem } from "../agent/harness/image.ts";
import { canSample } from "../agent/harness/requirements.ts";
import { countOf, passesThrough, type Attributes, type Sample } from "../agent/harness/samples.ts";
import { Workloads } from "../agent/harness/workloads.ts";
import { until } from "../peers/program.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster({ withNode: true });
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no node to test on: ${missing}`);
  console.warn(`SKIPPED: no node to test on: ${missing}`);
}
const available = missing === undefined && canSample();

const IMAGE = "localhost/burn:1";

/** What these tests read of a pod. */
interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels: Readonly<Record<string, string>> };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly containerID?: string }[];
  };
}

/**
 * A container that burns for so long, as `burn` reads it. It requests CPU: without, the kernel gives it a 500th of what any
 * other process gets (cpu.shares of 2 for BestEffort), and on a busy machine there is nothing to sample for minutes.
 */
function burning(length: string): object {
  return {
    name: "main",
    image: IMAGE,
    imagePullPolicy: "Never",
    command: ["/bin/burn", length, "alpha=70", "beta=30"],
    resources: { requests: { cpu: "500m" } },
  };
}

function deployment(name: string, replicas: number, annotations: Readonly<Record<string, string>> = {}): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [burning("1000000")], terminationGracePeriodSeconds: 0 },
      },
    },
  };
}

function job(name: string, length: string): object {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name },
    spec: {
      template: {
        metadata: { labels: { app: name } },
        spec: { restartPolicy: "Never", containers: [burning(length)] },
      },
    },
  };
}

describe.skipIf(!available)("the agent on a node", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.startWithNode();
    using workloads = new Workloads();
    const root = await mkdtemp(join(tmpdir(), "podflame-image-"));
    await layRootFileSystem(root, { "/bin/burn": await workloads.build("burn") });
    await cluster.loadImage(IMAGE, root);
    await rm(root, { recursive: true });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  const apply = async (namespace: string, ...objects: readonly object[]): Promise<void> => {
    const file = join(cluster.state, "objects.json");
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    await cluster.kubectl("apply", "--namespace", namespace, "--filename", file);
  };
  const pods = async (namespace: string): Promise<readonly PodObject[]> =>
    (await cluster.json<{ items: readonly PodObject[] }>(`/api/v1/namespaces/${namespace}/pods`)).items;
  /** Waits for pods with a container id each. */
  const startedPods = async (namespace: string, count: number): Promise<readonly PodObject[]> => {
    for (;;) {
      const found = (await pods(namespace)).filter(({ status }) => status.containerStatuses?.[0]?.containerID);
      if (found.length >= count) return found;
    }
  };
  const startAgent = (receiver: Readonly<Record<string, unknown>> = {}): Promise<AgentProcess> =>
    AgentProcess.start({
      receiver: { samples_per_second: 99, reporter_interval: "1s", ...receiver },
      processors: {
        k8s_attributes: {
          auth_type: "kubeConfig",
          extract: {
            metadata: ["k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.deployment.name", "k8s.job.name"],
          },
          pod_association: [
            { sources: [{ from: "resource_attribute", name: "container.id" }] },
            { sources: [{ from: "resource_attribute", name: "k8s.pod.uid" }] },
          ],
        },
      },
      env: { KUBECONFIG: cluster.kubeconfig },
    });
  /** Resources of the samples that hit the workload, by pod uid. */
  const resourcesByUid = (samples: readonly Sample[]): Map<string, Attributes> =>
    new Map(
      samples
        .filter((sample) => passesThrough(sample, "alpha"))
        .map(({ resource }) => [String(resource["k8s.pod.uid"]), resource]),
    );

  /** Waits until one app's pods are sampled steadily, and expects that the others' are not. */
  const expectOnly = async (agent: AgentProcess, started: readonly PodObject[], app: string): Promise<void> => {
    const uids = (wanted: boolean): ReadonlySet<unknown> =>
      new Set(
        started.filter(({ metadata }) => (metadata.labels["app"] === app) === wanted).map((pod) => pod.metadata.uid),
      );
    const [included, excluded] = [uids(true), uids(false)];
    const of = (samples: readonly Sample[], pods: ReadonlySet<unknown>): Sample[] =>
      samples.filter(({ resource }) => pods.has(resource["k8s.pod.uid"]));
    await until("samples of the included pods", () => countOf(of(agent.sink.samples(), included)) > 20, 60_000);
    // By now the agent knows the pods; before that nobody can know who wants out.
    agent.sink.requests.splice(0);
    await until("more of them", () => countOf(of(agent.sink.samples(), included)) > 100, 60_000);
    expect(of(agent.sink.samples(), excluded)).toEqual([]);
  };

  test("tells container, pod, deployment and job of what burns there", async () => {
    await cluster.kubectl("create", "namespace", "shop");
    await using agent = await startAgent();
    await until("the agent's first samples", () => agent.sink.requests.length > 0, 60_000);
    await apply("shop", deployment("cart", 2), job("report", "1cpu"));
    const started = await startedPods("shop", 3);
    await until(
      "samples of all pods",
      () => {
        const found = resourcesByUid(agent.sink.samples());
        return started.every(({ metadata }) => found.get(metadata.uid)?.["k8s.pod.name"] === metadata.name);
      },
      60_000,
    );

    const found = resourcesByUid(agent.sink.samples());
    for (const { metadata, status } of started) {
      const owner =
        metadata.labels["app"] === "cart" ? { "k8s.deployment.name": "cart" } : { "k8s.job.name": "report" };
      expect(found.get(metadata.uid)).toMatchObject({
        "container.id": status.containerStatuses![0]!.containerID!.replace("containerd://", ""),
        "k8s.namespace.name": "shop",
        "k8s.pod.name": metadata.name,
        ...owner,
      });
    }
    await cluster.kubectl("delete", "namespace", "shop", "--wait=false");
  });

  test("leaves out pods that say so by their annotation", async () => {
    await cluster.kubectl("create", "namespace", "private");
    await apply("private", deployment("seen", 1), deployment("unseen", 1, { "podflame.dev/profile": "false" }));
    const started = await startedPods("private", 2);
    await using agent = await startAgent({ selection: { opt_out: true, auth_type: "kubeConfig" } });
    await expectOnly(agent, started, "seen");
    await cluster.kubectl("delete", "namespace", "private", "--wait=false");
  });

  test("samples only the namespaces that are selected, pods that come later among them", async () => {
    await cluster.kubectl("create", "namespace", "wanted");
    await cluster.kubectl("create", "namespace", "other");
    const selection = { namespaces: { include: ["wanted"] }, auth_type: "kubeConfig" };
    await using agent = await startAgent({ selection });
    await apply("other", deployment("unseen", 1));
    await apply("wanted", deployment("seen", 1));
    const started = [...(await startedPods("other", 1)), ...(await startedPods("wanted", 1))];
    await expectOnly(agent, started, "seen");
    const places = agent.sink.samples().map(({ resource }) => resource["k8s.namespace.name"]);
    expect(new Set(places)).toEqual(new Set(["wanted"]));
    await cluster.kubectl("delete", "namespace", "wanted", "other", "--wait=false");
  });
});
