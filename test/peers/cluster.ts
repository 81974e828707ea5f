import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PEERS, PEERS_SCRIPTS } from "./locations.ts";
import { Program } from "./program.ts";

const SCRIPTS = join(PEERS_SCRIPTS, "kubernetes");

/** What an API answers: any JSON object. */
export type ApiObject = Readonly<Record<string, unknown>>;

export interface ClusterOptions {
  /** An etcd data folder to begin with; it is copied. */
  readonly etcd?: string;
  /** API server and etcd run on this CPU only. */
  readonly cpu?: number;
}

/** A real API server and its etcd, without nodes: objects are what clients write. */
export class Cluster {
  readonly state: string;
  readonly kubeconfig: string;
  readonly #url: string;
  readonly #agent: Agent;
  readonly #owned: boolean;
  readonly #cleanUp = (): void => {
    execFileSync(join(SCRIPTS, "down.sh"), [this.state], { stdio: "ignore" });
  };

  private constructor(state: string, owned: boolean) {
    const env = Object.fromEntries(
      readFileSync(join(state, "env"), "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s, 2) as [string, string]),
    );
    const { KUBECONFIG = "", API = "", CA = "", CERT = "", KEY = "" } = env;
    this.state = state;
    this.kubeconfig = KUBECONFIG;
    this.#url = API;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 8,
      ca: readFileSync(CA),
      cert: readFileSync(CERT),
      key: readFileSync(KEY),
    });
    this.#owned = owned;
    if (owned) process.once("exit", this.#cleanUp);
  }

  /** Starts one; about five seconds. Ended by `stop`, or with this process. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const state = mkdtempSync(join(tmpdir(), "podflame-cluster-"));
    if (options.etcd !== undefined) await cp(options.etcd, join(state, "etcd"), { recursive: true });
    const up = new Program("up.sh", join(SCRIPTS, "up.sh"), [], {
      env: { PODFLAME_PEERS_STATE: state, PODFLAME_PEERS: PEERS },
      ...(options.cpu !== undefined && { cpu: options.cpu }),
    });
    await up.done();
    return new Cluster(state, true);
  }

  /** One that somebody else started with `up.sh` and ends. */
  static attach(state: string): Cluster {
    return new Cluster(state, false);
  }

  /** Sends a request to the API as an administrator. Rejects with the server's answer on any status but 2xx. */
  call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: ApiObject): Promise<ApiObject> {
    const contentType = method === "PATCH" ? "application/strategic-merge-patch+json" : "application/json";
    return new Promise((settle, fail) => {
      const call = request(
        new URL(path, this.#url),
        { method, agent: this.#agent, headers: { "content-type": contentType, accept: "application/json" } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", fail);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString();
            if ((response.statusCode ?? 500) < 300) settle(JSON.parse(text) as ApiObject);
            else fail(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          });
        },
      );
      call.on("error", fail);
      call.end(body && JSON.stringify(body));
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    if (!this.#owned) return;
    process.off("exit", this.#cleanUp);
    await new Program("down.sh", join(SCRIPTS, "down.sh"), [this.state]).done();
  }
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
  const cluster = await Cluster.start();
  try {
    const draft = join(cluster.state, "prepared");
    await mkdir(draft);
    const size = ["--pods", String(pods), "--nodes", String(NODES)];
    const files = ["--state", cluster.state, "--out", join(draft, "containers.tsv")];
    await new Program("pods.mjs", process.execPath, [script, "load", ...size, ...files]).done();
    await endProcess(cluster.state, "kube-apiserver");
    await endProcess(cluster.state, "etcd");
    await cp(join(cluster.state, "etcd"), join(draft, "etcd"), { recursive: true });
    const beside = `${folder}.${process.pid}`;
    await cp(draft, beside, { recursive: true });
    await rename(beside, folder);
  } finally {
    await cluster.stop();
    await rm(`${folder}.${process.pid}`, { recursive: true, force: true });
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
