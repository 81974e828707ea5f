import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Cluster } from "../cluster/cluster.ts";
import { PEERS, PEERS_SCRIPTS } from "./locations.ts";

const SCRIPTS = join(PEERS_SCRIPTS, "kubernetes");

/**
 * A real API server that begins with a copy of an etcd data folder, or empty. It ends with this process where nobody
 * disposes of it.
 */
export async function startCluster(etcd?: string): Promise<Cluster> {
  const state = mkdtempSync(join(tmpdir(), "podflame-cluster-"));
  if (etcd !== undefined) await cp(etcd, join(state, "etcd"), { recursive: true });
  process.once("exit", () => {
    if (existsSync(join(state, "run"))) execFileSync(join(SCRIPTS, "down.sh"), [state], { stdio: "ignore" });
  });
  return Cluster.start([], state);
}

/** A data folder of etcd with pods in it, and the list of their containers. */
export interface PreparedPods {
  readonly etcd: string;
  /** Lines of `container-id namespace pod uid node`, parted by tabs. */
  readonly containers: string;
}

const NODES = 50;

/**
 * The etcd data of an API server that `pods.mjs load` has filled with that many pods on 50 nodes. Kept under the peers'
 * folder, since loading 10,000 takes a minute and a half; another version of `pods.mjs` makes another.
 */
export async function preparedPods(pods: number, progress: (line: string) => void): Promise<PreparedPods> {
  const script = join(SCRIPTS, "pods.mjs");
  const version = createHash("sha256").update(readFileSync(script)).digest("hex").slice(0, 8);
  const folder = join(PEERS, "clusters", `pods-${pods}-${version}`);
  const prepared = { etcd: join(folder, "etcd"), containers: join(folder, "containers.tsv") };
  if (existsSync(folder)) return prepared;

  progress(`loading ${pods} pods into an API server; kept in ${folder}`);
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  try {
    await using cluster = await startCluster();
    await cluster.pods("load", "--pods", String(pods), "--nodes", String(NODES));
    await cp(join(cluster.state, "load.tsv"), join(draft, "containers.tsv"));
    await endProcess(cluster.state, "kube-apiserver");
    await endProcess(cluster.state, "etcd");
    await cp(join(cluster.state, "etcd"), join(draft, "etcd"), { recursive: true });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return prepared;
}

/** Ends a process of the cluster with SIGTERM and waits, so that what it wrote is whole. */
async function endProcess(state: string, name: string): Promise<void> {
  const pid = Number(readFileSync(join(state, "run", `${name}.pid`), "utf8").split(" ")[0]);
  process.kill(pid, "SIGTERM");
  for (const deadline = Date.now() + 30_000; isRunning(pid); await delay(50)) {
    if (Date.now() > deadline) throw new Error(`${name} (pid ${pid}) did not end within 30 s`);
  }
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
