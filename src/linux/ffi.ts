/**
 * System calls through the C library: the only file that imports the FFI, loaded only when the agent runs. A system
 * call by its number is all that is bound, so that the surface which could crash the process stays this small.
 */
import koffi from "koffi";

const libc = koffi.load(null);
const raw = libc.func("long syscall(long, int64, int64, int64, int64, int64, int64)") as (
  number: number,
  ...args: readonly (number | bigint)[]
) => number;
const rawMmap = libc.func("void *mmap(void *, size_t, int, int, int, long)") as (
  address: null,
  sizeBytes: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => bigint;
const rawMunmap = libc.func("int munmap(void *, size_t)") as (address: bigint, sizeBytes: number) => number;

/** A system call that failed: which, and the kernel's errno. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** The call as its man page names it, e.g. `perf_event_open`. */
  readonly call: string;
  readonly errno: number;
  /** E.g. `EPERM`. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = CODES.get(errno) ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

const CODES = new Map(Object.entries(koffi.os.errno).map(([code, errno]) => [errno, code]));

/**
 * Calls the kernel. Pointers are given as `addressOf(bytes)`; whoever calls keeps the memory referenced until the
 * kernel is done with it.
 *
 * @returns the result, or the negative errno: nothing is thrown, for many callers retry or probe
 */
export function systemCall(
  number: number,
  a: number | bigint = 0,
  b: number | bigint = 0,
  c: number | bigint = 0,
  d: number | bigint = 0,
  e: number | bigint = 0,
  f: number | bigint = 0,
): number {
  const result = raw(number, a, b, c, d, e, f);
  return result === -1 ? -koffi.errno() : result;
}

/** Where the bytes stand in memory, for structures that hold pointers. Valid as long as `bytes` is referenced. */
export function addressOf(bytes: ArrayBufferView): bigint {
  return koffi.address(bytes) + 0n;
}

/** Memory of the kernel mapped here. Nothing may use `bytes` after `unmap`: the process would crash. */
export interface MemoryMapping {
  readonly bytes: ArrayBuffer;
  unmap(): void;
}

const MAP_SHARED = 1;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
const MAP_FAILED = 2n ** 64n - 1n;

/**
 * Maps `sizeBytes` of a file descriptor's memory, shared.
 *
 * @throws {SystemCallError}
 */
export function mapMemory(fd: number, sizeBytes: number, protection: number, offset = 0): MemoryMapping {
  const address = rawMmap(null, sizeBytes, protection, MAP_SHARED, fd, offset);
  if (address === MAP_FAILED || address === -1n) throw new SystemCallError("mmap", koffi.errno());
  const bytes = koffi.view(address, sizeBytes);
  let mapped = true;
  return {
    bytes,
    unmap() {
      if (!mapped) return;
      mapped = false;
      rawMunmap(address, sizeBytes);
    },
  };
}
