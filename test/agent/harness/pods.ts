/** Pods and containers as a kubelet makes them over the CRI socket (driver cgroupfs), on the host's network. */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cpuUsageNs, processesOf } from "./cgroups.ts";
import { ContainerState, type ContainerConfig, type CriClient, type SandboxConfig } from "./cri-client.ts";

/** Quality of service of a pod; the cgroup path of a `guaranteed` one doesn't name it. */
export type Qos = "guaranteed" | "burstable" | "besteffort";

export interface PodOptions {
  readonly name?: string;
  readonly namespace?: string;
  /** `burstable` by default. */
  readonly qos?: Qos;
}

/** What a container runs; the pod's name and a number are its name by default. */
export type ContainerOptions = Omit<ContainerConfig, "name" | "logPath"> & { readonly name?: string };

/** A pod: a running sandbox and its containers. */
export class Pod {
  readonly uid: string;
  readonly sandboxId: string;
  readonly #cri: CriClient;
  readonly #config: SandboxConfig;
  #containers = 0;

  private constructor(cri: CriClient, config: SandboxConfig, sandboxId: string) {
    this.#cri = cri;
    this.#config = config;
    this.uid = config.uid;
    this.sandboxId = sandboxId;
  }

  /** Starts the sandbox; its cgroup is `branch`/kubepods/`qos`/pod`uid`. */
  static async run(cri: CriClient, branch: string, logs: string, options: PodOptions): Promise<Pod> {
    const { name = "pod", namespace = "default", qos = "burstable" } = options;
    const uid = randomUUID();
    const logFolder = join(logs, uid);
    mkdirSync(logFolder, { recursive: true });
    const cgroupParent = [branch, "kubepods", ...(qos === "guaranteed" ? [] : [qos]), `pod${uid}`].join("/");
    const config: SandboxConfig = { name, namespace, uid, cgroupParent, logFolder };
    return new Pod(cri, config, await cri.runSandbox(config));
  }

  /** Makes a container without starting it, so that its id is known before its first process runs. */
  async create(options: ContainerOptions): Promise<Container> {
    const number = this.#containers++;
    const logPath = `${number}.log`;
    const named = { name: `${this.#config.name}-${number}`, ...options, logPath };
    const id = await this.#cri.createContainer(this.sandboxId, this.#config, named);
    return new Container(this.#cri, id, this.uid, this.#config.cgroupParent, join(this.#config.logFolder, logPath));
  }

  /** Makes a container and starts it. */
  async start(options: ContainerOptions): Promise<Container> {
    const container = await this.create(options);
    await container.start();
    return container;
  }

  /** Ends all its containers and forgets them. */
  remove(): Promise<void> {
    return this.#cri.removeSandbox(this.sandboxId);
  }
}

/** A container of a pod. */
export class Container {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly podUid: string;
  /** Below the root of each hierarchy. */
  readonly cgroup: string;
  readonly #cri: CriClient;
  readonly #logFile: string;

  constructor(cri: CriClient, id: string, podUid: string, cgroupParent: string, logFile: string) {
    this.#cri = cri;
    this.id = id;
    this.podUid = podUid;
    this.cgroup = `${cgroupParent}/${id}`;
    this.#logFile = logFile;
  }

  start(): Promise<void> {
    return this.#cri.startContainer(this.id);
  }

  /** Waits for the end of its first process; resolves with what it wrote to standard output and error. */
  async ended(): Promise<string> {
    while ((await this.#cri.containerState(this.id)) !== ContainerState.EXITED) await delay(10);
    return this.output();
  }

  /** What it has written so far. The log's lines are `time stream F text` (P where a long line goes on). */
  output(): string {
    if (!existsSync(this.#logFile)) return "";
    return readFileSync(this.#logFile, "utf8").replaceAll(/^\S+ std(?:out|err) (?:F (.*\n)|P (.*)\n)/gm, "$1$2");
  }

  /** Waits until its output matches; resolves with the match. The test's own time limit ends the waiting. */
  async prints(wanted: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = wanted.exec(this.output());
      if (match !== null) return match;
      if ((await this.#cri.containerState(this.id)) === ContainerState.EXITED && !wanted.test(this.output())) {
        throw new Error(`container ${this.id} ended without ${wanted}:\n${this.output().slice(-2000)}`);
      }
      await delay(10);
    }
  }

  /** Runs a command inside until it ends; resolves with its standard output. */
  exec(...command: readonly string[]): Promise<string> {
    return this.#cri.exec(this.id, command);
  }

  /** Its processes, as the host numbers them. */
  processes(): ReadonlySet<number> {
    return processesOf(this.cgroup);
  }

  /** CPU time in nanoseconds since it was made, as the kernel accounts its cgroup. */
  cpuUsageNs(): number {
    return cpuUsageNs(this.cgroup);
  }

  remove(): Promise<void> {
    return this.#cri.removeContainer(this.id);
  }
}
