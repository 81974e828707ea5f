/** podflame as its users start it: receiver `profiling`, exporter `otlp_grpc`, one process. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../peers/locations.ts";
import { Program, until } from "../../peers/program.ts";
import { kill } from "./cgroups.ts";
import { ProfilesSink } from "./profiles-sink.ts";
import { countOf } from "./samples.ts";

export interface AgentOptions {
  /** How it is started: `run` with this configuration alone (the default), or `agent`, which lays it upon its preset. */
  readonly command?: "run" | "agent";
  /** Keys of the receiver, as in YAML. */
  readonly receiver?: Readonly<Record<string, unknown>>;
  /** Processors in their order, as in YAML. */
  readonly processors?: Readonly<Record<string, unknown>>;
  /** Of the exporter; `gzip` by default, as in the Collector. */
  readonly compression?: "gzip" | "none";
  readonly env?: Readonly<Record<string, string>>;
}

/** What the kernel holds for a process that samples, from /proc/PID/fdinfo. */
export interface KernelHoldings {
  readonly programIds: readonly number[];
  readonly mapIds: readonly number[];
  readonly events: number;
  /** Bytes of maps and programs (`memlock`). */
  readonly memoryBytes: number;
  /** Time that the programs ran; counts while BPF statistics are on. */
  readonly runTimeNs: number;
  readonly runs: number;
}

/** A running agent; disposing of it ends it. */
export class AgentProcess implements AsyncDisposable {
  readonly sink: ProfilesSink;
  readonly #program: Program;
  readonly #folder: string;

  private constructor(sink: ProfilesSink, program: Program, folder: string) {
    this.sink = sink;
    this.#program = program;
    this.#folder = folder;
  }

  static async start(options: AgentOptions = {}): Promise<AgentProcess> {
    const sink = await ProfilesSink.start();
    const folder = mkdtempSync(join(tmpdir(), "podflame-agent-"));
    const configFile = join(folder, "agent.json");
    // YAML holds JSON.
    writeFileSync(configFile, JSON.stringify(agentConfig(sink.endpoint, options)));
    const args = [options.command ?? "run", "--config", configFile];
    const program = new Program("podflame", join(REPOSITORY, "bin/podflame"), args, {
      ...(options.env !== undefined && { env: options.env }),
    });
    return new AgentProcess(sink, program, folder);
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** What it logged. */
  get log(): string {
    return this.#program.stderr;
  }

  get ended(): boolean {
    return this.#program.ended;
  }

  /** Milliseconds from its start until the first request with a sample; waits for it. */
  async firstSampleMs(): Promise<number> {
    const first = (): number | undefined => this.sink.requests.find((request) => countOf(request.samples()) > 0)?.atMs;
    await until("the agent's first samples", () => {
      if (this.ended) throw new Error(`podflame ended:\n${this.log.slice(-2000)}`);
      return first() !== undefined;
    });
    return first()! - this.#program.startedAt;
  }

  /** What the kernel holds for it now. */
  holdings(): KernelHoldings {
    return kernelHoldings(this.pid);
  }

  signal(name: NodeJS.Signals): void {
    kill(this.pid, name);
  }

  /** Asks it to end; what it sampled until then is delivered. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.ended) {
      // It may have been stopped by a test.
      this.signal("SIGCONT");
      await this.stop();
    }
    await this.sink.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function agentConfig(endpoint: string, options: AgentOptions): object {
  const { receiver = {}, processors = {}, compression = "gzip" } = options;
  return {
    receivers: { profiling: receiver },
    processors,
    exporters: { otlp_grpc: { endpoint, compression, tls: { insecure: true } } },
    service: {
      telemetry: { metrics: { level: "none" } },
      pipelines: {
        profiles: { receivers: ["profiling"], processors: Object.keys(processors), exporters: ["otlp_grpc"] },
      },
    },
  };
}

/** Sums up the file descriptors of a process. */
export function kernelHoldings(pid: number): KernelHoldings {
  const holdings = {
    programIds: [] as number[],
    mapIds: [] as number[],
    events: 0,
    memoryBytes: 0,
    runTimeNs: 0,
    runs: 0,
  };
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const target = readTarget(`/proc/${pid}/fd/${fd}`);
    if (target === "anon_inode:[perf_event]") holdings.events++;
    if (target !== "anon_inode:bpf-prog" && target !== "anon_inode:bpf-map") continue;
    const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1");
    const number = (key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+)$`, "m").exec(info)?.[1] ?? 0);
    if (target === "anon_inode:bpf-map") holdings.mapIds.push(number("map_id"));
    else holdings.programIds.push(number("prog_id"));
    holdings.memoryBytes += number("memlock");
    holdings.runTimeNs += number("run_time_ns");
    holdings.runs += number("run_cnt");
  }
  return holdings;
}

function readTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
