/**
 * `k8s_attributes` on a real API server, with exactly the rights that it says it needs: a service account has the rules of
 * `rightsNeededBy` and no others.
 */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AccessRule } from "#identity";
import { type MetadataObject, RESOURCES } from "#kubernetes";
import { SIGNALS, type Signal } from "#otlp";
import { systemClock } from "#telemetry";
import { k8sAttributesConfig } from "../../src/collector/components/k8s-attributes-processor/config.ts";
import { rightsNeededBy } from "../../src/collector/components/k8s-attributes-processor/needs.ts";
import { listParser } from "../../src/kubernetes/decoding/list-parser.ts";
import { ACCEPT_METADATA_LIST, encodingOf } from "../../src/kubernetes/decoding/media-types.ts";
import { MetadataDecoder } from "../../src/kubernetes/decoding/metadata-decoder.ts";
import { RunningProcessor } from "../conformance/running-processor.ts";
import { Cluster, whyNoCluster } from "./cluster.ts";

const missing = whyNoCluster();
if (missing !== undefined) {
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`no API server to test against: ${missing}`);
  console.warn(`SKIPPED: no API server to test against: ${missing}`);
}

type ApiObject = Readonly<Record<string, unknown>>;
interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}
interface Account {
  readonly kubeconfig: string;
  grant(rules: readonly AccessRule[]): Promise<void>;
}
interface Created {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly uid: string; readonly creationTimestamp: string };
}

const BY_ADDRESS = { pod_association: [{ sources: [{ from: "connection" }] }] };
const LABEL = { "example.test/team": "checkout" };
const TEMPLATE = {
  metadata: { labels: { app: "a" } },
  spec: { containers: [{ name: "app", image: "example.test/app:1" }] },
};

describe.skipIf(missing !== undefined)("k8s_attributes on a real API server", () => {
  let cluster: Cluster;
  let clusterUid: string;
  let nodeUid: string;
  /** Addresses of pods, by the kind of their workload. */
  const addresses = new Map<string, string>();
  const owners = new Map<string, Owner>();
  let cronJobName = "";

  const post = (path: string, body: ApiObject): Promise<Created> => cluster.json(path, { method: "POST", body });

  async function workload(kind: string, name: string, owner?: Owner, namespace = "shop"): Promise<Owner> {
    const group = kind.endsWith("Job") ? "batch" : "apps";
    const spec =
      kind === "Job"
        ? { template: { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: "Never" } } }
        : kind === "CronJob"
          ? {
              schedule: "* * * * *",
              jobTemplate: { spec: { template: { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: "Never" } } } },
            }
          : {
              selector: { matchLabels: { app: "a" } },
              template: TEMPLATE,
              ...(kind === "StatefulSet" && { serviceName: "a" }),
            };
    const { metadata } = await post(`/apis/${group}/v1/namespaces/${namespace}/${kind.toLowerCase()}s`, {
      apiVersion: `${group}/v1`,
      kind,
      metadata: { name, labels: LABEL, ...(owner && { ownerReferences: [{ ...owner, controller: true }] }) },
      spec,
    });
    const made = { apiVersion: `${group}/v1`, kind, name, uid: metadata.uid };
    owners.set(kind, made);
    return made;
  }

  let lastAddress = 0;
  async function pod(
    name: string,
    owner: Owner,
    labels: Record<string, string> = {},
    namespace = "shop",
  ): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const made = await post(path, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels, ownerReferences: [{ ...owner, controller: true }] },
      spec: { nodeName: "node-1", containers: TEMPLATE.spec.containers },
    });
    const podIP = `10.7.0.${++lastAddress}`;
    const containerID = `containerd://${lastAddress.toString(16).padStart(64, "0")}`;
    const startTime = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    await cluster.json(`${path}/${name}/status`, {
      method: "PUT",
      body: {
        ...made,
        status: {
          phase: "Running",
          startTime,
          podIP,
          podIPs: [{ ip: podIP }],
          containerStatuses: [
            {
              name: "app",
              image: "example.test/app:1",
              imageID: `example.test/app@sha256:${"1".repeat(64)}`,
              containerID,
              ready: true,
              restartCount: 0,
              state: { running: { startedAt: startTime } },
              lastState: {},
            },
          ],
        },
      },
    });
    return podIP;
  }

  beforeAll(async () => {
    cluster = await Cluster.start();
    for (const name of ["shop", "other"]) {
      await post("/api/v1/namespaces", { metadata: { name, labels: LABEL, annotations: { note: name } } });
    }
    const node = await post("/api/v1/nodes", { metadata: { name: "node-1", labels: LABEL } });
    nodeUid = node.metadata.uid;
    clusterUid = (await cluster.json<Created>("/api/v1/namespaces/kube-system")).metadata.uid;
    const replicaSet = await workload("ReplicaSet", "web-66f5996c7c", await workload("Deployment", "web"));
    addresses.set("Deployment", await pod("web-66f5996c7c-a", replicaSet, { "pod-template-hash": "66f5996c7c" }));
    addresses.set("StatefulSet", await pod("db-0", await workload("StatefulSet", "db")));
    addresses.set("DaemonSet", await pod("agent-x", await workload("DaemonSet", "agent")));
    cronJobName = `nightly-${Math.floor(Date.now() / 60_000)}`;
    const job = await workload("Job", cronJobName, await workload("CronJob", "nightly"));
    addresses.set("CronJob", await pod("nightly-x", job));
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A new service account with exactly these rights, and more on request. */
  async function accountWith(rules: readonly AccessRule[]): Promise<Account> {
    const account = `processor-${randomUUID()}`;
    const kubeconfig = join(cluster.state, `${account}.kubeconfig`);
    await writeFile(kubeconfig, cluster.kubeconfigFor(await cluster.serviceAccount(account)));
    const grant = (more: readonly AccessRule[]): Promise<void> => bind(account, more);
    await grant(rules);
    return { kubeconfig, grant };
  }

  /** Gives these rights to a service account, and no others. */
  async function bind(account: string, rules: readonly AccessRule[]): Promise<void> {
    const name = `processor-${randomUUID()}`;
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    for (const namespace of new Set(rules.map((rule) => rule.namespace))) {
      const kind = namespace === undefined ? "ClusterRole" : "Role";
      const scope = namespace === undefined ? rbac : `${rbac}/namespaces/${namespace}`;
      await post(`${scope}/${kind.toLowerCase()}s`, {
        metadata: { name },
        rules: rules
          .filter((rule) => rule.namespace === namespace)
          .map(({ apiGroup, resource, verbs, resourceNames }) => ({
            apiGroups: [apiGroup],
            resources: [resource],
            verbs,
            ...(resourceNames && { resourceNames }),
          })),
      });
      await post(`${scope}/${kind.toLowerCase()}bindings`, {
        metadata: { name },
        subjects: [{ kind: "ServiceAccount", namespace: "default", name: account }],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
      });
    }
  }

  async function rightsOf(section: object): Promise<readonly AccessRule[]> {
    const result = k8sAttributesConfig.parse(section);
    if ("problems" in result) throw new Error(JSON.stringify(result.problems));
    return rightsNeededBy(result.config);
  }

  /** A processor of that configuration, with the rights that it needs unless it brings an account. */
  async function started(section: object, signal: Signal = "traces"): Promise<RunningProcessor> {
    const own = "kube_config_path" in section ? undefined : await accountWith(await rightsOf(section));
    const config = {
      auth_type: "kubeConfig",
      ...(own && { kube_config_path: own.kubeconfig }),
      wait_for_metadata: true,
      kube_api_qps: 100,
      kube_api_burst: 100,
      ...section,
    };
    const processor = new RunningProcessor({
      config,
      signal,
      gates: {},
      source: "api",
      objects: [],
      clock: systemClock,
    });
    await processor.start();
    return processor;
  }

  const everything = {
    ...BY_ADDRESS,
    extract: {
      metadata: `
        k8s.namespace.name k8s.pod.name k8s.node.name k8s.node.uid k8s.cluster.uid
        k8s.deployment.name k8s.deployment.uid k8s.replicaset.name k8s.replicaset.uid
        k8s.statefulset.name k8s.statefulset.uid k8s.daemonset.name k8s.daemonset.uid
        k8s.job.name k8s.job.uid k8s.cronjob.name k8s.cronjob.uid
        container.id container.image.name container.image.tags container.image.repo_digests
      `
        .trim()
        .split(/\s+/),
      labels: ["namespace", "node", "deployment", "statefulset", "daemonset", "job", "cronjob", "replicaset"].map(
        (from) => ({ from, key: "example.test/team", tag_name: `${from}.team` }),
      ),
      annotations: [{ from: "namespace", key: "note" }],
    },
  };

  /** What all pods of the test have in common under `everything`. */
  const common = (kind: string): object => ({
    "k8s.namespace.name": "shop",
    "k8s.namespace.annotation.note": "shop",
    "namespace.team": "checkout",
    "node.team": "checkout",
    "k8s.node.name": "node-1",
    "k8s.node.uid": nodeUid,
    "k8s.cluster.uid": clusterUid,
    "container.id": Number(addresses.get(kind)!.split(".")[3]).toString(16).padStart(64, "0"),
    "container.image.name": "example.test/app",
    "container.image.tags": ["1"],
    "container.image.repo_digests": [`example.test/app@sha256:${"1".repeat(64)}`],
  });

  /** Name and uid of a workload, and its label. */
  const named = (kind: string, name: string): object => ({
    [`k8s.${kind.toLowerCase()}.name`]: name,
    [`k8s.${kind.toLowerCase()}.uid`]: owners.get(kind)!.uid,
    [`${kind.toLowerCase()}.team`]: "checkout",
  });

  test.for(SIGNALS)("names pods of every workload (%s)", async (signal) => {
    await using processor = await started(everything, signal);
    const name = (kind: string): Promise<unknown> => processor.send({}, addresses.get(kind));
    expect(await name("Deployment")).toEqual({
      ...common("Deployment"),
      ...named("Deployment", "web"),
      ...named("ReplicaSet", "web-66f5996c7c"),
      "k8s.pod.name": "web-66f5996c7c-a",
    });
    expect(await name("StatefulSet")).toEqual({
      ...common("StatefulSet"),
      ...named("StatefulSet", "db"),
      "k8s.pod.name": "db-0",
    });
    expect(await name("DaemonSet")).toEqual({
      ...common("DaemonSet"),
      ...named("DaemonSet", "agent"),
      "k8s.pod.name": "agent-x",
    });
    expect(await name("CronJob")).toEqual({
      ...common("CronJob"),
      ...named("CronJob", "nightly"),
      ...named("Job", cronJobName),
      "k8s.pod.name": "nightly-x",
    });
    expect(processor.logged.filter((line) => line.includes("may not"))).toEqual([]);
  });

  test("asks for metadata alone, and reads it as it reads whole objects", async () => {
    const path = RESOURCES.ReplicaSet;
    const decoded = async (accept: string): Promise<readonly (MetadataObject | undefined)[]> => {
      const decoder = new MetadataDecoder("ReplicaSet", { label: () => true, annotation: () => true });
      const { headers, body } = await cluster.raw(`/apis/${path.group}/${path.version}/${path.name}`, { accept });
      const objects: (MetadataObject | undefined)[] = [];
      const parser = listParser(encodingOf(headers["content-type"]!)!, decoder, (object) => objects.push(object));
      parser.push(body);
      parser.end();
      return objects;
    };
    const [protobuf, json] = ACCEPT_METADATA_LIST.split(",");
    const whole = await decoded("application/vnd.kubernetes.protobuf");
    expect(whole.length).toBeGreaterThan(0);
    expect(await decoded(protobuf!)).toEqual(whole);
    expect(await decoded(json!)).toEqual(whole);
    const { body } = await cluster.raw("/apis/apps/v1/replicasets", { accept: ACCEPT_METADATA_LIST });
    expect(body.includes("PartialObjectMetadataList")).toBe(true);
  });

  test("completes what came before its owners", async () => {
    const rights = await rightsOf(everything);
    const [later, first] = [rights.filter(isOfReplicaSets), rights.filter((rule) => !isOfReplicaSets(rule))];
    const account = await accountWith(first);
    const section = { ...everything, kube_config_path: account.kubeconfig, wait_for_metadata_timeout: "1s" };
    await using processor = await started(section);
    const address = addresses.get("Deployment");
    const early = await processor.send({}, address);
    expect(early).toMatchObject({ "k8s.deployment.name": "web", "k8s.namespace.annotation.note": "shop" });
    expect(early).not.toHaveProperty(["k8s.deployment.uid"]);
    // Now ReplicaSets may be listed, which lead from the pod to its Deployment. A right is asked for again in half a minute.
    await account.grant(later);
    await expect
      .poll(() => processor.send({}, address), { timeout: 100_000 })
      .toMatchObject({ ...named("Deployment", "web"), ...named("ReplicaSet", "web-66f5996c7c") });
  });

  test("needs no more than a Role for one namespace", async () => {
    const section = {
      ...BY_ADDRESS,
      filter: { namespace: "shop", node: "node-1", fields: [{ key: "status.phase", value: "Running" }] },
      extract: { metadata: ["k8s.pod.name", "k8s.deployment.name", "k8s.deployment.uid"] },
    };
    expect((await rightsOf(section)).every(({ namespace }) => namespace === "shop")).toBe(true);
    await using processor = await started(section);
    expect(await processor.send({}, addresses.get("Deployment"))).toEqual({
      "k8s.pod.name": "web-66f5996c7c-a",
      "k8s.deployment.name": "web",
      "k8s.deployment.uid": expect.any(String) as string,
    });
    expect(processor.logged.filter((line) => line.includes("may not"))).toEqual([]);
  });

  test("needs a Role for pods and a ClusterRole for what is the cluster's", async () => {
    const section = {
      ...BY_ADDRESS,
      filter: { namespace: "shop", node: "node-1" },
      extract: {
        metadata: ["k8s.pod.name", "k8s.cluster.uid", "k8s.node.uid"],
        labels: [{ from: "node", key: "example.test/team" }],
      },
    };
    const rights = await rightsOf(section);
    // Of the nodes and namespaces of the cluster it may see one each.
    expect(rights.map(({ resource, namespace, resourceNames }) => [resource, namespace ?? resourceNames?.[0]])).toEqual(
      [
        ["pods", "shop"],
        ["nodes", "node-1"],
        ["namespaces", "kube-system"],
      ],
    );
    await using processor = await started(section);
    expect(await processor.send({}, addresses.get("DaemonSet"))).toEqual({
      "k8s.pod.name": "agent-x",
      "k8s.cluster.uid": clusterUid,
      "k8s.node.uid": nodeUid,
      "k8s.node.label.example.test/team": "checkout",
    });
  });

  test("finds a pod by the name of its deployment", async () => {
    await using processor = await started({
      filter: { namespace: "shop" },
      extract: { metadata: ["k8s.pod.name", "k8s.deployment.name"] },
      pod_association: [{ sources: [{ from: "resource_attribute", name: "k8s.deployment.name" }] }],
    });
    expect(await processor.send({ "k8s.deployment.name": "web" }, "10.9.9.9")).toEqual({
      "k8s.deployment.name": "web",
      "k8s.pod.name": "web-66f5996c7c-a",
    });
  });

  test("names deployments and cron jobs with rights for pods alone", async () => {
    const section = { ...BY_ADDRESS, extract: { metadata: ["k8s.deployment.name", "k8s.cronjob.name"] } };
    expect((await rightsOf(section)).map(({ resource }) => resource)).toEqual(["pods"]);
    await using processor = await started(section);
    expect(await processor.send({}, addresses.get("Deployment"))).toEqual({ "k8s.deployment.name": "web" });
    expect(await processor.send({}, addresses.get("CronJob"))).toEqual({ "k8s.cronjob.name": "nightly" });
  });

  test("gives old and new names side by side", async () => {
    await using processor = await started({
      ...BY_ADDRESS,
      semconv: "both",
      extract: { metadata: ["container.image.tags"], labels: [{ from: "namespace", key: "example.test/team" }] },
    });
    expect(await processor.send({}, addresses.get("DaemonSet"))).toEqual({
      "container.image.tags": ["1"],
      "container.image.tag": "1",
      "k8s.namespace.label.example.test/team": "checkout",
      "k8s.namespace.labels.example.test/team": "checkout",
    });
  });

  test("finds a pod by the id of its container alone", async () => {
    await using processor = await started(
      {
        extract: { metadata: ["k8s.pod.name"] },
        pod_association: [{ sources: [{ from: "resource_attribute", name: "container.id" }] }],
      },
      "profiles",
    );
    const id = Number(addresses.get("StatefulSet")!.split(".")[3]).toString(16).padStart(64, "0");
    expect(await processor.send({ "container.id": id })).toMatchObject({ "k8s.pod.name": "db-0" });
  });

  test("names pods without the right that is missing, and says which it is", async () => {
    const rights = await rightsOf(everything);
    for (const { resource } of rights) {
      if (resource === "pods") continue;
      const { kubeconfig } = await accountWith(rights.filter((rule) => rule.resource !== resource));
      const section = { ...everything, kube_config_path: kubeconfig, wait_for_metadata_timeout: "1s" };
      await using processor = await started(section);
      expect(await processor.send({}, addresses.get("StatefulSet"))).toMatchObject({ "k8s.pod.name": "db-0" });
      expect(processor.logged.join("\n")).toContain(`may not list ${resource}`);
    }
  });
});

function isOfReplicaSets({ resource }: AccessRule): boolean {
  return resource === "replicasets";
}
