/** BPF programs and maps that the kernel has, by the numbers that it gave them. */
import { closeSync } from "node:fs";
import { SYSTEM_CALL } from "#linux";
import { addressOf, systemCall } from "../../../src/linux/ffi.ts";

/** Commands of bpf(2) (linux/bpf.h): BPF_PROG_GET_FD_BY_ID and BPF_MAP_GET_FD_BY_ID. */
const COMMAND = { program: 13, map: 14 } as const;

/** Whether a program or map of this number is alive. */
export function kernelKnows(kind: keyof typeof COMMAND, id: number): boolean {
  // union bpf_attr: the number, next_id, open_flags.
  const attributes = new Uint32Array([id, 0, 0]);
  const fd = systemCall(SYSTEM_CALL.bpf, COMMAND[kind], addressOf(attributes), attributes.byteLength);
  if (fd >= 0) closeSync(fd);
  return fd >= 0;
}
