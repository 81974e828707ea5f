/** A real API server with etcd, made by the scripts of `peers/kubernetes` (README there). For tests and recordings. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import https from "node:https";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 << 20;

const ROOT = resolve(import.meta.dirname, "../..");
const SCRIPTS = join(process.env["PODFLAME_PEERS_SCRIPTS"] ?? resolve(ROOT, "../shared/peers"), "kubernetes");
const PROGRAMS = join(process.env["PODFLAME_PEERS"] ?? join(homedir(), ".cache/podflame-peers"), "bin");

/** Why no cluster can be had here; undefined when it can. `withNode` asks for one whose pods run. */
export function whyNoCluster({ withNode = false }: { readonly withNode?: boolean } = {}): string | undefined {
  const programs = ["kube-apiserver", "etcd"];
  if (withNode) programs.push("kube-controller-manager", "kube-scheduler", "kubelet");
  const needed = [join(SCRIPTS, "up.sh"), ...programs.map((name) => join(PROGRAMS, name))];
  const missing = needed.filter((path) => !existsSync(path));
  const maker = `peers/kubernetes/build.sh${withNode ? " --node" : ""}`;
  return missing.length === 0 ? undefined : `${missing.join(", ")} missing; ${maker} makes it`;
}

/** What the server answered to a request of the administrator's. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How to send a raw request; as the administrator unless `token` is given. */
export interface RawRequest {
  readonly method?: string;
  readonly accept?: string;
  readonly body?: unknown;
  /** Service account to be, instead of the administrator. */
  readonly token?: string;
}

/** A running cluster. `await using` ends it. */
export class Cluster implements AsyncDisposable {
  readonly state: string;
  readonly kubeconfig: string;
  readonly api: string;
  readonly #ca: Buffer;
  readonly #agent: https.Agent;

  private constructor(facts: Readonly<Record<string, string>>) {
    this.state = facts["STATE"]!;
    this.kubeconfig = facts["KUBECONFIG"]!;
    this.api = facts["API"]!;
    this.#ca = readFileSync(facts["CA"]!);
    const [cert, key] = [readFileSync(facts["CERT"]!), readFileSync(facts["KEY"]!)];
    this.#agent = new https.Agent({ keepAlive: true, ca: this.#ca, cert, key });
  }

  /**
   * Starts one; takes about 5 s. `flags` are further flags of kube-apiserver. `state` is the folder for its files, which
   * may hold a folder `etcd` to begin with; a new one by default.
   */
  static async start(flags: readonly string[] = [], state?: string): Promise<Cluster> {
    const folder = state === undefined ? {} : { PODFLAME_PEERS_STATE: state };
    const env = { ...process.env, APISERVER_FLAGS: flags.join(" "), ...folder };
    return Cluster.#fromEnv(await up([], env));
  }

  /**
   * Starts one with a node: a kubelet on containerd that runs pods (up.sh --node). Needs root; takes about 10 s. One at
   * a time.
   */
  static async startWithNode(): Promise<Cluster> {
    return Cluster.#fromEnv(await up(["--node"], process.env));
  }

  /** Gives the node an image whose file system is that folder; pods name it with `imagePullPolicy: Never`. */
  async loadImage(name: string, folder: string): Promise<void> {
    await run(join(SCRIPTS, "load-image.sh"), [this.state, name, folder]);
  }

  /** One that somebody else started with `up.sh` in that folder, and will end. Don't dispose of it. */
  static attach(state: string): Cluster {
    return Cluster.#fromEnv(readFileSync(join(state, "env"), "utf8"));
  }

  static #fromEnv(text: string): Cluster {
    const lines = text.trim().split("\n");
    return new Cluster(
      Object.fromEntries(lines.map((line): [string, string] => [line.split("=", 1)[0]!, line.replace(/^.*?=/, "")])),
    );
  }

  /** Runs kubectl as the administrator; resolves with what it printed. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    return (await run("kubectl", args, { env, maxBuffer: MAX_OUTPUT_BYTES })).stdout;
  }

  /** Runs `pods.mjs load` or `churn`; resolves with the lines of its table, split at tabs. */
  async pods(mode: "load" | "churn", ...args: readonly string[]): Promise<readonly (readonly string[])[]> {
    const out = join(this.state, `${mode}.tsv`);
    await run(process.execPath, [join(SCRIPTS, "pods.mjs"), mode, "--state", this.state, "--out", out, ...args]);
    return readFileSync(out, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("\t"));
  }

  /** Deletes all pods of a namespace in one request, without grace. */
  async deletePods(namespace: string): Promise<void> {
    await this.json(`/api/v1/namespaces/${namespace}/pods?gracePeriodSeconds=0`, { method: "DELETE" });
  }

  /** Ends kube-apiserver, waits and starts it again on its port. */
  async restart(downSeconds = 0): Promise<void> {
    await run(join(SCRIPTS, "restart.sh"), [this.state, "kube-apiserver", String(downSeconds)]);
  }

  /** A service account in the namespace `default`, and a token for it. */
  async serviceAccount(name: string): Promise<string> {
    await this.kubectl("create", "serviceaccount", name);
    return (await this.kubectl("create", "token", name)).trim();
  }

  /** A kubeconfig for a bearer token; JSON is YAML too. */
  kubeconfigFor(token: string): string {
    return JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [
        { name: "c", cluster: { server: this.api, "certificate-authority-data": this.#ca.toString("base64") } },
      ],
      users: [{ name: "u", user: { token } }],
    });
  }

  /** Sends a request and resolves with the whole answer, whatever its status. */
  raw(path: string, { method = "GET", accept = "application/json", body, token }: RawRequest = {}): Promise<RawAnswer> {
    const headers = {
      accept,
      // Without this the server answers in its own taste: indented for tools it knows.
      "user-agent": "podflame-tests",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const identity = token === undefined ? { agent: this.#agent } : { agent: false as const, ca: this.#ca };
    return new Promise((done, failed) => {
      const call = https.request(new URL(path, this.api), { method, headers, ...identity }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", failed);
        response.on("end", () => {
          const answered = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          done({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(answered) as Record<string, string>,
            body: Buffer.concat(chunks),
          });
        });
      });
      call.on("error", failed);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Like `raw`, and parses the body; rejects for any other status than 2xx. */
  async json<T>(path: string, request: RawRequest = {}): Promise<T> {
    const { status, body } = await this.raw(path, request);
    if (status >= 300) throw new Error(`${request.method ?? "GET"} ${path}: ${status} ${body.toString()}`);
    return JSON.parse(body.toString()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await run(join(SCRIPTS, "down.sh"), [this.state]);
  }
}

/**
 * Resolves with the facts of the cluster that the script brought up. Its ports were free when it chose them; where
 * somebody took one before the program that it was for, the script says so and once more finds others.
 */
async function up(args: readonly string[], env: NodeJS.ProcessEnv, attempts = 3): Promise<string> {
  try {
    return (await run(join(SCRIPTS, "up.sh"), args, { env })).stdout;
  } catch (caught) {
    // What is in a folder of the caller's is the caller's.
    if (env["PODFLAME_PEERS_STATE"] !== undefined) throw caught;
    const said = caught instanceof Error ? caught.message : String(caught);
    const state = /down\.sh (\S+)/.exec(said)?.[1];
    if (state !== undefined) await run(join(SCRIPTS, "down.sh"), [state]);
    if (attempts <= 1 || !said.includes("address already in use")) throw caught;
    return up(args, env, attempts - 1);
  }
}
