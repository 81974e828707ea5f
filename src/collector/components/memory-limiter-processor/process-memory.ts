import { totalmem } from "node:os";

/** The memory of a process, as the limiter sees it. */
export interface ProcessMemory {
  /** Resident bytes now. */
  residentBytes(): number;
  /** Bytes that the process may have at most. */
  totalBytes(): number;
  /** Collects garbage at once. Absent where the process was started without `--expose-gc`. */
  readonly collect?: () => void;
}

const collect = globalThis.gc as (() => void) | undefined;

/** This process: resident set, limit of its cgroup (v1 or v2) or the machine's memory. */
export const processMemory: ProcessMemory = {
  residentBytes: () => process.memoryUsage.rss(),
  totalBytes() {
    // 0 or a huge number mean that there is no limit.
    const constrained = process.constrainedMemory();
    return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  },
  ...(collect && { collect: () => collect() }),
};
