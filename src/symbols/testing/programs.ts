import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type ElfFile, openElf } from "../elf/elf-file.ts";
import type { DebugFileSource } from "../native/debug-file.ts";
import { SymbolProblem } from "../symbol-problem.ts";

/** Folder of the programs that tests compile. */
const SOURCES = fileURLToPath(new URL("../../../testdata/symbols/", import.meta.url));
/** The C library that this process runs with. */
export const LIBC = /\S+\/libc\.so\.6$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[0] ?? "no C library";

/** Where the compiler finds a library. */
export function libraryPath(name: string): string {
  return realpathSync(run("g++", `-print-file-name=${name}`).trim());
}

/** A folder of the test's own, removed behind it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "podflame-symbols-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Path of a source in testdata. */
export function source(name: string): string {
  return join(SOURCES, name);
}

/** Compiles the C program of testdata. */
export function compileC(folder: string, name: string, ...options: readonly string[]): string {
  const path = join(folder, name);
  run("gcc", "-O1", "-g", ...options, "-o", path, source("program.c"));
  return path;
}

export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
}

/** Text through a program: names through `c++filt`. */
export function filter(program: string, args: readonly string[], lines: readonly string[]): string[] {
  const input = `${lines.join("\n")}\n`;
  return execFileSync(program, args, { input, encoding: "utf8", maxBuffer: 1 << 28 })
    .trimEnd()
    .split("\n");
}

/** A file as a source. It stays open as long as the test runs. */
export function fileSource(path: string): DebugFileSource {
  const fd = openSync(path, "r");
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  onTestFinished(close);
  return { sizeBytes: fstatSync(fd).size, read: (target, at) => readSync(fd, target, 0, target.length, at), close };
}

/** Opens an ELF file that must be one. */
export function elfAt(path: string): ElfFile {
  const elf = openElf(fileSource(path));
  if (elf instanceof SymbolProblem) throw new Error(`${path}: ${elf.detail}`);
  return elf;
}

/** A defined symbol, as `nm` prints it. */
export interface NmSymbol {
  readonly address: number;
  readonly sizeBytes: number;
  readonly type: string;
  readonly name: string;
}

/** What `nm -S` says is code, without versions. */
export function nmFunctions(path: string, ...options: readonly string[]): readonly NmSymbol[] {
  return run("nm", "-S", "--defined-only", ...options, path)
    .split("\n")
    .flatMap((line) => {
      const match = /^([0-9a-f]+) (?:([0-9a-f]+) )?([tTwWi]) ([^@]+)/.exec(line);
      if (!match) return [];
      const [, address = "", size = "0", type = "", name = ""] = match;
      return [{ address: parseInt(address, 16), sizeBytes: parseInt(size, 16), type, name }];
    });
}
