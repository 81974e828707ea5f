/**
 * The part of the Container Runtime Interface that tests need, over containerd's socket. Field numbers are those of
 * cri-api `runtime/v1/api.proto` (v0.35).
 */
import { Client, credentials } from "@grpc/grpc-js";
import { Reader, Writer, WireType } from "#wire";

/** Namespace mode NODE of `NamespaceOption`: the host's own, so that no network plugin is asked. */
const NODE_NAMESPACE = 2;
const DEADLINE_MS = 20_000;

/** A pod as the kubelet describes it to the runtime. */
export interface SandboxConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Below the root of each hierarchy. */
  readonly cgroupParent: string;
  readonly logFolder: string;
}

export interface ContainerConfig {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Read-only bind mounts: where in the container → path of this machine. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** File below the sandbox's `logFolder`. */
  readonly logPath: string;
  /** Added to the runtime's default set, e.g. `SYS_PTRACE`. */
  readonly capabilities?: readonly string[];
}

/** States of `ContainerState` that tests ask about. */
export const ContainerState = { CREATED: 0, RUNNING: 1, EXITED: 2 } as const;

export class CriClient {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure());
  }

  close(): void {
    this.#client.close();
  }

  /** Resolves when the runtime answers; rejects when it doesn't yet. */
  async version(): Promise<string> {
    return textField(await this.#call("RuntimeService/Version", () => {}), 2);
  }

  async hasImage(image: string): Promise<boolean> {
    const answer = await this.#call("ImageService/ImageStatus", (writer) => {
      writer.open(1);
      writer.string(1, image);
      writer.close();
    });
    return field(answer, 1) !== undefined;
  }

  /** Starts the sandbox of a pod; resolves with its id. */
  async runSandbox(config: SandboxConfig): Promise<string> {
    const answer = await this.#call("RuntimeService/RunPodSandbox", (writer) => {
      writer.open(1);
      writeSandbox(writer, config);
      writer.close();
    });
    return textField(answer, 1);
  }

  /** Makes a container, without starting it; resolves with its id. */
  async createContainer(sandboxId: string, sandbox: SandboxConfig, config: ContainerConfig): Promise<string> {
    const answer = await this.#call("RuntimeService/CreateContainer", (writer) => {
      writer.string(1, sandboxId);
      writer.open(2);
      writeContainer(writer, config);
      writer.close();
      writer.open(3);
      writeSandbox(writer, sandbox);
      writer.close();
    });
    return textField(answer, 1);
  }

  async startContainer(id: string): Promise<void> {
    await this.#call("RuntimeService/StartContainer", (writer) => writer.string(1, id));
  }

  /** One of `ContainerState`. */
  async containerState(id: string): Promise<number> {
    const answer = await this.#call("RuntimeService/ContainerStatus", (writer) => writer.string(1, id));
    const status = field(answer, 1);
    const reader = new Reader();
    if (status === undefined) throw new Error(`container ${id}: no status`);
    reader.reset(status, 0, status.length);
    while (reader.next()) if (reader.field === 3) return reader.low;
    return ContainerState.CREATED;
  }

  /** Runs a command in a container until it ends; resolves with its standard output. */
  async exec(id: string, command: readonly string[]): Promise<string> {
    const answer = await this.#call("RuntimeService/ExecSync", (writer) => {
      writer.string(1, id);
      for (const word of command) writer.string(2, word);
    });
    return textField(answer, 1);
  }

  async removeContainer(id: string): Promise<void> {
    await this.#call("RuntimeService/RemoveContainer", (writer) => writer.string(1, id));
  }

  /** Ends a pod and forgets it. */
  async removeSandbox(id: string): Promise<void> {
    await this.#call("RuntimeService/StopPodSandbox", (writer) => writer.string(1, id));
    await this.#call("RuntimeService/RemovePodSandbox", (writer) => writer.string(1, id));
  }

  async #call(method: string, write: (writer: Writer) => void): Promise<Uint8Array> {
    const writer = new Writer();
    write(writer);
    const asIs = (bytes: Buffer): Buffer => bytes;
    const request = Buffer.from(writer.finish());
    return new Promise((answered, failed) => {
      const deadline = Date.now() + DEADLINE_MS;
      this.#client.makeUnaryRequest(`/runtime.v1.${method}`, asIs, asIs, request, { deadline }, (error, reply) => {
        if (error === null && reply !== undefined) answered(reply);
        else failed(new Error(`${method}: ${error?.details ?? "no reply"}`, { cause: error }));
      });
    });
  }
}

function writeSandbox(writer: Writer, config: SandboxConfig): void {
  writer.open(1);
  writer.string(1, config.name);
  writer.string(2, config.uid);
  writer.string(3, config.namespace);
  writer.close();
  writer.string(3, config.logFolder);
  writer.open(8);
  writer.string(1, config.cgroupParent);
  writer.open(2);
  writeHostNetwork(writer, 1);
  writer.close();
  writer.close();
}

function writeContainer(writer: Writer, config: ContainerConfig): void {
  writer.open(1);
  writer.string(1, config.name);
  writer.close();
  writer.open(2);
  writer.string(1, config.image);
  writer.close();
  for (const word of config.command) writer.string(3, word);
  for (const [name, value] of Object.entries(config.env ?? {})) {
    writer.open(6);
    writer.string(1, name);
    writer.string(2, value);
    writer.close();
  }
  for (const [inside, here] of Object.entries(config.mounts ?? {})) {
    writer.open(7);
    writer.string(1, inside);
    writer.string(2, here);
    writer.varint(3, 1);
    writer.close();
  }
  writer.string(11, config.logPath);
  writer.open(15);
  writer.open(2);
  if (config.capabilities !== undefined) {
    writer.open(1);
    for (const name of config.capabilities) writer.string(1, name);
    writer.close();
  }
  writeHostNetwork(writer, 3);
  writer.close();
  writer.close();
}

/** Mode POD is 0 for process ids, so a container whose pod has no pid namespace of its own gets CONTAINER (1). */
function writeHostNetwork(writer: Writer, at: number): void {
  writer.open(at);
  writer.varint(1, NODE_NAMESPACE);
  writer.varint(2, 1);
  writer.close();
}

function field(message: Uint8Array, number: number): Uint8Array | undefined {
  const reader = new Reader();
  reader.reset(message, 0, message.length);
  while (reader.next()) {
    if (reader.field === number && reader.wireType === WireType.LEN) return message.subarray(reader.start, reader.end);
  }
  return undefined;
}

function textField(message: Uint8Array, number: number): string {
  return Buffer.from(field(message, number) ?? []).toString();
}
