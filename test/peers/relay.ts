import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peerProgram, REPOSITORY } from "./locations.ts";
import { freePorts } from "../free-ports.ts";
import { Program } from "./program.ts";
import type { RecordingSink } from "./recording-sink.ts";
import { sendGrpc, sendHttp } from "./sender.ts";
import { SIGNALS, type Signal, type Transport } from "./signals.ts";

/** Who passes telemetry on. */
export type RelayName = "podflame" | "otelcol";

/** Where a relay sends to. */
export interface Target {
  readonly grpcEndpoint: string;
  readonly httpEndpoint: string;
}

export interface RelaySettings {
  readonly name: RelayName;
  readonly target: Target | RecordingSink;
  /** How it sends. */
  readonly exporter: "grpc" | "http";
  /** Configuration of `k8s_attributes` in YAML or JSON; without it nothing is added. */
  readonly k8sAttributes?: string;
  readonly kubeconfig?: string;
  /** Which names the Collector gives to attributes: those of its releases since 0.161, before, or both. */
  readonly naming?: "stable" | "both" | "legacy";
}

const STABLE_NAMES = "processor.k8sattributes.EmitV1K8sConventions";
const NO_LEGACY_NAMES = "processor.k8sattributes.DontEmitV0K8sConventions";
/** Gates of the Collector 0.159 by the names that attributes get. */
const NAMING_GATES = {
  stable: [STABLE_NAMES, NO_LEGACY_NAMES],
  both: [STABLE_NAMES],
  legacy: [],
} as const;

/** The command that runs either with a configuration file. The Collector takes profiles, as podflame always does. */
export function relayCommand(
  name: RelayName,
  configFile: string,
  naming: keyof typeof NAMING_GATES = "stable",
): readonly [command: string, args: readonly string[]] {
  const gates = ["service.profilesSupport", ...NAMING_GATES[naming]];
  return name === "podflame"
    ? [join(REPOSITORY, "bin/podflame"), ["run", "--config", configFile]]
    : [peerProgram("otelcol"), ["--config", configFile, `--feature-gates=${gates.join(",")}`]];
}

/** podflame or the Collector between OTLP and OTLP, all signals, run from the same configuration. */
export class Relay {
  readonly name: RelayName;
  readonly #program: Program;
  readonly #folder: string;
  readonly #grpcPort: number;
  readonly #httpPort: number;

  private constructor(name: RelayName, program: Program, folder: string, grpcPort: number, httpPort: number) {
    this.name = name;
    this.#program = program;
    this.#folder = folder;
    this.#grpcPort = grpcPort;
    this.#httpPort = httpPort;
  }

  /** Resolves when its ports are open: with `wait_for_metadata`, after the first sync. */
  static async start(settings: RelaySettings): Promise<Relay> {
    const [grpcPort = 0, httpPort = 0] = await freePorts(2);
    const folder = mkdtempSync(join(tmpdir(), "podflame-relay-"));
    const config = join(folder, "config.yaml");
    writeFileSync(config, relayConfig(settings, grpcPort, httpPort));
    const [command, args] = relayCommand(settings.name, config, settings.naming);
    const program = new Program(settings.name, command, args, { env: { KUBECONFIG: settings.kubeconfig } });
    await program.listening(grpcPort);
    await program.listening(httpPort);
    return new Relay(settings.name, program, folder, grpcPort, httpPort);
  }

  get grpcEndpoint(): string {
    return `127.0.0.1:${this.#grpcPort}`;
  }

  get httpEndpoint(): string {
    return `http://127.0.0.1:${this.#httpPort}`;
  }

  /** Sends it a request; `json` is needed for the transport of that name only. */
  async send(transport: Transport, signal: Signal, protobuf: Uint8Array, json?: string): Promise<void> {
    switch (transport) {
      case "grpc":
        return sendGrpc(this.#grpcPort, signal, protobuf);
      case "http/protobuf":
        return sendHttp(this.#httpPort, signal, protobuf);
      case "http/json":
        if (json === undefined) throw new Error("no JSON to send");
        return sendHttp(this.#httpPort, signal, json);
    }
  }

  /** What it wrote to its log so far. */
  get log(): string {
    return this.#program.stderr;
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function relayConfig(settings: RelaySettings, grpcPort: number, httpPort: number): string {
  const { target, k8sAttributes } = settings;
  const exporter =
    settings.exporter === "grpc"
      ? `otlp_grpc: {endpoint: "${target.grpcEndpoint}", tls: {insecure: true}, sending_queue: {enabled: false}}`
      : `otlp_http: {endpoint: "${target.httpEndpoint}", sending_queue: {enabled: false}}`;
  const pipelines = SIGNALS.map(
    (signal) => `
    ${signal}:
      receivers: [otlp]
      processors: [${k8sAttributes === undefined ? "" : "k8s_attributes"}]
      exporters: [${settings.exporter === "grpc" ? "otlp_grpc" : "otlp_http"}]`,
  );
  return `receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpcPort}"}, http: {endpoint: "127.0.0.1:${httpPort}"}}}
${k8sAttributes === undefined ? "" : `processors: {k8s_attributes: ${k8sAttributes}}`}
exporters:
  ${exporter}
service:
  telemetry: {metrics: {level: none}}
  pipelines:${pipelines.join("")}
`;
}
