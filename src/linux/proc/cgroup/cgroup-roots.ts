import { statSync } from "node:fs";
import { parseMount } from "../mount.ts";
import { forEachLine } from "../proc-file.ts";

/** Version 2, and of version 1 the hierarchy of the memory controller, which every runtime uses. */
export type Hierarchy = 1 | 2;

/** Where a hierarchy can be seen. */
export interface CgroupRoot {
  readonly hierarchy: Hierarchy;
  /** A directory as this process can open it. */
  readonly directory: string;
  /** Its inode. */
  readonly id: number;
}

/** Inode of a hierarchy's root directory. A container's view begins further down and has another. */
export const ROOT_ID = 1;

/** A cgroup file system that is mounted somewhere, perhaps showing a part of its hierarchy only. */
export interface CgroupMount {
  readonly hierarchy: Hierarchy;
  readonly mountPoint: string;
}

/** Nodes with hundreds of containers have thousands of mounts. */
const MAX_MOUNTINFO_BYTES = 16 * 1024 * 1024;

/** Whose mounts are looked at: our own, init's, and those of the kernel's first thread, for init may be protected. */
const CANDIDATES = [
  { process: "self", root: "" },
  { process: "1", root: "/proc/1/root" },
  { process: "2", root: "/proc/2/root" },
];

/**
 * Finds where the hierarchies can be seen: as a whole among this process's own mounts, or, where those show only its own
 * part, as in a container, among those of the host (which takes its pid namespace and CAP_SYS_PTRACE). Where nobody has
 * the whole, as in a node that is a container itself, the part that the first process has: ids are the same in it.
 */
export function findCgroupRoots(): CgroupRoot[] {
  const roots = new Map<Hierarchy, CgroupRoot>();
  for (const { process, root } of CANDIDATES) {
    forEachLine(`/proc/${process}/mountinfo`, MAX_MOUNTINFO_BYTES, (bytes, start, end) => {
      const mount = parseCgroupMount(bytes.toString("utf8", start, end));
      if (mount === undefined || roots.get(mount.hierarchy)?.id === ROOT_ID) return;
      const directory = root + mount.mountPoint;
      const id = inodeOf(directory);
      if (id !== undefined) roots.set(mount.hierarchy, { hierarchy: mount.hierarchy, directory, id });
    });
  }
  return [...roots.values()];
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

function inodeOf(directory: string): number | undefined {
  try {
    return statSync(directory).ino;
  } catch {
    return undefined;
  }
}
