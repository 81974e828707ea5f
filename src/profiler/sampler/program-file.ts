import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { MACHINE } from "#linux";
import type { KernelProblem } from "./kernel-support.ts";

const FILES = { x64: "podflame.x86_64.o", arm64: "podflame.arm64.o" } as const;

/** The object file with the programs for this machine, or what is missing. Found from here, be it bundled or source. */
export function readProgramFile(from: string = import.meta.dirname): Buffer | KernelProblem {
  if (!MACHINE) {
    return { what: `no kernel programs for ${process.arch}`, remedy: "run on x86-64 or arm64" };
  }
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) {
      const path = join(folder, "bpf", FILES[MACHINE]);
      if (existsSync(path)) return readFileSync(path);
    }
    if (dirname(folder) === folder) break;
  }
  return { what: `bpf/${FILES[MACHINE]} isn't there`, remedy: "install podflame again, or run bpf/build.sh" };
}
