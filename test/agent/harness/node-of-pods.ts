/** What most tests of the agent stand on: a containerd with an image of the workloads, set up once for a file. */
import { Containerd } from "./containerd.ts";
import type { Container, ContainerOptions, PodOptions } from "./pods.ts";
import { NODE_IN_CONTAINER, NODE_MOUNTS, Workloads, type WorkloadName } from "./workloads.ts";

const IMAGE = "localhost/workloads:1";

/** A containerd and compiled workloads; disposing of it ends and removes all. */
export class NodeOfPods implements AsyncDisposable {
  readonly containerd: Containerd;
  readonly workloads: Workloads;

  private constructor(containerd: Containerd, workloads: Workloads) {
    this.containerd = containerd;
    this.workloads = workloads;
  }

  /** Compiles these workloads and puts them into /bin of one image. */
  static async start(...names: readonly WorkloadName[]): Promise<NodeOfPods> {
    const workloads = new Workloads();
    try {
      const built = await Promise.all(
        names.map(async (name) => [`/bin/${name}`, await workloads.build(name)] as const),
      );
      const node = new NodeOfPods(await Containerd.start(), workloads);
      await node.containerd.importImage(IMAGE, Object.fromEntries(built));
      return node;
    } catch (error) {
      workloads[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs a command in a container of a pod of its own. */
  async run(command: readonly string[], options: Partial<ContainerOptions> & PodOptions = {}): Promise<Container> {
    const pod = await this.containerd.runPod(options);
    return pod.start({ image: IMAGE, command, ...options });
  }

  /** Makes a container in a pod of its own, not started yet. */
  async create(command: readonly string[], options: Partial<ContainerOptions> & PodOptions = {}): Promise<Container> {
    const pod = await this.containerd.runPod(options);
    return pod.create({ image: IMAGE, command, ...options });
  }

  /** Runs the JavaScript workload on Node in a container of a pod of its own; `flags` are Node's. */
  runScript(args: readonly string[], flags: readonly string[] = []): Promise<Container> {
    return this.run(scriptCommand(args, flags), { mounts: this.#scriptMounts() });
  }

  /** The same by a shell, which waits when it's done: the container stays, and with it its group. */
  runScriptAndStay(args: readonly string[]): Promise<Container> {
    return this.runAndStay(scriptCommand(args, []), { mounts: this.#scriptMounts() });
  }

  /** Runs a command by a shell that waits when it's done: the container stays, and with it its group. */
  runAndStay(command: readonly string[], options: Partial<ContainerOptions> & PodOptions = {}): Promise<Container> {
    return this.run(["/bin/sh", "-c", `${command.join(" ")}; exec sleep 1000000`], options);
  }

  #scriptMounts(): Readonly<Record<string, string>> {
    return { ...NODE_MOUNTS, "/opt/burn.mjs": this.workloads.script() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.workloads[Symbol.dispose]();
    await this.containerd[Symbol.asyncDispose]();
  }
}

function scriptCommand(args: readonly string[], flags: readonly string[]): readonly string[] {
  return [NODE_IN_CONTAINER, ...flags, "/opt/burn.mjs", ...args];
}
