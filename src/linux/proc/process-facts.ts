import { readlinkSync } from "node:fs";
import { readProcFile } from "./proc-file.ts";

/** What the kernel says of a process. Its owner chooses the names and can change them at any time. */
export interface ProcessFacts {
  /** In the agent's pid namespace. */
  readonly pid: number;
  /** Since boot, in ticks of 10 ms: with the pid it names a process for good. See `isSameStart`. */
  readonly startTimeTicks: number;
  /** Name of the main thread, at most 15 bytes. */
  readonly comm: string;
  /** As the process sees it, from the root of its mount namespace; empty for kernel threads. */
  readonly executablePath: string;
  /** The file of the executable was deleted or replaced since. */
  readonly executableDeleted: boolean;
  /** As the process knows itself, e.g. 1 in a container; what perf maps are named by. */
  readonly pidInNamespace: number;
  /** Real user id, as the agent's user namespace sees it. */
  readonly uid: number;
  readonly kernelThread: boolean;
}

/** What stands in /proc/PID/stat. */
export type ProcessStat = Pick<ProcessFacts, "comm" | "startTimeTicks" | "kernelThread">;
/** What stands in /proc/PID/status. */
export type ProcessStatus = Pick<ProcessFacts, "pidInNamespace" | "uid">;

/** A file that was unlinked is shown with this behind its name. */
const DELETED = " (deleted)";
/** `PF_KTHREAD` of include/linux/sched.h. */
const KERNEL_THREAD = 0x0020_0000;
/** Fields of /proc/PID/stat behind the name, which is the second: proc_pid_stat(5) counts from 1. */
const FLAGS_FIELD = 9 - 3;
const START_TIME_FIELD = 22 - 3;

/** Reads what is known of a process; undefined if it is gone, or is about to be. */
export function readProcess(pid: number): ProcessFacts | undefined {
  const stat = readStat(pid);
  const status = readStatus(pid);
  if (stat === undefined || status === undefined) return undefined;
  return { pid, ...stat, ...status, ...readExecutable(pid) };
}

/**
 * Whether a record's start time, nanoseconds since boot, is that of the process. Ticks are cut, not rounded; one more or
 * less is taken for the same, since a double is some nanoseconds off after 104 days, and no pid is used again that soon.
 */
export function isSameStart(startTimeTicks: number, startTimeNs: number): boolean {
  return Math.abs(Math.floor(startTimeNs / 10_000_000) - startTimeTicks) <= 1;
}

/** Reads the content of /proc/PID/stat. The name may hold any byte, parentheses and line feeds as well. */
export function parseStat(bytes: Buffer): ProcessStat | undefined {
  const nameStart = bytes.indexOf("(");
  const nameEnd = bytes.lastIndexOf(")");
  if (nameStart === -1 || nameEnd <= nameStart) return undefined;
  const fields = bytes
    .toString("latin1", nameEnd + 1, bytes.length)
    .trim()
    .split(" ");
  const flags = Number(fields[FLAGS_FIELD]);
  const startTimeTicks = Number(fields[START_TIME_FIELD]);
  if (!Number.isSafeInteger(flags) || !Number.isSafeInteger(startTimeTicks)) return undefined;
  return {
    comm: bytes.toString("utf8", nameStart + 1, nameEnd),
    startTimeTicks,
    kernelThread: (flags & KERNEL_THREAD) !== 0,
  };
}

/** Reads the content of /proc/PID/status. The kernel escapes the name in it, so a line is what it seems. */
export function parseStatus(bytes: Buffer): ProcessStatus | undefined {
  const uid = lastNumber(bytes, "\nUid:\t", true);
  // Kernels without pid namespaces have no such line: then there is one pid only.
  const pidInNamespace = lastNumber(bytes, "\nNSpid:\t", false) ?? lastNumber(bytes, "\nTgid:\t", false);
  return uid === undefined || pidInNamespace === undefined ? undefined : { uid, pidInNamespace };
}

function readStat(pid: number): ProcessStat | undefined {
  const bytes = readProcFile(`/proc/${pid}/stat`);
  return bytes && parseStat(bytes);
}

function readStatus(pid: number): ProcessStatus | undefined {
  const bytes = readProcFile(`/proc/${pid}/status`);
  return bytes && parseStatus(bytes);
}

function readExecutable(pid: number): Pick<ProcessFacts, "executablePath" | "executableDeleted"> {
  try {
    const path = readlinkSync(`/proc/${pid}/exe`);
    return path.endsWith(DELETED)
      ? { executablePath: path.slice(0, -DELETED.length), executableDeleted: true }
      : { executablePath: path, executableDeleted: false };
  } catch {
    return { executablePath: "", executableDeleted: false };
  }
}

/** A number of the tab-separated line that begins with `key`: the first, or the last. */
function lastNumber(bytes: Buffer, key: string, first: boolean): number | undefined {
  const at = bytes.indexOf(key, 0, "latin1");
  if (at === -1) return undefined;
  const end = bytes.indexOf("\n", at + 1, "latin1");
  const numbers = bytes.toString("latin1", at + key.length, end === -1 ? bytes.length : end).split("\t");
  const text = (first ? numbers[0] : numbers.at(-1)) ?? "";
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
