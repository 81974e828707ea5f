import { statSync } from "node:fs";

/** Inode of the initial pid namespace on every machine: `PROC_PID_INIT_INO` of linux/proc_fs.h. */
const INITIAL = 0xefff_fffc;

/**
 * Whose numbers /proc has: pids of records are to be looked up there. That of its first process, for /proc may be another
 * namespace's than this process's own; or the latter, if we aren't allowed to look at another process.
 *
 * @returns the inode; 0 for the initial namespace
 */
export function findPidNamespace(procDirectory = "/proc"): number {
  const inode = inodeOf(`${procDirectory}/1/ns/pid`) ?? inodeOf(`${procDirectory}/self/ns/pid`) ?? INITIAL;
  return inode === INITIAL ? 0 : inode;
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}
