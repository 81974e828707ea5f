/** `podflame gateway` and `podflame agent` on a cluster with a node, as their users start them. */
import { readFile } from "node:fs/promises";
import { freePorts } from "../free-ports.ts";
import { answerOf, pageOf, Podflame } from "../cli/podflame.ts";
import type { Cluster } from "./cluster.ts";

/** No way to an API server, whoever runs the tests. */
export const NO_CLUSTER = { KUBECONFIG: "/dev/null/none", KUBERNETES_SERVICE_HOST: "" };

/** A row of the tree. */
export interface Row {
  readonly level: string;
  readonly depth: number;
  readonly name: string;
  readonly query: string;
}

/** Something that happened, as a timeline tells it. */
export interface Mark {
  readonly time: number;
  readonly kind: string;
  readonly name: string;
}

/** A gateway on ports of its own; its owner stops it. */
export class ClusterGateway {
  readonly process: Podflame;
  readonly otlpPort: number;
  readonly page: string;
  /** Where agents are told the pods of their nodes; empty if they aren't. */
  readonly identity: string;

  private constructor(process: Podflame, otlpPort: number, page: string) {
    this.process = process;
    this.otlpPort = otlpPort;
    this.page = page;
    this.identity =
      /"endpoint":"([^"]+)","msg":"agents are told the pods of their nodes"/.exec(process.stderr)?.[1] ?? "";
  }

  /**
   * @param data folder of the store
   * @param kubeconfig of the API server; undefined for none
   * @param configs laid upon the preset
   */
  static async start(data: string, kubeconfig: string | undefined, ...configs: object[]): Promise<ClusterGateway> {
    const [grpc = 0, http = 0] = await freePorts(2);
    const ports = {
      extensions: {
        ui: { endpoint: "127.0.0.1:0" },
        health_check: { endpoint: "127.0.0.1:0" },
        ...(kubeconfig === undefined ? {} : { k8s_identity: { serve: { grpc: { endpoint: "127.0.0.1:0" } } } }),
      },
      receivers: {
        otlp: {
          protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` }, http: { endpoint: `127.0.0.1:${http}` } },
        },
      },
      service: { telemetry: { metrics: { level: "none" } } },
    };
    const given = [ports, ...configs].flatMap((config) => ["--config", `yaml:${JSON.stringify(config)}`]);
    const env = kubeconfig === undefined ? NO_CLUSTER : { KUBECONFIG: kubeconfig, KUBERNETES_SERVICE_HOST: "" };
    const process = new Podflame(["gateway", "--data", data, ...given], { env, isShared: true });
    const page = await pageOf(process);
    await process.shows("stderr", /everything is ready/);
    return new ClusterGateway(process, grpc, page);
  }

  /** What it tells of the last two hours. */
  ask(path: string): Promise<unknown> {
    return answerOf(this.page, `${path}${path.includes("?") ? "&" : "?"}from=now-2h&to=now`);
  }

  async rows(): Promise<readonly Row[]> {
    return ((await this.ask("tree")) as { rows?: readonly Row[] }).rows ?? [];
  }

  /** Names of the rows from below the root down to each one of that level, joined by ` > `. */
  async paths(level: string): Promise<readonly string[]> {
    const above: string[] = [];
    const paths: string[] = [];
    for (const row of await this.rows()) {
      above.splice(row.depth, Infinity, row.name);
      if (row.level === level) paths.push(above.slice(1).join(" > "));
    }
    return paths;
  }

  async marks(query: string): Promise<readonly Mark[]> {
    const path = `timeline?query=${encodeURIComponent(query)}&step=10s`;
    return ((await this.ask(path)) as { marks?: readonly Mark[] }).marks ?? [];
  }

  /** As its user ends it. */
  async stop(): Promise<number | null> {
    this.process.kill("SIGTERM");
    return (await this.process.ended).code;
  }
}

/**
 * An agent that sends to that endpoint twice a second; its owner stops it. Without a kubeconfig it asks no API server.
 * @param configs laid upon the preset: files, or what would stand in one
 */
export async function startAgent(
  endpoint: string,
  env: Readonly<Record<string, string>>,
  ...configs: readonly (string | object)[]
): Promise<Podflame> {
  const often = {
    receivers: { profiling: { samples_per_second: 99, reporter_interval: "500ms" } },
    service: { telemetry: { metrics: { level: "none" } } },
  };
  const sources = [often, ...configs].map((config) =>
    typeof config === "string" ? config : `yaml:${JSON.stringify(config)}`,
  );
  const given = sources.flatMap((source) => ["--config", source]);
  const surroundings = { ...NO_CLUSTER, OTEL_EXPORTER_OTLP_ENDPOINT: `http://${endpoint}`, ...env };
  const process = new Podflame(["agent", ...given], { env: surroundings, isShared: true });
  await process.shows("stderr", /everything is ready/);
  return process;
}

/** The administrator's kubeconfig, with the server at another port of this machine. */
export async function kubeconfigAt(cluster: Cluster, port: number): Promise<string> {
  return (await readFile(cluster.kubeconfig, "utf8")).replace(cluster.api, `https://127.0.0.1:${port}`);
}
