import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { errorFrom } from "#collector";
import { ExitCode, Fault } from "../exit.ts";

/** How a command ended: one of both. As `--json` prints it. */
export interface CommandEnd {
  readonly exit_code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A command that runs in a control group of its own, so that it and whatever it starts are told from everything else,
 * also when they are gone.
 */
export class RecordedCommand {
  /** Of the group, from the root of the cgroup file system. */
  readonly cgroupPath: string;
  readonly #folder: string;
  readonly #words: readonly string[];
  #child: ChildProcess | undefined;

  /**
   * Makes the group; nothing runs yet.
   * @throws Fault where there is no such program, or groups can't be made
   */
  constructor(words: readonly string[]) {
    this.#words = words;
    checkProgram(words[0]!);
    const mount = cgroupMount();
    const name = `podflame-record-${process.pid}`;
    // Below the group of this process, so that a command in a container stays the container's.
    const parents = [...new Set([ownCgroup(mount), "/"])];
    const problems: string[] = [];
    for (const parent of parents) {
      const path = join(parent, name);
      try {
        mkdirSync(join(mount.folder, path));
        this.cgroupPath = path;
        this.#folder = join(mount.folder, path);
        return;
      } catch (caught) {
        problems.push(errorFrom(caught).message);
      }
    }
    throw new Fault(
      ExitCode.MISSING,
      `no control group can be made for the command: ${problems.join("; ")}; start it yourself and use --pid`,
    );
  }

  /**
   * Starts the command. Resolves when it has ended.
   * @param stdout where its output goes: `stderr` where ours is taken for the recording
   */
  async start(stdout: "stdout" | "stderr"): Promise<void> {
    // The shell joins the group and becomes the command: it never runs outside of it.
    const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
    const child = spawn("sh", ["-c", script, this.#folder, ...this.#words], {
      stdio: ["inherit", stdout === "stdout" ? "inherit" : 2, "inherit"],
    });
    this.#child = child;
    await once(child, "exit");
  }

  /** How the command ended. One that still runs is asked to, and is `undefined` if it doesn't within the time. */
  async end(withinMs: number): Promise<CommandEnd | undefined> {
    const child = this.#child;
    if (child === undefined) return undefined;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit", { signal: AbortSignal.timeout(withinMs) }).catch(() => undefined);
    }
    const { exitCode, signalCode } = child;
    return exitCode === null && signalCode === null ? undefined : { exit_code: exitCode, signal: signalCode };
  }

  /** Removes the group. It stays where something that the command left behind still runs in it: it's theirs then. */
  removeGroup(): void {
    try {
      rmdirSync(this.#folder);
    } catch (caught) {
      if ((caught as NodeJS.ErrnoException).code !== "EBUSY") throw caught;
    }
  }
}

/** The shell would say so as well, but only once everything is set up, and with its own exit code. */
function checkProgram(name: string): void {
  const isProgram = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  };
  const folders = name.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter);
  if (folders.some((folder) => isProgram(folder === "" ? name : join(folder, name)))) return;
  throw new Fault(ExitCode.USER, `${name}: there is no such program${name.includes("/") ? "" : " in PATH"}`);
}

interface CgroupMount {
  readonly folder: string;
  /** As in /proc/PID/cgroup: empty for version 2. */
  readonly controller: "" | "memory";
}

/** Version 2, else the memory controller's hierarchy: the two that samples tell. */
function cgroupMount(): CgroupMount {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const v2 = mounts.find(([, , type]) => type === "cgroup2");
  if (v2 !== undefined) return { folder: v2[1]!, controller: "" };
  const v1 = mounts.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes("memory") === true);
  if (v1 !== undefined) return { folder: v1[1]!, controller: "memory" };
  throw new Fault(
    ExitCode.MISSING,
    "no cgroup file system is mounted here to tell the command from everything else; start it yourself and use --pid",
  );
}

/** The group of this process in that hierarchy, as far as it can be seen from here. */
function ownCgroup({ controller }: CgroupMount): string {
  for (const line of readFileSync("/proc/self/cgroup", "utf8").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path !== undefined && controllers!.split(",").includes(controller)) return path.startsWith("/..") ? "/" : path;
  }
  return "/";
}
