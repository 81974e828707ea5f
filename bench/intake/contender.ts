import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Program } from "../../test/peers/program.ts";
import { relayCommand, type RelayName } from "../../test/peers/relay.ts";

/** Who is measured. */
export type ContenderName = RelayName;

/** What the server is to do with a request. */
export interface Pipeline {
  /** Adds the pods' attributes; without it requests are passed on as they are. */
  readonly enrich: boolean;
  readonly compression: "none" | "gzip";
}

export interface Ports {
  readonly intake: number;
  readonly sink: number;
}

/** A server under test, started and synchronized. */
export interface RunningContender {
  readonly pid: number;
  /** Wall time from the start of the process until its port was open. */
  readonly readyMs: number;
  /** CPU time until then, user and system, with that of ended children (the launcher of podflame asks for versions). */
  readonly readyCpuSeconds: number;
  stop(): Promise<void>;
}

export interface ContenderSettings {
  readonly ports: Ports;
  readonly kubeconfig: string;
  readonly serverCpu: number;
  readonly workFolder: string;
}

/** The attributes that `k8s_attributes` is asked for: what the Collector adds by default, and the service. */
const METADATA = [
  "k8s.namespace.name",
  "k8s.pod.name",
  "k8s.pod.uid",
  "k8s.deployment.name",
  "k8s.node.name",
  "k8s.container.name",
  "container.image.name",
  "container.image.tags",
  "service.name",
  "service.namespace",
  "service.instance.id",
];

/**
 * The configuration that both run, the same bytes. No queue and no retries: a request is answered when the sink has
 * answered, so a closed loop counts the whole cost and an error is seen. The port opens after the first sync.
 */
export function contenderConfig(pipeline: Pipeline, ports: Ports): string {
  return `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:${ports.intake}
processors:
  k8s_attributes:
    auth_type: kubeConfig
    wait_for_metadata: true
    wait_for_metadata_timeout: 120s
    extract:
      metadata: [${METADATA.join(", ")}]
    pod_association:
      - sources:
          - from: resource_attribute
            name: container.id
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:${ports.sink}
    compression: ${pipeline.compression}
    sending_queue:
      enabled: false
    retry_on_failure:
      enabled: false
    tls:
      insecure: true
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    profiles:
      receivers: [otlp]
      processors: [${pipeline.enrich ? "k8s_attributes" : ""}]
      exporters: [otlp_grpc]
`;
}

/** Starts a server on its CPU and waits until its port is open. */
export async function startContender(
  name: ContenderName,
  pipeline: Pipeline,
  settings: ContenderSettings,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningContender> {
  const configFile = join(settings.workFolder, "contender.yaml");
  writeFileSync(configFile, contenderConfig(pipeline, settings.ports));
  const [command, args] = relayCommand(name, configFile);
  const program = new Program(name, command, args, {
    cpu: settings.serverCpu,
    env: { KUBECONFIG: settings.kubeconfig, ...env },
  });
  await program.listening(settings.ports.intake, 130_000);
  const readyMs = performance.now() - program.startedAt;
  return {
    pid: program.pid,
    readyMs,
    readyCpuSeconds: cpuSeconds(program.pid),
    stop: async () => void (await program.stop()),
  };
}

/** CPU time of a process and of its ended children, from /proc/PID/stat (proc(5): fields 14 to 17, ticks of 1/100 s). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
  return ticks / 100;
}

/** Resident memory of a process (VmRSS of /proc/PID/status) after a time without any request. */
export async function idleRssMiB(pid: number, settleSeconds: number): Promise<number> {
  await delay(settleSeconds * 1000);
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Number(kib) / 1024;
}
