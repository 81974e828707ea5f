/** What tests of the agent need of the machine; what is missing skips them loudly (see `hasProgram`). */
import { existsSync } from "node:fs";
import { hasProgram } from "../../has-program.ts";

function has(what: string, there: boolean): boolean {
  if (there) return true;
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`${what} is missing`);
  process.stderr.write(`SKIPPED: tests that need ${what}\n`);
  return false;
}

/** Root, and a kernel that says how its structures are laid out: what sampling with BPF takes. */
export function canSample(): boolean {
  return has("root", process.getuid?.() === 0) && has("/sys/kernel/btf/vmlinux", existsSync("/sys/kernel/btf/vmlinux"));
}

/** containerd, runc and a BusyBox to put into images. */
export function canRunContainers(): boolean {
  return (
    has("root", process.getuid?.() === 0) &&
    hasProgram("containerd", "--version") &&
    hasProgram("ctr", "--version") &&
    hasProgram("runc", "--version") &&
    hasProgram("/bin/busybox", "true")
  );
}

/** Compilers of the workloads. */
export const COMPILERS = {
  c: () => hasProgram("gcc", "--version"),
  cpp: () => hasProgram("g++", "--version"),
  go: () => hasProgram("go", "version"),
  rust: () => hasProgram("rustc", "--version"),
} as const;
