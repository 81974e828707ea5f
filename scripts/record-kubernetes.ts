/**
 * Records answers of a real API server into testdata/kubernetes/ (README there):
 *
 *     node scripts/record-kubernetes.ts
 *
 * Needs the programs of peers/kubernetes. Takes half a minute; names stay the same, uids and versions don't.
 */
import { globSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster, type RawAnswer } from "../test/cluster/cluster.ts";

const TARGET = join(import.meta.dirname, "../testdata/kubernetes");
const PROTOBUF = "application/vnd.kubernetes.protobuf";
/** Headers that clients act on; the others tell of the machine and the moment. */
const KEPT_HEADERS = ["content-type", "retry-after"];
const ENCODINGS = [
  { name: "protobuf", list: PROTOBUF, watch: `${PROTOBUF};stream=watch` },
  { name: "json", list: "application/json", watch: "application/json" },
] as const;

interface Listed {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

function keep(name: string, path: string, answer: RawAnswer): void {
  const headers = Object.fromEntries(Object.entries(answer.headers).filter(([key]) => KEPT_HEADERS.includes(key)));
  writeFileSync(join(TARGET, `${name}.body`), answer.body);
  writeFileSync(join(TARGET, `${name}.json`), `${JSON.stringify({ path, status: answer.status, headers }, null, 2)}\n`);
  console.log(`${name}: ${answer.status}, ${answer.body.length} bytes`);
}

/** Pods with what `pods.mjs` doesn't make: init and ephemeral containers, a restart, host network, two addresses. */
async function makeOddPods(cluster: Cluster): Promise<void> {
  const collection = "/api/v1/namespaces/default/pods";
  const path = `${collection}/odd`;
  const status = (name: string, id: string, more: object = {}): object => ({
    name,
    image: `example.test/${name}:1`,
    imageID: `example.test/${name}@sha256:${"5".repeat(64)}`,
    containerID: `containerd://${id.repeat(64)}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: "2026-11-22T10:00:00Z" } },
    ...more,
  });
  await cluster.json(collection, {
    method: "POST",
    body: {
      metadata: { name: "odd", labels: { app: "odd" }, annotations: { note: "Grüße, 世界" } },
      spec: {
        nodeName: "node-000",
        hostNetwork: true,
        hostname: "odd-host",
        initContainers: [{ name: "setup", image: "example.test/setup:1" }],
        containers: [{ name: "main", image: "example.test/main:1" }],
      },
    },
  });
  const pod = await cluster.json<{ spec: object }>(path);
  await cluster.json(`${path}/ephemeralcontainers`, {
    method: "PUT",
    body: { ...pod, spec: { ...pod.spec, ephemeralContainers: [{ name: "debug", image: "example.test/debug:1" }] } },
  });
  const terminated = { containerID: `containerd://${"d".repeat(64)}`, exitCode: 137, reason: "OOMKilled" };
  await cluster.json(`${path}/status`, {
    method: "PUT",
    body: {
      ...(await cluster.json<object>(path)),
      status: {
        phase: "Running",
        startTime: "2026-11-22T09:59:58Z",
        podIP: "192.0.2.7",
        podIPs: [{ ip: "192.0.2.7" }, { ip: "2001:db8::7" }],
        initContainerStatuses: [status("setup", "a", { state: { terminated: { exitCode: 0 } } })],
        containerStatuses: [status("main", "b", { restartCount: 3, lastState: { terminated } })],
        ephemeralContainerStatuses: [status("debug", "c")],
      },
    },
  });
}

async function recordLists(cluster: Cluster): Promise<void> {
  for (const { name, list } of ENCODINGS) {
    let token: string | undefined = "";
    for (let page = 1; token !== undefined; page++) {
      const path: string = `/api/v1/pods?limit=9${token && `&continue=${encodeURIComponent(token)}`}`;
      keep(`list-${name}-${page}`, path, await cluster.raw(path, { accept: list }));
      token = (await cluster.json<Listed>(path)).metadata.continue;
    }
  }
}

/** A pod comes, runs and goes while both encodings are watched; the server sends a bookmark before it ends a watch. */
async function recordWatch(cluster: Cluster): Promise<void> {
  const { resourceVersion } = (await cluster.json<Listed>("/api/v1/pods?limit=1")).metadata;
  const path = `/api/v1/pods?allowWatchBookmarks=true&resourceVersion=${resourceVersion}&timeoutSeconds=12&watch=1`;
  const watches = ENCODINGS.map(({ watch }) => cluster.raw(path, { accept: watch }));
  await sleep(500);
  await cluster.pods("churn", "--per-second", "2", "--seconds", "1", "--life-ms", "300");
  for (const [index, answer] of (await Promise.all(watches)).entries()) {
    keep(`watch-${ENCODINGS[index]!.name}`, path, answer);
  }
}

/** Lets the version of a list be compacted away, then asks for what comes after it. */
async function recordExpired(cluster: Cluster): Promise<void> {
  const first = (await cluster.json<Listed>("/api/v1/pods?limit=9")).metadata;
  await cluster.pods("churn", "--per-second", "4", "--seconds", "1", "--life-ms", "100");
  await sleep(12_000);
  for (const { name, list, watch } of ENCODINGS) {
    const next = `/api/v1/pods?limit=9&continue=${encodeURIComponent(first.continue ?? "")}`;
    keep(`expired-list-${name}`, next, await cluster.raw(next, { accept: list }));
    const path = `/api/v1/pods?resourceVersion=${first.resourceVersion}&timeoutSeconds=5&watch=1`;
    keep(`expired-watch-${name}`, path, await cluster.raw(path, { accept: watch }));
  }
}

async function recordRefusals(cluster: Cluster): Promise<void> {
  const token = await cluster.serviceAccount("collector");
  const path = "/api/v1/pods?limit=9";
  const accept = `${PROTOBUF},application/json`;
  keep("forbidden", path, await cluster.raw(path, { accept, token }));
  keep("unauthorized", path, await cluster.raw(path, { accept, token: "not-a-token" }));
  await cluster.kubectl("create", "clusterrole", "pods", "--verb=get,list,watch", "--resource=pods");
  await cluster.kubectl(
    "create",
    "clusterrolebinding",
    "c",
    "--clusterrole=pods",
    "--serviceaccount=default:collector",
  );
  const many = await Promise.all(Array.from({ length: 400 }, () => cluster.raw("/api/v1/pods", { accept, token })));
  const refused = many.find(({ status }) => status === 429);
  if (!refused) throw new Error("the server refused none of 400 requests with 429");
  keep("too-many", path, refused);
}

for (const file of globSync("*.{body,json}", { cwd: TARGET })) rmSync(join(TARGET, file));
{
  await using cluster = await Cluster.start();
  await cluster.pods("load", "--pods", "24", "--nodes", "3", "--namespaces", "3", "--per-deployment", "4");
  await makeOddPods(cluster);
  await recordLists(cluster);
  await recordWatch(cluster);
  const file = await cluster.kubectl("get", "pods", "--all-namespaces", "--output", "json");
  writeFileSync(join(TARGET, "kubectl-pods.json"), file);
}
{
  const small = ["--max-requests-inflight=2", "--max-mutating-requests-inflight=1"];
  await using cluster = await Cluster.start(["--etcd-compaction-interval=5s", "--watch-cache=false", ...small]);
  await cluster.pods("load", "--pods", "24", "--nodes", "3", "--namespaces", "3", "--per-deployment", "4");
  await recordExpired(cluster);
  await recordRefusals(cluster);
}
