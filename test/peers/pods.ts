import { createHash } from "node:crypto";
import type { Cluster } from "../cluster/cluster.ts";

type ApiObject = Readonly<Record<string, unknown>>;

/** A container as the API server tells of it. */
export interface KnownContainer {
  readonly name: string;
  readonly kind: "app" | "init" | "ephemeral";
  /** Bare; empty while the container waits for its first start. */
  readonly id: string;
  /** Bare id of the instance before a restart. */
  readonly previousId?: string;
}

/** A pod that `createPods` made. */
export interface KnownPod {
  /** What is special about it, and its number among its like, e.g. `restarted 1`. */
  readonly label: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ip: string | undefined;
  readonly hostNetwork: boolean;
  readonly containers: readonly KnownContainer[];
  /** The workload that the pod belongs to directly. */
  readonly owner: KnownOwner | undefined;
}

/** A workload that `createPods` made. */
export interface KnownOwner {
  readonly kind: string;
  readonly uid: string;
}

/** A pod to be made: what differs from a bare pod with one running container. */
interface PodPlan {
  readonly label: string;
  readonly namespace?: string;
  readonly generatedName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owners?: readonly Owner[];
  readonly hostname?: string;
  readonly hostNetwork?: boolean;
  readonly secondIp?: string;
  /** Instead of one of its own. */
  readonly ip?: string;
  /** No node, no status: as the API server has it before the scheduler. */
  readonly pending?: boolean;
  readonly containers?: readonly ContainerPlan[];
}

interface ContainerPlan {
  readonly name: string;
  readonly kind?: "init" | "ephemeral";
  readonly image?: string;
  readonly imageId?: string;
  readonly runtime?: "containerd" | "docker" | "cri-o";
  readonly restarts?: number;
  /** Created, but never started: no container id yet. */
  readonly waiting?: boolean;
}

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

const NAMESPACES = ["shop", "tools"] as const;
const NODES = 3;
const DIGEST = `sha256:${hex("an image")}`;

/** About sixty pods of every kind that has its own rule somewhere, written as a kubelet would leave them. */
export async function createPods(cluster: Cluster): Promise<readonly KnownPod[]> {
  for (const name of NAMESPACES) {
    const metadata = { name, labels: labelsOf(name), annotations: { "example.test/note": `note of ${name}` } };
    await cluster.json("/api/v1/namespaces", { method: "POST", body: { metadata } });
  }
  for (let node = 0; node < NODES; node++) {
    const metadata = { name: `node-${node}`, labels: labelsOf(`node-${node}`) };
    await cluster.json("/api/v1/nodes", { method: "POST", body: { metadata } });
  }
  const workloads = new Workloads(cluster);
  const pods: KnownPod[] = [];
  for (const [index, plan] of plans().entries()) pods.push(await createPod(cluster, workloads, plan, index));
  return pods;
}

/** Labels of everything that isn't a pod. */
function labelsOf(name: string): Record<string, string> {
  return { "example.test/color": `color-of-${name}`, plain: "yes" };
}

/** The workloads of the pods, made when the first of their pods asks for them. No controller is at work on them. */
class Workloads {
  readonly #cluster: Cluster;
  readonly #uids = new Map<string, string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async uidOf(owner: Owner, namespace: string): Promise<string> {
    const { apiVersion, kind, name } = owner;
    const key = `${kind} ${namespace}/${name}`;
    const known = this.#uids.get(key);
    if (known !== undefined) return known;
    const above = ownerOfOwner(owner);
    const controller = above && { ...above, uid: await this.uidOf(above, namespace), controller: true };
    const path = `/apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s`;
    const body = {
      apiVersion,
      kind,
      metadata: { name, labels: labelsOf(name), ownerReferences: controller === undefined ? [] : [controller] },
      spec: specOfWorkload(kind),
    };
    const { metadata } = await this.#cluster.json<{ metadata: { uid: string } }>(path, { method: "POST", body });
    this.#uids.set(key, metadata.uid);
    return metadata.uid;
  }
}

/** A ReplicaSet named after a template's hash is a Deployment's, a Job named after a minute a CronJob's. */
function ownerOfOwner({ kind, name }: Owner): Owner | undefined {
  if (kind === "ReplicaSet" && name.includes("-")) return apps("Deployment", name.slice(0, name.lastIndexOf("-")));
  if (kind !== "Job" || !name.startsWith("nightly-")) return undefined;
  return { apiVersion: "batch/v1", kind: "CronJob", name: "nightly" };
}

function specOfWorkload(kind: string): ApiObject {
  const template = {
    metadata: { labels: { app: "any" } },
    spec: {
      containers: [{ name: "app", image: "example.test/app:1" }],
      ...(kind.endsWith("Job") && { restartPolicy: "Never" }),
    },
  };
  if (kind === "Job") return { template };
  if (kind === "CronJob") return { schedule: "0 3 * * *", jobTemplate: { spec: { template } } };
  const selector = { matchLabels: { app: "any" } };
  return { selector, template, ...(kind === "StatefulSet" && { serviceName: "any" }) };
}

function plans(): readonly PodPlan[] {
  const nowMinutes = Math.floor(Date.now() / 60_000);
  return [
    ...several(6, "deployment", (n) => replicaSetPod(`cart-${n % 2}`, "6d4cf56db6")),
    ...several(2, "replica set without hash label", () => ({ owners: [apps("ReplicaSet", "cart-6d4cf56db6")] })),
    ...several(2, "replica set of its own", () => ({
      owners: [apps("ReplicaSet", "lonely")],
      labels: { "pod-template-hash": "6d4cf56db6" },
    })),
    ...several(3, "stateful set", (n) => ({
      owners: [apps("StatefulSet", "db")],
      generatedName: `db-${n}`,
      hostname: `db-${n}`,
    })),
    ...several(3, "daemon set", () => ({ owners: [apps("DaemonSet", "node-agent")], namespace: "tools" })),
    ...several(2, "job", (n) => ({ owners: [batch(`import-${n}`)] })),
    ...several(2, "cron job", (n) => ({ owners: [batch(`nightly-${nowMinutes - n}`)] })),
    ...several(1, "job with digits", () => ({ owners: [batch("import-12345678")] })),
    ...several(3, "bare", () => ({})),
    ...several(1, "two owners", () => ({ owners: [apps("StatefulSet", "db"), apps("DaemonSet", "node-agent")] })),
    ...several(4, "two containers", () => ({
      ...replicaSetPod("search", "7c9f8b5d4"),
      containers: [{ name: "app" }, { name: "proxy", image: "envoyproxy/envoy:v1.31.0" }],
    })),
    ...several(3, "init container", () => ({
      containers: [{ name: "migrate", kind: "init", image: "example.test/migrate:3" }, { name: "app" }],
    })),
    ...several(3, "ephemeral container", () => ({
      containers: [{ name: "app" }, { name: "debugger", kind: "ephemeral", image: "busybox:1.36" }],
    })),
    ...several(4, "restarted", (n) => ({ containers: [{ name: "app", restarts: n + 1 }] })),
    ...several(2, "waiting", () => ({ containers: [{ name: "app", waiting: true }] })),
    ...several(1, "waiting beside a running one", () => ({
      containers: [{ name: "app" }, { name: "late", waiting: true }],
    })),
    ...several(3, "host network", () => ({ hostNetwork: true })),
    // The address from which the tests send.
    ...several(1, "loopback", () => ({ ip: "127.0.0.1" })),
    ...several(1, "two addresses", () => ({ secondIp: "fd00::7" })),
    ...several(2, "docker", () => ({ containers: [{ name: "app", runtime: "docker" }] })),
    ...several(2, "cri-o", () => ({ containers: [{ name: "app", runtime: "cri-o" }] })),
    ...several(1, "pending", () => ({ pending: true })),
    ...images(),
    ...named(),
  ];
}

/** Spellings of images, and of the image ids that runtimes report. */
function images(): readonly PodPlan[] {
  const image = (label: string, spelled: string, imageId: string): PodPlan => ({
    label: `image ${label}`,
    containers: [{ name: "app", image: spelled, imageId }],
  });
  return [
    image("without tag", "nginx", `docker.io/library/nginx@${DIGEST}`),
    image("with tag", "nginx:1.27", `docker.io/library/nginx@${DIGEST}`),
    image("with port", "registry.test:5000/shop/cart:2", `registry.test:5000/shop/cart@${DIGEST}`),
    image("with port, without tag", "registry.test:5000/shop/cart", `registry.test:5000/shop/cart@${DIGEST}`),
    image("by digest", `example.test/cart@${DIGEST}`, `example.test/cart@${DIGEST}`),
    image("by tag and digest", `example.test/cart:4@${DIGEST}`, `example.test/cart@${DIGEST}`),
    image("known by its bare digest", "example.test/cart:5", DIGEST),
    image("pulled by docker", "example.test/cart:6", `docker-pullable://example.test/cart@${DIGEST}`),
  ];
}

/** Who says what the service is called. */
function named(): readonly PodPlan[] {
  const name = { "app.kubernetes.io/name": "checkout" };
  const instance = { "app.kubernetes.io/instance": "checkout-blue" };
  const version = { "app.kubernetes.io/version": "2.4.1" };
  const annotation = (key: string, value: string): Record<string, string> => ({
    [`resource.opentelemetry.io/${key}`]: value,
  });
  return [
    { label: "service by name label", labels: name },
    { label: "service by instance label", labels: { ...name, ...instance }, ...owned() },
    {
      label: "service by annotation",
      labels: { ...name, ...instance },
      annotations: annotation("service.name", "pay"),
    },
    { label: "version by label", labels: version },
    { label: "version by annotation", labels: version, annotations: annotation("service.version", "9") },
    {
      label: "namespace and instance by annotation",
      annotations: { ...annotation("service.namespace", "sales"), ...annotation("service.instance.id", "pay-0") },
    },
    { label: "other annotation", annotations: { ...annotation("team.name", "cart"), "example.test/tier": "gold" } },
    { label: "labels of all sorts", labels: { "example.test/color": "blue", "example.test/empty": "", plain: "yes" } },
  ];
}

function owned(): Pick<PodPlan, "owners"> {
  return { owners: [apps("StatefulSet", "checkout")] };
}

function several(count: number, label: string, make: (n: number) => Omit<PodPlan, "label">): readonly PodPlan[] {
  return Array.from({ length: count }, (_, n) => ({ ...make(n), label: `${label} ${n}` }));
}

function replicaSetPod(deployment: string, hash: string): Omit<PodPlan, "label"> {
  return {
    owners: [apps("ReplicaSet", `${deployment}-${hash}`)],
    labels: { "pod-template-hash": hash, app: deployment },
  };
}

function apps(kind: string, name: string): Owner {
  return { apiVersion: "apps/v1", kind, name };
}

function batch(name: string): Owner {
  return { apiVersion: "batch/v1", kind: "Job", name };
}

async function createPod(cluster: Cluster, workloads: Workloads, plan: PodPlan, index: number): Promise<KnownPod> {
  const namespace = plan.namespace ?? "shop";
  const name = plan.generatedName ?? `${plan.label.replaceAll(/[^a-z0-9]+/g, "-")}-${index}`;
  const collection = `/api/v1/namespaces/${namespace}/pods`;
  const containers = plan.containers ?? [{ name: "app" }];
  const specOf = ({ name: containerName, image = "example.test/app:1" }: ContainerPlan): ApiObject => ({
    name: containerName,
    image,
  });
  const ephemeral = containers.filter(({ kind }) => kind === "ephemeral");
  const owners: (Owner & { readonly uid: string })[] = [];
  for (const owner of plan.owners ?? []) owners.push({ ...owner, uid: await workloads.uidOf(owner, namespace) });
  const body: ApiObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      labels: plan.labels ?? {},
      annotations: plan.annotations ?? {},
      ownerReferences: owners.map((owner, at) => ({ ...owner, controller: at === 0 })),
    },
    spec: {
      ...(plan.pending !== true && { nodeName: `node-${index % NODES}` }),
      ...(plan.hostname !== undefined && { hostname: plan.hostname }),
      ...(plan.hostNetwork === true && { hostNetwork: true }),
      initContainers: containers.filter(({ kind }) => kind === "init").map(specOf),
      containers: containers.filter(({ kind }) => kind === undefined).map(specOf),
    },
  };
  let pod = await cluster.json<ApiObject>(collection, { method: "POST", body });
  if (ephemeral.length > 0) {
    const spec = { ...(pod["spec"] as ApiObject), ephemeralContainers: ephemeral.map(specOf) };
    pod = await cluster.json(`${collection}/${name}/ephemeralcontainers`, { method: "PUT", body: { ...pod, spec } });
  }
  const { uid } = pod["metadata"] as { uid: string };
  const known = containers.map((container) => knownContainer(uid, container));
  const own = plan.hostNetwork === true ? `192.168.0.${(index % NODES) + 1}` : `10.128.0.${index + 1}`;
  const ip = plan.ip ?? own;
  if (plan.pending !== true) {
    const status = runningStatus(uid, containers, plan.secondIp === undefined ? [ip] : [ip, plan.secondIp]);
    await cluster.json(`${collection}/${name}/status`, { method: "PUT", body: { ...pod, status } });
  }
  return {
    label: plan.label,
    namespace,
    name,
    uid,
    ip: plan.pending === true ? undefined : ip,
    hostNetwork: plan.hostNetwork === true,
    containers: plan.pending === true ? [] : known,
    owner: owners[0],
  };
}

function knownContainer(podUid: string, container: ContainerPlan): KnownContainer {
  const id = hex(`${podUid}/${container.name}`);
  return {
    name: container.name,
    kind: container.kind ?? "app",
    id: container.waiting === true ? "" : id,
    ...(container.restarts !== undefined && { previousId: hex(`${id} before`) }),
  };
}

function runningStatus(podUid: string, containers: readonly ContainerPlan[], ips: readonly string[]): ApiObject {
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const statusOf = (container: ContainerPlan): ApiObject => {
    const { name, image = "example.test/app:1", runtime = "containerd", restarts = 0, waiting = false } = container;
    const known = knownContainer(podUid, container);
    const ended = { exitCode: 0, startedAt: now, finishedAt: now };
    const state = waiting
      ? { waiting: { reason: "ContainerCreating" } }
      : container.kind === "init"
        ? { terminated: { ...ended, containerID: `${runtime}://${known.id}` } }
        : { running: { startedAt: now } };
    return {
      name,
      image,
      imageID: waiting ? "" : (container.imageId ?? `example.test/app@${DIGEST}`),
      ...(!waiting && { containerID: `${runtime}://${known.id}` }),
      ready: !waiting,
      restartCount: restarts,
      state,
      lastState:
        known.previousId === undefined
          ? {}
          : { terminated: { ...ended, exitCode: 137, containerID: `${runtime}://${known.previousId}` } },
    };
  };
  return {
    phase: "Running",
    hostIP: "192.168.0.1",
    podIP: ips[0],
    podIPs: ips.map((ip) => ({ ip })),
    startTime: now,
    initContainerStatuses: containers.filter(({ kind }) => kind === "init").map(statusOf),
    containerStatuses: containers.filter(({ kind }) => kind === undefined).map(statusOf),
    ephemeralContainerStatuses: containers.filter(({ kind }) => kind === "ephemeral").map(statusOf),
  };
}

function hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
