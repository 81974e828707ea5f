import { addressOf, systemCall } from "../ffi.ts";
import { SYSTEM_CALL } from "./system-calls.ts";

const LIMIT_LOCKED_MEMORY = 8;
const UNLIMITED = 2n ** 64n - 1n;

/**
 * Lifts the limit on locked memory, which kernels before 5.11 charge for maps. Where that is refused nothing is lost:
 * later kernels charge the cgroup instead, and for older ones making the map says what is wrong.
 *
 * @returns whether it was granted
 */
export function liftLockedMemoryLimit(): boolean {
  const limits = new BigUint64Array([UNLIMITED, UNLIMITED]);
  return systemCall(SYSTEM_CALL.prlimit64, 0, LIMIT_LOCKED_MEMORY, addressOf(limits), 0) === 0;
}
