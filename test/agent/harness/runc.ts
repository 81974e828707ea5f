/**
 * Containers by runc alone, in whatever cgroup path a test asks for: paths of runtimes and drivers that aren't installed
 * here (systemd slices, CRI-O, podman, docker, kind) are made by real processes in real groups.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { until } from "../../peers/program.ts";
import { removeBranch } from "./cgroups.ts";
import { layRootFileSystem, type ImageFiles } from "./image.ts";

/** A runc of a test's own; disposing of it ends its containers and removes their groups. */
export class Runc implements AsyncDisposable {
  /** The cgroup branch of everything it runs, below the root of each hierarchy. */
  readonly branch: string;
  readonly #folder: string;
  #containers = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.branch = `/${basename(folder)}`;
  }

  /** `files` are those of the root file system that all its containers share, beside BusyBox. */
  static async open(files: ImageFiles = {}): Promise<Runc> {
    const runc = new Runc(mkdtempSync(join(tmpdir(), `podflame-runc-${process.pid}-`)));
    await layRootFileSystem(join(runc.#folder, "root"), files);
    return runc;
  }

  /** Starts a container whose cgroup is `path` below the branch; resolves with the host's id of its first process. */
  async start(path: string, command: readonly string[]): Promise<number> {
    const name = `c${this.#containers++}`;
    const bundle = join(this.#folder, name);
    mkdirSync(bundle);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(bundleConfig(`${this.branch}/${path}`, command)));
    const pidFile = join(bundle, "pid");
    const log = openSync(join(bundle, "log"), "w");
    const args = [
      "--root",
      join(this.#folder, "state"),
      "run",
      "--detach",
      "--pid-file",
      pidFile,
      "--bundle",
      bundle,
      name,
    ];
    const child = spawn("runc", args, { stdio: ["ignore", log, log] });
    const [code] = (await once(child, "exit")) as [number | null];
    closeSync(log);
    if (code !== 0) throw new Error(`runc run: ${readFileSync(join(bundle, "log"), "utf8")}`);
    const pid = readFileSync(pidFile, "latin1");
    // runc answers while its own process is about to become the container's.
    await until("the start of the command", () => !readFileSync(`/proc/${pid}/comm`, "latin1").startsWith("runc:"));
    return Number(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeBranch(this.branch);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** config.json of the OCI runtime specification, with namespaces of its own for processes and mounts. */
function bundleConfig(cgroupsPath: string, command: readonly string[]): object {
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: command,
      env: ["PATH=/bin"],
      cwd: "/",
    },
    root: { path: "../root", readonly: true },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: { cgroupsPath, namespaces: [{ type: "pid" }, { type: "mount" }] },
  };
}
