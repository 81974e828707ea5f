import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "../../test/cluster/cluster.ts";
import { preparedPods, startCluster } from "../../test/peers/prepared-cluster.ts";
import { freePorts } from "../../test/free-ports.ts";
import { progress } from "../command.ts";
import type { ContenderName, ContenderSettings } from "./contender.ts";
import { makeRequests, type RequestShape } from "./loadgen.ts";

/** Requests of an eBPF profiler on a busy node: 48 processes in 1.2 MB. */
export const BIG: RequestShape = { name: "big", requests: 48, resources: 48, bytes: 1_200_000, connections: 2 };
/** Requests of many small senders: one process in 16 KB. */
export const SMALL: RequestShape = { name: "small", requests: 1024, resources: 1, bytes: 16_384, connections: 4 };

export interface SessionOptions {
  readonly contenders: readonly ContenderName[];
  readonly runs: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly settleSeconds: number;
  readonly serverCpu: number;
  readonly clientCpu: number;
  /** State folder of an API server that runs already, with its `containers.tsv` or `pods.tsv`. */
  readonly clusterState?: string;
}

/** One run of the program: the API server with 10,000 pods, the request files, who is measured and how often. */
export class Session {
  readonly options: SessionOptions;
  readonly settings: ContenderSettings;
  /** Pod name by container id. */
  readonly podOfContainer: ReadonlyMap<string, string>;
  readonly #cluster: Cluster;
  readonly #containers: string;
  readonly #files = new Map<string, Promise<string>>();

  private constructor(options: SessionOptions, settings: ContenderSettings, cluster: Cluster, containers: string) {
    this.options = options;
    this.settings = settings;
    this.#cluster = cluster;
    this.#containers = containers;
    const lines = readFileSync(containers, "utf8").trim().split("\n");
    this.podOfContainer = new Map(lines.map((line) => line.split("\t")).map(([id, , pod]) => [id!, pod!]));
  }

  static async open(options: SessionOptions): Promise<Session> {
    // Everything but the servers under test stays on the client's CPU; children inherit it.
    execFileSync("taskset", ["-cp", String(options.clientCpu), String(process.pid)], { stdio: "ignore" });
    let cluster: Cluster;
    let containers: string;
    if (options.clusterState === undefined) {
      const prepared = await preparedPods(10_000, progress);
      progress("starting the API server with 10,000 pods");
      cluster = await startCluster(prepared.etcd);
      containers = prepared.containers;
    } else {
      cluster = Cluster.attach(options.clusterState);
      containers = join(options.clusterState, "containers.tsv");
    }
    // The first list fills the server's watch cache.
    await cluster.raw("/api/v1/pods?limit=500");
    const [intake = 0, sink = 0] = await freePorts(2);
    const workFolder = mkdtempSync(join(tmpdir(), "podflame-bench-"));
    process.once("exit", () => rmSync(workFolder, { recursive: true, force: true }));
    const { serverCpu } = options;
    const settings = { ports: { intake, sink }, kubeconfig: cluster.kubeconfig, serverCpu, workFolder };
    return new Session(options, settings, cluster, containers);
  }

  /** The file of requests of that shape; made on first use. */
  requestsFile(shape: RequestShape): Promise<string> {
    let file = this.#files.get(shape.name);
    if (file === undefined) {
      const path = join(this.settings.workFolder, `${shape.name}.bin`);
      file = makeRequests(shape, this.#containers, path).then(() => path);
      this.#files.set(shape.name, file);
    }
    return file;
  }

  /** Calls `measure` for each contender in turn, as often as there are runs, and collects what it returns. */
  async alternate<T>(what: string, measure: (name: ContenderName, run: number) => Promise<T>): Promise<Results<T>> {
    const results: Results<T> = { podflame: [], otelcol: [] };
    for (let run = 1; run <= this.options.runs; run++) {
      for (const name of this.options.contenders) {
        progress(`${what}, run ${run} of ${this.options.runs}, ${name}`);
        results[name].push(await measure(name, run));
      }
    }
    return results;
  }

  async close(): Promise<void> {
    if (this.options.clusterState === undefined) await this.#cluster[Symbol.asyncDispose]();
  }
}

export type Results<T> = Record<ContenderName, T[]>;
