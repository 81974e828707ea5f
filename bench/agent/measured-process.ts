/** What a process costs, from /proc. */
import { readFileSync } from "node:fs";

/** Memory of a process in MiB. */
export interface MemoryUse {
  readonly rss: number;
  /** Highest so far. */
  readonly peak: number;
  /** Shared pages divided among their users. */
  readonly pss: number;
  /** Pages that no other process has. */
  readonly own: number;
}

/** CPU time of a process and its ended children in seconds, to 10 ms (proc(5): fields 14 to 17 of stat). */
export { cpuSeconds } from "../intake/contender.ts";

export function memoryUse(pid: number): MemoryUse {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const mib = (text: string, key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
  return {
    rss: mib(status, "VmRSS"),
    peak: mib(status, "VmHWM"),
    pss: mib(rollup, "Pss"),
    own: mib(rollup, "Private_Clean") + mib(rollup, "Private_Dirty"),
  };
}
