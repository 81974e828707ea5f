/** What this thread may do beyond an ordinary one's rights (capabilities(7)), and giving it up. */
import { addressOf, systemCall, SystemCallError } from "../ffi.ts";
import { SYSTEM_CALL } from "./system-calls.ts";

/** Bits of the capabilities that matter to an agent (linux/capability.h). */
export const Capability = {
  DacReadSearch: 2,
  SysPtrace: 19,
  SysAdmin: 21,
  SysResource: 24,
  Syslog: 34,
  Perfmon: 38,
  Bpf: 39,
  CheckpointRestore: 40,
} as const;

/** Capabilities by bit. */
export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

const VERSION_3 = 0x20080522;
const PRCTL_BOUNDING_READ = 23;
const PRCTL_BOUNDING_DROP = 24;
const PRCTL_NO_NEW_PRIVILEGES = 38;
const PRCTL_DUMPABLE = 4;

function header(): Uint32Array {
  return new Uint32Array([VERSION_3, 0]);
}

/**
 * The calling thread's sets.
 *
 * @throws {SystemCallError}
 */
export function readCapabilities(): CapabilitySets {
  const head = header();
  const data = new Uint32Array(6);
  const result = systemCall(SYSTEM_CALL.capget, addressOf(head), addressOf(data));
  if (result < 0) throw new SystemCallError("capget", -result);
  const set = (index: number): bigint => BigInt(data[index]!) | (BigInt(data[index + 3]!) << 32n);
  return { effective: set(0), permitted: set(1), inheritable: set(2) };
}

/** Whether a set holds a capability; those of `Capability`, or any bit. */
export function holds(set: bigint, capability: number): boolean {
  return ((set >> BigInt(capability)) & 1n) === 1n;
}

/**
 * Keeps only the given capabilities, for this thread and whatever it starts: other threads that run already keep
 * theirs, for the kernel knows no call that changes them. What is kept must be held already, the rest is ignored.
 * Programs started afterwards can't get the others back (bounding set, no new privileges), and no other process of the
 * same user may read this one's memory.
 *
 * @throws {SystemCallError}
 */
export function keepOnlyCapabilities(kept: readonly number[]): CapabilitySets {
  const before = readCapabilities();
  const mask = kept.reduce((set, capability) => set | (1n << BigInt(capability)), 0n);
  // The bounding set first: dropping from it needs CAP_SETPCAP, which is about to go.
  for (let capability = 0; capability < 64; capability++) {
    if (holds(mask, capability)) continue;
    if (systemCall(SYSTEM_CALL.prctl, PRCTL_BOUNDING_READ, capability) !== 1) continue;
    systemCall(SYSTEM_CALL.prctl, PRCTL_BOUNDING_DROP, capability);
  }
  const permitted = before.permitted & mask;
  const low = Number(permitted & 0xffff_ffffn);
  const high = Number(permitted >> 32n);
  const head = header();
  const data = new Uint32Array([low, low, 0, high, high, 0]);
  const result = systemCall(SYSTEM_CALL.capset, addressOf(head), addressOf(data));
  if (result < 0) throw new SystemCallError("capset", -result);
  systemCall(SYSTEM_CALL.prctl, PRCTL_NO_NEW_PRIVILEGES, 1, 0, 0, 0);
  systemCall(SYSTEM_CALL.prctl, PRCTL_DUMPABLE, 0);
  return readCapabilities();
}
