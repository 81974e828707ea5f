import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { addressOf, systemCall, SystemCallError } from "../ffi.ts";
import { closeDescriptor } from "../kernel/descriptor.ts";
import { FileProblem, type FileProblemReason, OpenedFile } from "./opened-file.ts";
import { type ForeignMounts, plainPath, readForeignMounts } from "./foreign-mounts.ts";
import type { Mapping } from "./mappings.ts";

/** What a file of another process may be. */
export interface OpenLimits {
  /** Nothing is read here, but who reads takes time by size. */
  readonly maxBytes: number;
}

/** More than any program or debug file has; the largest browsers with debug information have 5 GB. */
const DEFAULT_LIMITS: OpenLimits = { maxBytes: 8 * 1024 ** 3 };

/** Numbers of include/uapi: the same on all architectures that we run on (asm-generic). */
const SYS_OPENAT2 = 437;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const RESOLVE_NO_XDEV = 0x01;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;
/** Whatever is on the way, it stays inside. */
const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
/** As well, and a link that is absolute or leads to another mount is an error. */
const ON_MOUNT = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
const EAGAIN = 11;
const ENOENT = 2;
/** A rename somewhere in the tree while `..` is resolved makes the kernel ask for another try. */
const MAX_TRIES = 4;

const REASONS: ReadonlyMap<string, FileProblemReason> = new Map([
  ["EPERM", "denied"],
  ["EACCES", "denied"],
  ["ENOENT", "missing"],
  ["ENOTDIR", "missing"],
  ["ESRCH", "process-gone"],
  ["ELOOP", "link"],
  ["EXDEV", "link"],
]);

/**
 * Opens a file as a process sees it, for reading. The path is the process's and so is everything on it: symbolic links
 * and `..` stay inside its root directory, links of /proc are not followed, and only regular files are opened; of
 * anything else nothing but its kind is looked at, since opening a FIFO or a device can block or act. Nor is anything
 * touched that lies on a foreign file system (see `ForeignMounts`), since its server may never answer.
 */
export function openInProcess(
  pid: number,
  path: string,
  limits: OpenLimits = DEFAULT_LIMITS,
): OpenedFile | FileProblem {
  const mounts = readForeignMounts(pid);
  if (mounts === undefined) return new FileProblem("process-gone", path);
  let root: number;
  try {
    root = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    const { reason, code } = problem(path, error);
    return new FileProblem(reason === "missing" ? "process-gone" : reason, path, code);
  }
  try {
    return mounts.isEmpty
      ? using(resolve(root, path, IN_ROOT), (found) => openFound(found, path, limits))
      : openOnSafeMount(root, path, mounts, limits);
  } catch (error) {
    return problem(path, error);
  } finally {
    closeSync(root);
  }
}

/** Symbolic links could lead onto a foreign mount: so the way goes from a mount that is none, and leaves it nowhere. */
function openOnSafeMount(
  root: number,
  path: string,
  mounts: ForeignMounts,
  limits: OpenLimits,
): OpenedFile | FileProblem {
  const plain = plainPath(path);
  const point = mounts.safePointOf(plain);
  if (point === undefined) return new FileProblem("foreign-file-system", path);
  return using(resolve(root, point, IN_ROOT), (mount) => {
    const rest = plain.slice(point.length).replace(/^\//, "");
    return using(resolve(mount, rest === "" ? "." : rest, ON_MOUNT), (found) => openFound(found, path, limits));
  });
}

/**
 * Opens the file of a mapping: by its path, and where another file is there by now, or none, through
 * /proc/PID/map_files, which leads to files that were deleted or replaced. The latter needs CAP_CHECKPOINT_RESTORE or
 * CAP_SYS_ADMIN; without it such a file is `replaced`.
 */
export function openMappedFile(
  pid: number,
  mapping: Mapping,
  limits: OpenLimits = DEFAULT_LIMITS,
): OpenedFile | FileProblem {
  if (mapping.inode === 0n) return new FileProblem("not-regular", mapping.path);
  if (readForeignMounts(pid)?.hasDevice(mapping.device) === true) {
    return new FileProblem("foreign-file-system", mapping.path);
  }
  const byPath = mapping.deleted ? new FileProblem("missing", mapping.path) : openInProcess(pid, mapping.path, limits);
  if (byPath instanceof OpenedFile) {
    if (isMappedFile(byPath, mapping)) return byPath;
    byPath.close();
  } else if (byPath.reason === "process-gone") {
    return byPath;
  }
  const mapped = openMapFile(pid, mapping, limits);
  if (mapped instanceof OpenedFile) {
    if (isMappedFile(mapped, mapping)) return mapped;
    mapped.close();
    return new FileProblem("replaced", mapping.path);
  }
  if (mapped.reason !== "denied") return mapped;
  return byPath instanceof FileProblem && byPath.reason !== "missing"
    ? byPath
    : new FileProblem("replaced", mapping.path);
}

/** What `statfs` says of file systems whose devices in /proc/PID/maps are others than `stat` tells (linux/magic.h). */
const OVERLAYFS = 0x794c7630;
const BTRFS = 0x9123683e;
const BCACHEFS = 0xca451a4e;

/**
 * Whether the file is the one that was mapped, by device and inode. On overlays whose layers lie on several file
 * systems (and on all overlays before Linux 6.8), and on subvolumes of btrfs and bcachefs, maps shows another device
 * than `stat`: the lower file's, or the whole file system's. The inode is the same there, and has to do.
 */
function isMappedFile(file: OpenedFile, mapping: Mapping): boolean {
  if (file.inode !== mapping.inode) return false;
  if (file.device === mapping.device) return true;
  const type = file.fileSystemType();
  return type === OVERLAYFS || type === BTRFS || type === BCACHEFS;
}

/** `struct open_how`: flags, mode, resolve, 64 bits each. */
const how = new Uint32Array([O_PATH | O_CLOEXEC, 0, 0, 0, 0, 0]);
const HOW_RESOLVE = 4;

/**
 * A descriptor that only names what lies under the path.
 *
 * @throws {SystemCallError}
 */
function resolve(directory: number, path: string, flags: number): number {
  // A byte 0 would end the path; no path has one.
  if (path.includes("\0")) throw new SystemCallError("openat2", ENOENT);
  const text = Buffer.from(`${path}\0`);
  how[HOW_RESOLVE] = flags;
  for (let tries = 1; ; tries++) {
    const found = systemCall(SYS_OPENAT2, directory, addressOf(text), addressOf(how), how.byteLength);
    if (found >= 0) return found;
    if (found !== -EAGAIN || tries === MAX_TRIES) throw new SystemCallError("openat2", -found);
  }
}

/** Closes the descriptor when `use` is done with it. */
function using<T>(descriptor: number, use: (descriptor: number) => T): T {
  try {
    return use(descriptor);
  } finally {
    closeDescriptor(descriptor);
  }
}

function openMapFile(pid: number, { start, end, path }: Mapping, limits: OpenLimits): OpenedFile | FileProblem {
  let found: number | undefined;
  try {
    found = openSync(`/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`, O_PATH);
    return openFound(found, path, limits);
  } catch (error) {
    return problem(path, error);
  } finally {
    if (found !== undefined) closeSync(found);
  }
}

/** Opens for reading what the descriptor names, if it is a regular file. */
function openFound(found: number, path: string, limits: OpenLimits): OpenedFile | FileProblem {
  const stat = fstatSync(found, { bigint: true });
  if (!stat.isFile()) return new FileProblem("not-regular", path);
  if (stat.size > limits.maxBytes) return new FileProblem("too-large", path);
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  return new OpenedFile(openSync(`/proc/self/fd/${found}`, flags), stat);
}

/** @param error of node:fs or of a system call: both say the kernel's answer as `code` */
function problem(path: string, error: unknown): FileProblem {
  const { code = "" } = error as { readonly code?: string };
  return new FileProblem(REASONS.get(code) ?? "failed", path, code);
}
