/**
 * Makes the fixtures of older layouts: `node src/symbols/go/testing/make-fixtures.ts 1.16.15 1.18.10 1.22.12`. Needs the
 * network (those Go releases as toolchains) and llvm-symbolizer. A program is stored stripped, its code as zeros (nobody
 * reads it), compressed; beside it, what the oracles say of some hundred addresses of the same program with debug
 * information.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bytesSource } from "../../byte-source.ts";
import { openElf } from "../../elf/elf-file.ts";
import { SymbolProblem } from "../../symbol-problem.ts";

const ADDRESSES = 400;
const target = join(import.meta.dirname, "../../../../testdata/symbols-go");

for (const version of process.argv.slice(2)) {
  const folder = mkdtempSync(join(tmpdir(), "podflame-go-"));
  const build = (name: string, ...options: string[]): string => {
    const path = join(folder, name);
    const env = { ...process.env, GOENV: "off", GOFLAGS: "-mod=mod", CGO_ENABLED: "0", GOTOOLCHAIN: `go${version}` };
    execFileSync("go", ["build", "-trimpath", ...options, "-o", path, join(target, "small.go")], { env, cwd: folder });
    return path;
  };
  const full = build("full");
  const stripped = readFileSync(build("stripped", "-ldflags=-s -w"));
  const elf = openElf(bytesSource(stripped));
  if (elf instanceof SymbolProblem) throw new Error(elf.detail);
  const text = elf.section(".text")!;
  const step = Math.floor(text.sizeBytes / ADDRESSES);
  const addresses = Array.from({ length: ADDRESSES }, (_, index) => text.virtualAddress + index * step);
  const ask = (program: string, ...args: string[]): string =>
    execFileSync(program, args, {
      input: `${addresses.map((address) => `0x${address.toString(16)}`).join("\n")}\n`,
    }).toString();
  const places = ask("go", "tool", "addr2line", full).split("\n");
  const chains = ask("llvm-symbolizer", `--obj=${full}`, "--inlines", "--functions=linkage").split("\n\n");
  const lines = addresses.map((address, index) => {
    const inlined = chains[index]!.split("\n").filter((_, line) => line % 2 === 0);
    return [address.toString(16), places[2 * index], places[2 * index + 1], inlined.join(" < ")].join("\t");
  });
  const release = version.split(".").slice(0, 2).join(".");
  writeFileSync(join(target, `go${release}.expected.tsv`), `${lines.join("\n")}\n`);
  stripped.fill(0, text.filePosition, text.filePosition + text.sizeBytes);
  writeFileSync(join(target, `go${release}.elf.gz`), gzipSync(stripped, { level: 9 }));
  rmSync(folder, { recursive: true });
}
