import { expect, test } from "vitest";
import { readFileSync, writeFileSync } from "node:fs";
import { hasProgram } from "../../../test/has-program.ts";
import { bytesSource } from "../byte-source.ts";
import { ElfFile, openElf } from "../elf/elf-file.ts";
import { run, source } from "../testing/programs.ts";
import { openNativeSymbols } from "./native-symbols.ts";

const withoutLlvm = !hasProgram("llvm-objdump", "--version");

function opened(name: string): ElfFile {
  const elf = openElf(bytesSource(readFileSync(source(name))));
  if (!(elf instanceof ElfFile)) throw new Error(elf.detail);
  return elf;
}

/** Everything that we read of a file, as text. */
async function dump(elf: ElfFile): Promise<string> {
  const hex = (value: number): string => value.toString(16).padStart(6, "0");
  const symbols = await openNativeSymbols(elf);
  const lines = [
    `${elf.machine} ${elf.type}, entry ${hex(elf.entryAddress)}, build id ${elf.gnuBuildId}`,
    "",
    "segments",
  ];
  for (const { type, executable, filePosition, fileSizeBytes, virtualAddress, memorySizeBytes } of elf.segments) {
    const [at, size, address, memory] = [filePosition, fileSizeBytes, virtualAddress, memorySizeBytes].map(hex);
    lines.push(
      `  type ${type.toString(16)} file ${at}+${size} memory ${address}+${memory}${executable ? " code" : ""}`,
    );
  }
  lines.push("", "sections");
  for (const { name, type, executable, filePosition, sizeBytes, virtualAddress } of elf.sections.slice(1)) {
    lines.push(
      `  ${name} type ${type.toString(16)} file ${hex(filePosition)}+${hex(sizeBytes)} memory ${hex(virtualAddress)}${executable ? " code" : ""}`,
    );
  }
  lines.push("", `positions in the file: address, name (${symbols.symbolCount} symbols of ${symbols.origin})`);
  let previous = "";
  for (let position = 0; position < elf.source.sizeBytes; position += 4) {
    const address = elf.toVirtualAddress(position);
    const found = address === undefined ? undefined : symbols.find(address);
    const name = found ? `${found.name} from ${hex(found.start)}` : address === undefined ? "not code" : "no name";
    if (name !== previous) lines.push(`  ${hex(position)}: ${address === undefined ? "-" : hex(address)} ${name}`);
    previous = name;
  }
  return `${lines.join("\n")}\n`;
}

test.for(["arm64", "x86_64"])(
  "a file for %s whose segments share pages is read as a person checked",
  async (machine) => {
    const actual = await dump(opened(`packed-${machine}.so`));
    const golden = source(`packed-${machine}.txt`);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, actual);
    expect(actual).toBe(readFileSync(golden, "utf8"));
  },
);

test.skipIf(withoutLlvm).for(["arm64", "x86_64"])(
  "stubs for %s have the names that llvm-objdump gives them",
  async (machine) => {
    const name = `packed-${machine}.so`;
    const symbols = await openNativeSymbols(opened(name));
    const listing = run("llvm-objdump", "-d", "--section=.plt", source(name));
    const stubs = [...listing.matchAll(/^0*([0-9a-f]+) <(\w+@plt)>:$/gm)];
    expect(stubs).toHaveLength(3);
    for (const [, address = "", stub] of stubs) {
      expect(symbols.find(parseInt(address, 16) + 4)).toMatchObject({ name: stub, start: parseInt(address, 16) });
    }
  },
);
