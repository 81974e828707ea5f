/** Numbers of the system calls that Node has no function for, by `process.arch` (asm/unistd.h of each machine). */
const NUMBERS = {
  x64: { close: 3, bpf: 321, perfEventOpen: 298, ioctl: 16, capget: 125, capset: 126, prctl: 157, prlimit64: 302 },
  arm64: { close: 57, bpf: 280, perfEventOpen: 241, ioctl: 29, capget: 90, capset: 91, prctl: 167, prlimit64: 261 },
} as const;

export type Machine = keyof typeof NUMBERS;

/** The machine that runs this, or undefined if it is neither x86-64 nor arm64, the two that have numbers here. */
export const MACHINE: Machine | undefined = process.arch in NUMBERS ? (process.arch as Machine) : undefined;

/**
 * Numbers of this machine's system calls. On machines that aren't known the numbers are those of no call, so that
 * each answers ENOSYS.
 */
export const SYSTEM_CALL: Readonly<Record<keyof (typeof NUMBERS)["x64"], number>> = MACHINE
  ? NUMBERS[MACHINE]
  : { close: -1, bpf: -1, perfEventOpen: -1, ioctl: -1, capget: -1, capset: -1, prctl: -1, prlimit64: -1 };
