import { readlinkSync } from "node:fs";
import { posix } from "node:path";
import { type Mount, parseMount } from "./mount.ts";
import { forEachLine } from "./proc-file.ts";

/** File systems whose answers come from another machine, which may be down: then whoever asks waits for ever. */
const NETWORKED = new Set(["nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "lustre", "gpfs", "beegfs", "coda", "autofs"]);
/** A node with hundreds of containers has thousands of mounts in its own namespace. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Mounts change rarely; who mounts something right before we look can't be kept from it anyway. */
const KEEP_MS = 5_000;
const MAX_NAMESPACES = 512;

/**
 * The mounts of a process that must not be touched: their server can be anybody, another machine or, for FUSE, a process
 * in the container, and looking at a file there waits until it answers. A network's file system that is the process's
 * root is taken as it is: where it hangs, so does everything.
 */
export class ForeignMounts {
  readonly #mounts: readonly Mount[];
  /** Of all mounts, where any are foreign: opening goes from the nearest one and crosses no other. */
  readonly #points: readonly string[];

  constructor(all: readonly Mount[]) {
    this.#mounts = all.filter(({ type, point }) => isForeign(type, point));
    this.#points = this.#mounts.length === 0 ? [] : all.map(({ point }) => point);
  }

  /** Whether nothing needs to be minded. */
  get isEmpty(): boolean {
    return this.#mounts.length === 0;
  }

  hasDevice(device: number): boolean {
    return this.#mounts.some((mount) => mount.device === device);
  }

  /** The mount point under which the path lies as it is written; undefined if that is a foreign one. */
  safePointOf(path: string): string | undefined {
    let nearest = "/";
    for (const point of this.#points) if (point.length > nearest.length && isBelow(path, point)) nearest = point;
    return this.#mounts.some(({ point }) => point === nearest) ? undefined : nearest;
  }
}

const known = new Map<string, { readonly mounts: ForeignMounts; readonly readAtMs: number }>();

/** Reads a process's mounts; what was read a moment ago for another process with the same mounts counts. */
export function readForeignMounts(pid: number): ForeignMounts | undefined {
  const nowMs = performance.now();
  const namespace = namespaceOf(pid);
  if (namespace === undefined) return undefined;
  const before = known.get(namespace);
  if (before !== undefined && nowMs - before.readAtMs < KEEP_MS) return before.mounts;
  const all: Mount[] = [];
  const end = forEachLine(`/proc/${pid}/mountinfo`, MAX_BYTES, (bytes, start, lineEnd) => {
    const mount = parseMount(bytes.toString("utf8", start, lineEnd));
    if (mount !== undefined) all.push(mount);
  });
  if (end === "missing") return undefined;
  const mounts = new ForeignMounts(all);
  if (known.size >= MAX_NAMESPACES) known.clear();
  known.set(namespace, { mounts, readAtMs: nowMs });
  return mounts;
}

/** A process's root and mounts: two in one namespace may still have different roots. */
function namespaceOf(pid: number): string | undefined {
  try {
    return `${readlinkSync(`/proc/${pid}/ns/mnt`)} ${readlinkSync(`/proc/${pid}/root`)}`;
  } catch {
    return undefined;
  }
}

function isForeign(type: string, point: string): boolean {
  if (type === "fuse" || type === "fuseblk" || type.startsWith("fuse.")) return true;
  // systemd mounts /proc/sys/fs/binfmt_misc when it is looked at: nothing to wait for.
  if (type === "autofs" && point.startsWith("/proc/")) return false;
  return NETWORKED.has(type) && point !== "/";
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith("/") ? point : `${point}/`);
}

/** A path as it is written, from the root, without `.` and `..`. */
export function plainPath(path: string): string {
  return posix.join("/", path);
}
