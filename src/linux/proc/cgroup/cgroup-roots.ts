import { statSync } from "node:fs";
import { parseMount } from "../mount.ts";
import { forEachLine } from "../proc-file.ts";

/** Version 2, and of version 1 the hierarchy of the memory controller, which every runtime uses. */
export type Hierarchy = 1 | 2;

/** Where the whole of a hierarchy can be seen. */
export interface CgroupRoot {
  readonly hierarchy: Hierarchy;
  /** A directory as this process can open it. */
  readonly directory: string;
}

/** A cgroup file system that is mounted somewhere, perhaps showing a part of its hierarchy only. */
export interface CgroupMount {
  readonly hierarchy: Hierarchy;
  readonly mountPoint: string;
}

/** Inode of a hierarchy's root directory. A container's view begins further down and has another. */
const ROOT_INODE = 1;
/** Nodes with hundreds of containers have thousands of mounts. */
const MAX_MOUNTINFO_BYTES = 16 * 1024 * 1024;

/** Whose mounts are looked at: our own, init's, and those of the kernel's first thread, for init may be protected. */
const CANDIDATES = [
  { process: "self", root: "" },
  { process: "1", root: "/proc/1/root" },
  { process: "2", root: "/proc/2/root" },
];

/**
 * Finds the hierarchies' roots: among this process's own mounts, and if those show only its own part, as in a
 * container, among those of the host (which takes its pid namespace and CAP_SYS_PTRACE).
 */
export function findCgroupRoots(): CgroupRoot[] {
  const roots: CgroupRoot[] = [];
  for (const { process, root } of CANDIDATES) {
    forEachLine(`/proc/${process}/mountinfo`, MAX_MOUNTINFO_BYTES, (bytes, start, end) => {
      const mount = parseCgroupMount(bytes.toString("utf8", start, end));
      if (mount === undefined || roots.some(({ hierarchy }) => hierarchy === mount.hierarchy)) return;
      const directory = root + mount.mountPoint;
      if (isRoot(directory)) roots.push({ hierarchy: mount.hierarchy, directory });
    });
  }
  return roots;
}

/**
 * Reads a line of /proc/PID/mountinfo.
 *
 * @returns undefined for other file systems and other controllers
 */
export function parseCgroupMount(line: string): CgroupMount | undefined {
  const mount = parseMount(line);
  if (mount?.type === "cgroup2") return { hierarchy: 2, mountPoint: mount.point };
  if (mount?.type !== "cgroup" || !mount.options.includes("memory")) return undefined;
  return { hierarchy: 1, mountPoint: mount.point };
}

function isRoot(directory: string): boolean {
  try {
    return statSync(directory).ino === ROOT_INODE;
  } catch {
    return false;
  }
}
