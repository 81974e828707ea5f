import { readlinkSync } from "node:fs";
import { readProcFile } from "../proc-file.ts";
import { type CgroupPlace, morePrecise, placeOfCgroup } from "./place.ts";

/** The cgroup of a process in one hierarchy: a line of /proc/PID/cgroup. */
export interface ProcessCgroup {
  /** Empty for version 2; else e.g. `memory`, `cpu,cpuacct`, `name=systemd`. */
  readonly controllers: string;
  readonly path: string;
}

/** Inode of the first cgroup namespace (include/linux/proc_ns.h): elsewhere paths are relative to its root. */
const FIRST_NAMESPACE = "cgroup:[4026531835]";

/** Reads the text of /proc/PID/cgroup; lines of another shape are left out. */
export function parseProcessCgroups(text: string): ProcessCgroup[] {
  const cgroups: ProcessCgroup[] = [];
  for (const line of text.split("\n")) {
    const match = /^\d{1,10}:([^:]*):(\/.*)$/s.exec(line);
    if (match !== null) cgroups.push({ controllers: match[1]!, path: withoutDeleted(match[2]!) });
  }
  return cgroups;
}

/**
 * Where a process belongs, by all hierarchies it is in.
 *
 * @param isFirstNamespace whether the text was read in the first cgroup namespace. In another one `/` is the reader's
 *   own cgroup, about which the text says nothing
 */
export function placeOfProcess(cgroups: readonly ProcessCgroup[], isFirstNamespace: boolean): CgroupPlace | undefined {
  let place: CgroupPlace | undefined;
  for (const { path } of cgroups) {
    if (path === "/" && !isFirstNamespace) continue;
    place = morePrecise(place, placeOfCgroup(path));
  }
  return place;
}

/** Where a living process belongs now; undefined if it is gone or nothing can be said. */
export function readPlaceOfProcess(pid: number): CgroupPlace | undefined {
  const bytes = readProcFile(`/proc/${pid}/cgroup`);
  if (bytes === undefined) return undefined;
  return placeOfProcess(parseProcessCgroups(bytes.toString()), isInFirstCgroupNamespace());
}

let inFirstNamespace: boolean | undefined;

function isInFirstCgroupNamespace(): boolean {
  if (inFirstNamespace === undefined) {
    try {
      inFirstNamespace = readlinkSync("/proc/self/ns/cgroup") === FIRST_NAMESPACE;
    } catch {
      inFirstNamespace = false;
    }
  }
  return inFirstNamespace;
}

/** A cgroup that was removed while a zombie is in it is shown so. */
function withoutDeleted(path: string): string {
  return path.endsWith(" (deleted)") ? path.slice(0, -" (deleted)".length) : path;
}
