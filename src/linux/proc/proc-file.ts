import { closeSync, openSync, readSync } from "node:fs";

/**
 * Files of /proc are read into one buffer that everybody here shares: nothing waits while it is in use, and what is
 * kept is copied out. The kernel hands out at most a page a read; a line longer than the buffer is no line that it
 * writes (paths end at 4,096 bytes, each at worst four characters).
 */
const BUFFER_BYTES = 32 * 1024;
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES);
const LF = 0x0a;

/** Calls `visit` with `[start, end)` of a piece of `bytes`; false ends the reading. */
export type VisitPiece = (bytes: Buffer, start: number, end: number) => boolean | void;

/** How reading a file in pieces ended. `missing` also where the process is gone or may not be looked at. */
export type PiecesEnd = "complete" | "stopped" | "cut" | "missing";

/**
 * Reads a small file at once.
 *
 * @returns a view of a shared buffer, valid until the next read of any file here; cut at 32 KiB. Undefined if it can't
 *   be read, usually because the process is gone
 */
export function readProcFile(path: string): Buffer | undefined {
  const fd = openQuietly(path);
  if (fd === undefined) return undefined;
  try {
    let length = 0;
    while (length < BUFFER_BYTES) {
      const read = readSync(fd, shared, length, BUFFER_BYTES - length, null);
      if (read === 0) break;
      length += read;
    }
    return shared.subarray(0, length);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a file piece by piece, each ending with `separator` (not included). What a piece is in can change while it is
 * read, and a piece longer than 32 KiB is skipped.
 *
 * @param maxBytes where to stop reading, for a file that never ends; `cut` says so
 * @param visit must not read another file here
 */
export function forEachPiece(path: string, separator: number, maxBytes: number, visit: VisitPiece): PiecesEnd {
  const fd = openQuietly(path);
  if (fd === undefined) return "missing";
  try {
    let kept = 0;
    let skipping = false;
    for (let total = 0; total < maxBytes;) {
      const read = readSync(fd, shared, kept, BUFFER_BYTES - kept, null);
      if (read === 0) {
        if (kept > 0 && !skipping && visit(shared, 0, kept) === false) return "stopped";
        return "complete";
      }
      total += read;
      const filled = kept + read;
      let start = 0;
      for (;;) {
        const end = shared.indexOf(separator, start);
        if (end === -1 || end >= filled) break;
        if (!skipping && visit(shared, start, end) === false) return "stopped";
        skipping = false;
        start = end + 1;
      }
      kept = filled - start;
      if (kept === BUFFER_BYTES) {
        skipping = true;
        kept = 0;
      } else if (start > 0) {
        shared.copyWithin(0, start, filled);
      }
    }
    return "cut";
  } catch {
    return "missing";
  } finally {
    closeSync(fd);
  }
}

/** As `forEachPiece`, for lines. */
export function forEachLine(path: string, maxBytes: number, visit: VisitPiece): PiecesEnd {
  return forEachPiece(path, LF, maxBytes, visit);
}

/** Overwrites what was read last, where it may hold secrets. */
export function forgetProcFile(): void {
  shared.fill(0);
}

function openQuietly(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}
