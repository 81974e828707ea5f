/**
 * The cgroup trees of this machine, v1 and v2 alike: where they're mounted, what a group used, and how a whole branch is
 * ended. Tests keep all their groups below one branch of their own, so a test that fails leaves one thing to take away.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../peers/program.ts";

/** A mounted hierarchy. */
export interface Hierarchy {
  readonly mount: string;
  readonly version: 1 | 2;
  /** Controllers of a v1 hierarchy (`cpuacct`, `memory`, `name=systemd`); empty for v2. */
  readonly controllers: readonly string[];
}

/** All mounted hierarchies, from /proc/self/mountinfo (proc(5)). */
export function hierarchies(): readonly Hierarchy[] {
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .flatMap((line): Hierarchy[] => {
      const [left = "", right = ""] = line.split(" - ");
      const mount = left.split(" ")[4];
      const [type, , options = ""] = right.split(" ");
      if (mount === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
      const known = readFileSync("/proc/cgroups", "latin1");
      const controllers = options
        .split(",")
        .filter((option) => option.startsWith("name=") || known.includes(`\n${option}\t`));
      return [{ mount, version: type === "cgroup2" ? 2 : 1, controllers: type === "cgroup2" ? [] : controllers }];
    });
}

/** CPU time in nanoseconds that a group has used since it was made: `cpuacct.usage` (v1) or `usage_usec` of `cpu.stat`. */
export function cpuUsageNs(cgroup: string): number {
  for (const { mount, controllers } of hierarchies()) {
    if (controllers.includes("cpuacct")) return Number(readFileSync(join(mount, cgroup, "cpuacct.usage"), "latin1"));
  }
  const unified = hierarchies().find(({ version }) => version === 2);
  if (unified === undefined) throw new Error("no cgroup hierarchy counts CPU time here");
  const stat = readFileSync(join(unified.mount, cgroup, "cpu.stat"), "latin1");
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) * 1000;
}

/** Inode number of a group's folder, which is its id in the kernel; undefined where the group isn't. */
export function cgroupInode(hierarchy: Hierarchy, cgroup: string): bigint | undefined {
  const folder = join(hierarchy.mount, cgroup);
  return existsSync(folder) ? statSync(folder, { bigint: true }).ino : undefined;
}

/** Processes of one group, as the host numbers them. */
export function processesOf(cgroup: string): ReadonlySet<number> {
  const files = hierarchies().map(({ mount }) => join(mount, cgroup, "cgroup.procs"));
  return new Set(files.flatMap(readLines).map(Number));
}

/** Processes of a branch, in whatever hierarchy. */
function processesBelow(branch: string): ReadonlySet<number> {
  const pids = new Set<number>();
  for (const { mount } of hierarchies()) {
    for (const folder of foldersBelow(join(mount, branch))) {
      for (const pid of readLines(join(folder, "cgroup.procs"))) pids.add(Number(pid));
    }
  }
  return pids;
}

/** Ends every process of a branch and removes its groups from all hierarchies. Nothing happens where there's none. */
export async function removeBranch(branch: string): Promise<void> {
  await until(`the end of all processes in ${branch}`, () => {
    const alive = [...processesBelow(branch)];
    for (const pid of alive) kill(pid);
    return alive.length === 0;
  });
  for (const { mount } of hierarchies()) {
    const top = join(mount, branch);
    // A group whose last process is on its way out is busy a moment longer.
    await until(`removal of ${top}`, () => {
      for (const folder of foldersBelow(top).toReversed()) removeGroup(folder);
      return !existsSync(top);
    });
  }
}

/** Ends a process; one that has ended meanwhile is fine. */
export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function removeGroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EBUSY" && code !== "ENOENT" && code !== "ENOTEMPTY") throw error;
  }
}

/** A folder and all below it, parents first; empty where there's none. */
function foldersBelow(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const children = entries.filter((entry) => entry.isDirectory());
  return [folder, ...children.flatMap(({ name }) => foldersBelow(join(folder, name)))];
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "latin1").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
