/**
 * A containerd of a test's own: its own socket and folders, its pods in a cgroup branch of its own, gone with everything
 * it started when it is disposed of. A containerd of the system isn't touched, nor is a kubelet's `/kubepods`.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Program, until } from "../../peers/program.ts";
import { kill, removeBranch } from "./cgroups.ts";
import { CriClient } from "./cri-client.ts";
import { writeImage, type ImageFiles } from "./image.ts";
import { Pod, type PodOptions } from "./pods.ts";

const run = promisify(execFile);

/** A folder names the process that made it, so that a later run can take away what a killed one left. */
const FOLDER = /^podflame-containerd-(\d+)-/;
const PAUSE_IMAGE = "localhost/pause:1";

export class Containerd implements AsyncDisposable {
  /** For all files; also a place for a test's own. */
  readonly folder: string;
  /** The cgroup branch of everything it runs, below the root of each hierarchy. */
  readonly branch: string;
  /** For `ctr --address`. */
  readonly socket: string;
  readonly #program: Program;
  readonly #cri: CriClient;

  private constructor(folder: string) {
    this.folder = folder;
    this.branch = branchOf(folder);
    this.socket = socketOf(folder);
    const configFile = join(folder, "containerd.toml");
    writeFileSync(configFile, configuration(folder));
    this.#program = new Program("containerd", "containerd", ["--config", configFile]);
    this.#cri = new CriClient(this.socket);
  }

  /** Starts one; takes about a second. */
  static async start(): Promise<Containerd> {
    await takeAwayLeftovers();
    const containerd = new Containerd(mkdtempSync(join(tmpdir(), `podflame-containerd-${process.pid}-`)));
    try {
      await containerd.#answering();
      await containerd.importImage(PAUSE_IMAGE, {});
      return containerd;
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives it an image of BusyBox and these files (path in the image → path here), named e.g. `localhost/burn:1`. */
  async importImage(name: string, files: ImageFiles): Promise<void> {
    const tar = await writeImage(join(this.folder, "images"), name, files);
    await run("ctr", ["--address", this.socket, "--namespace", "k8s.io", "images", "import", tar]);
    // The CRI plugin learns of it by an event.
    while (!(await this.#cri.hasImage(name))) await delay(5);
  }

  /** Starts a pod, without containers. */
  runPod(options: PodOptions = {}): Promise<Pod> {
    return Pod.run(this.#cri, this.branch, join(this.folder, "logs"), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cri.close();
    kill(this.#program.pid);
    await until("the end of containerd", () => this.#program.ended);
    await takeAway(this.folder);
  }

  async #answering(): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        await this.#cri.version();
        return;
      } catch (error) {
        if (this.#program.ended || performance.now() > deadline) {
          throw new Error(`containerd does not answer:\n${this.#program.stderr.slice(-2000)}`, { cause: error });
        }
        await delay(20);
      }
    }
  }
}

function socketOf(folder: string): string {
  return join(folder, "containerd.sock");
}

function branchOf(folder: string): string {
  return `/${basename(folder)}`;
}

/** Only what differs from containerd's defaults. */
function configuration(folder: string): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${socketOf(folder)}"
[ttrpc]
  address = "${socketOf(folder)}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE no process gets a lower score than its parent.
  restrict_oom_score_adj = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "${folder}/cni"
`;
}

async function takeAwayLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = FOLDER.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await takeAway(join(tmpdir(), name));
  }
}

/**
 * Ends and removes all that a containerd of this folder started: containers with their cgroups, shims, mounts, files.
 * Asks nobody, so it works after any failure.
 */
async function takeAway(folder: string): Promise<void> {
  await removeBranch(branchOf(folder));
  await until(`the end of all programs of ${folder}`, () => {
    const programs = programsOf(folder);
    for (const pid of programs) kill(pid);
    return programs.length === 0;
  });
  for (const mount of mountsBelow(folder).toReversed()) await run("umount", ["--lazy", mount]);
  rmSync(folder, { recursive: true, force: true });
}

/** containerd and its shims: programs that name the folder in their arguments. */
function programsOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && argumentsOf(pid).some((word) => word.startsWith(`${folder}/`)));
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function mountsBelow(folder: string): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")[1] ?? "").filter((mount) => mount.startsWith(`${folder}/`));
}
