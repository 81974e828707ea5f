import { readFileSync } from "node:fs";

/** `AT_PAGESZ` of the auxiliary vector (linux/auxvec.h). */
const PAGE_SIZE_ENTRY = 6n;

/** The size of a memory page here: 4 KiB, or up to 64 KiB on some arm64 kernels. */
export function pageBytes(): number {
  const bytes = readFileSync("/proc/self/auxv");
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    if (bytes.readBigUInt64LE(at) === PAGE_SIZE_ENTRY) return Number(bytes.readBigUInt64LE(at + 8));
  }
  return 4096;
}
