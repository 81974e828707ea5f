/** The kernel counts how long BPF programs run as long as somebody asks for it. */
import { closeSync } from "node:fs";
import { addressOf, systemCall } from "../../src/linux/ffi.ts";

/** bpf(2) of each architecture (asm/unistd.h). */
const SYS_BPF: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 321, arm64: 280 };
/** `BPF_ENABLE_STATS` with type `BPF_STATS_RUN_TIME`, 0 (linux/bpf.h). */
const BPF_ENABLE_STATS = 32;
const RUN_TIME = new Uint32Array([0]);

/** Turns the statistics on until it is disposed of, or this process ends. */
export function countBpfTime(): Disposable {
  const fd = systemCall(SYS_BPF[process.arch]!, BPF_ENABLE_STATS, addressOf(RUN_TIME), RUN_TIME.byteLength);
  if (fd < 0) throw new Error(`BPF statistics can't be turned on: errno ${-fd}; it takes CAP_SYS_ADMIN`);
  return { [Symbol.dispose]: () => closeSync(fd) };
}
