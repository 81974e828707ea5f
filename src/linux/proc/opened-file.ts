import { type BigIntStats, closeSync, readSync, statfsSync } from "node:fs";

/** Why a file of a process can't be read. Each has a counter. */
export type FileProblemReason =
  /** The process is gone. */
  | "process-gone"
  /** No such file. */
  | "missing"
  /** A capability is missing, or another namespace's rules forbid it. */
  | "denied"
  /** A directory, a FIFO, a device, a socket. */
  | "not-regular"
  /** A symbolic link that leads through /proc or in a circle. */
  | "link"
  /** Larger than the limit. */
  | "too-large"
  /** Under the path lies another file than the one that was mapped. */
  | "replaced"
  /** A file system whose server can be anybody, who may never answer. */
  | "foreign-file-system"
  /** Anything else; `code` says what. */
  | "failed";

/** A file that could not be opened. A value, not an exception: with hostile or short-lived processes it is usual. */
export class FileProblem {
  readonly reason: FileProblemReason;
  readonly path: string;
  /** The kernel's answer, e.g. `ENOENT`; empty where the file itself was the reason. */
  readonly code: string;

  constructor(reason: FileProblemReason, path: string, code = "") {
    this.reason = reason;
    this.path = path;
    this.code = code;
  }

  toString(): string {
    return `${this.path}: ${this.reason}${this.code === "" ? "" : ` (${this.code})`}`;
  }
}

/**
 * A regular file that is read by position and never as a whole. What it holds can change while it is read, and it may
 * shrink: then reads come up short. Whoever opened it closes it.
 */
export class OpenedFile {
  readonly sizeBytes: number;
  /** `st_dev` and `st_ino`: files with equal ones are the same, but an overlay of each container has its own device. */
  readonly device: number;
  readonly inode: bigint;
  readonly mtimeNs: bigint;
  readonly #fd: number;
  #open = true;

  /** @param fd owned from now on */
  constructor(fd: number, stat: BigIntStats) {
    this.#fd = fd;
    this.sizeBytes = Number(stat.size);
    this.device = Number(stat.dev);
    this.inode = stat.ino;
    this.mtimeNs = stat.mtimeNs;
  }

  /** The same for the same content, as long as nobody sets the time back: a key for what is made of the content. */
  get version(): string {
    return `${this.device}:${this.inode}:${this.mtimeNs}:${this.sizeBytes}`;
  }

  /** `f_type` of statfs(2): a magic number of linux/magic.h; 0 if it can't be told. */
  fileSystemType(): number {
    try {
      return this.#open ? statfsSync(`/proc/self/fd/${this.#fd}`).type : 0;
    } catch {
      return 0;
    }
  }

  /**
   * Fills `target` from `position` on.
   *
   * @returns bytes read; fewer at the end, 0 beyond it, when reading failed or after `close`
   */
  read(target: Uint8Array, position: number): number {
    if (!this.#open || !Number.isSafeInteger(position) || position < 0) return 0;
    let filled = 0;
    try {
      while (filled < target.length) {
        const read = readSync(this.#fd, target, filled, target.length - filled, position + filled);
        if (read === 0) break;
        filled += read;
      }
    } catch {
      // An I/O error: as much as could be read is there.
    }
    return filled;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}
