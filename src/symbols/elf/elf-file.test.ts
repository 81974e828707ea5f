import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { bytesSource } from "../byte-source.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { elfImage, libraryWith } from "../testing/elf-image.ts";
import { compileC, elfAt, LIBC, run, temporaryFolder } from "../testing/programs.ts";
import { ElfFile, openElf } from "./elf-file.ts";

const withoutTools = !(hasProgram("gcc", "--version") && hasProgram("readelf", "--version"));
const withoutLlvm = !hasProgram("llvm-objcopy", "--version");

function opened(bytes: Uint8Array): ElfFile {
  const elf = openElf(bytesSource(bytes));
  if (elf instanceof SymbolProblem) throw new Error(elf.detail);
  return elf;
}

function problemWith(bytes: Uint8Array): SymbolProblem {
  const elf = openElf(bytesSource(bytes));
  if (elf instanceof ElfFile) throw new Error("opened");
  return elf;
}

describe.skipIf(withoutTools)("beside readelf", () => {
  test.for([LIBC, process.execPath])("sections of %s", (path) => {
    const expected = [
      ...run("readelf", "-SW", path).matchAll(
        /^ +\[ *(\d+)\] (\S*) +([A-Z_0-9]+) +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ ([A-Za-z ]{3}) +(\d+)/gm,
      ),
    ].map(([, index, name, type, address = "", offset = "", size = "", flags = "", link]) => ({
      index: Number(index),
      name: name === "NULL" ? "" : name,
      noBits: type === "NOBITS",
      address: parseInt(address, 16),
      offset: parseInt(offset, 16),
      size: parseInt(size, 16),
      executable: flags.includes("X"),
      link: Number(link),
    }));
    expect(expected.length).toBeGreaterThan(20);
    const actual = elfAt(path).sections.map((section) => ({
      index: section.index,
      name: section.name,
      noBits: section.type === 8,
      address: section.virtualAddress,
      offset: section.filePosition,
      size: section.sizeBytes,
      executable: section.executable,
      link: section.link,
    }));
    expect(actual.slice(1)).toEqual(expected.filter(({ index }) => index > 0));
  });

  test("segments, type and entry of a program", () => {
    const path = compileC(temporaryFolder(), "program", "-no-pie");
    const elf = elfAt(path);
    const expected = [
      ...run("readelf", "-lW", path).matchAll(
        /^ +([A-Z_]+) +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) ([RWE ]{3})/gm,
      ),
    ].map(([, , offset = "", address = "", fileSize = "", memorySize = "", flags = ""]) => ({
      filePosition: parseInt(offset, 16),
      virtualAddress: parseInt(address, 16),
      fileSizeBytes: parseInt(fileSize, 16),
      memorySizeBytes: parseInt(memorySize, 16),
      executable: flags.includes("E"),
    }));
    expect(elf.segments).toMatchObject(expected);
    expect(elf.type).toBe("executable");
    expect(elf.machine).toBe("x86_64");
    const header = run("readelf", "-hW", path);
    expect(elf.entryAddress).toBe(parseInt(/Entry point address: +0x([0-9a-f]+)/.exec(header)?.[1] ?? "", 16));
  });

  test("build id and debug link", () => {
    const folder = temporaryFolder();
    const path = compileC(folder, "program");
    run("objcopy", "--only-keep-debug", path, join(folder, "program.debug"));
    run("objcopy", "--strip-all", `--add-gnu-debuglink=${join(folder, "program.debug")}`, path);
    const elf = elfAt(path);
    expect(elf.gnuBuildId).toBe(/Build ID: ([0-9a-f]+)/.exec(run("readelf", "-n", path))?.[1]);
    const link = run("readelf", "--debug-dump=links", path);
    expect(link).toContain("debug info file: program.debug");
    const crc32 = parseInt(/CRC value: (0x[0-9a-f]+)/.exec(link)?.[1] ?? "", 16);
    expect(elf.debugLink).toEqual({ fileName: "program.debug", crc32 });
  });

  test.skipIf(withoutLlvm)("dynamic symbols are found without section headers, by either hash table", () => {
    const folder = temporaryFolder();
    for (const style of ["gnu", "sysv"]) {
      const path = compileC(folder, style, "-shared", "-fPIC", `-Wl,--hash-style=${style}`);
      const table = elfAt(path).symbolTable("dynamic");
      run("llvm-objcopy", "--strip-sections", path);
      const bare = elfAt(path);
      expect(bare.sections).toEqual([]);
      expect(bare.symbolTable("static")).toBeUndefined();
      const found = bare.symbolTable("dynamic");
      expect(found?.count).toBe(table?.count);
      const names = [...Array(found?.count).keys()].map((index) => found?.name(found.symbol(index)!)?.text);
      expect(names).toContain("exported_worker");
      expect(names).toContain("snprintf");
    }
  });

  test("symbols by prefix are those that nm knows", () => {
    const expected = [...run("nm", "-D", process.execPath).matchAll(/^([0-9a-f]+) \w (v8dbg_\S+)$/gm)]
      .map(([, address = "", name]) => `${name} ${parseInt(address, 16)}`)
      .toSorted();
    const found = elfAt(process.execPath).symbolTable("dynamic")?.withPrefix("v8dbg_", 10_000) ?? [];
    expect(expected.length).toBeGreaterThan(400);
    expect(found.map(({ name, value }) => `${name} ${value}`).toSorted()).toEqual(expected);
  });
});

describe("virtual addresses", () => {
  test("a position in pages that two segments share belongs to the executable one", () => {
    const elf = opened(
      elfImage({
        segments: [
          { type: 1, flags: 4, offset: 0, address: 0, fileSize: 0x5f0 },
          { type: 1, flags: 5, offset: 0x5f0, address: 0x15f0, fileSize: 0x300 },
          { type: 1, flags: 6, offset: 0x8f0, address: 0x28f0, fileSize: 0x100 },
        ],
      }),
    );
    expect(elf.toVirtualAddress(0x5f0)).toBe(0x15f0);
    expect(elf.toVirtualAddress(0x8ef)).toBe(0x18ef);
    // What is mapped along with it, before and behind.
    expect(elf.toVirtualAddress(0x100)).toBe(0x1100);
    expect(elf.toVirtualAddress(0x900)).toBe(0x1900);
    expect(elf.toVirtualAddress(0x100000)).toBeUndefined();
  });

  test("positions and addresses are each other's inverse, and what is read is what is there", () => {
    const path = process.execPath;
    const elf = elfAt(path);
    const text = elf.section(".text")!;
    const bytes = Buffer.alloc(16);
    expect(elf.toFilePosition(text.virtualAddress)).toBe(text.filePosition);
    expect(elf.toVirtualAddress(text.filePosition + 100)).toBe(text.virtualAddress + 100);
    expect(elf.readVirtual(text.virtualAddress, bytes)).toBe(16);
    const expected = Buffer.alloc(16);
    elf.source.read(expected, text.filePosition);
    expect(bytes).toEqual(expected);
    expect(elf.readVirtual(1, bytes)).toBe(0);
  });
});

describe("what is refused, as a value", () => {
  test.for([
    ["no file at all", Buffer.alloc(0), "not an ELF file"],
    ["a script", Buffer.from(`#!/bin/sh\n${"x".repeat(100)}`), "not an ELF file"],
    ["32 bits", edited((file) => file.writeUInt8(1, 4)), "not a 64-bit ELF file"],
    ["big endian", edited((file) => file.writeUInt8(2, 5)), "not little endian"],
    ["another machine", elfImage({ machine: 8 }), "machine 8"],
    ["an object file", elfImage({ type: 1 }), "ELF type 1"],
  ] as const)("%s", ([, bytes, detail]) => {
    expect(problemWith(bytes)).toEqual(new SymbolProblem("unsupported", detail));
  });

  test("program headers that run past the end", () => {
    const problem = problemWith(edited((file) => file.writeBigUInt64LE(2n ** 60n, 32)));
    expect(problem.kind).toBe("corrupt");
    expect(problem.detail).toMatch(/^program headers at 11529\d+ run past the end/);
  });

  test("broken section headers are told, but the file stays usable", () => {
    for (const position of [2n ** 60n, 2n ** 64n - 1n]) {
      const elf = opened(edited((file) => file.writeBigUInt64LE(position, 40)));
      expect(elf.sections).toEqual([]);
      expect(elf.sectionProblem?.kind).toBe("corrupt");
    }
    expect(opened(edited((file) => file.writeUInt16LE(0xffff, 60))).sectionProblem?.kind).toBe("limit");
  });

  test("sizes of 2^60 give a table that ends with the file", () => {
    const file = libraryWith([{ name: "a", address: 0x1000 }]);
    const huge = edited((bytes) => bytes.writeBigUInt64LE(2n ** 60n, bytes.length - 3 * 64 + 32), file);
    const count = opened(huge).symbolTable("static")?.count ?? 0;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(huge.length / 24);
  });
});

function edited(edit: (file: Buffer) => void, file = libraryWith([{ name: "a", address: 0x1000, size: 16 }])): Buffer {
  edit(file);
  return file;
}

test("a debug link that leads into another folder is none", () => {
  for (const name of ["../../etc/shadow", "/etc/shadow", "..", ""]) {
    const content = Buffer.alloc(64);
    content.write(name);
    const file = elfImage({ sections: [{ name: ".gnu_debuglink", type: 1, content }] });
    expect(opened(file).debugLink).toBeUndefined();
  }
});

test("any bytes behind an ELF header are answered", () => {
  const start = readFileSync(LIBC).subarray(0, 64);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (rest, fields) => {
      const file = Buffer.concat([start, rest]);
      file.set(fields, 32);
      const elf = openElf(bytesSource(file));
      if (elf instanceof ElfFile) {
        elf.symbolTable("static")?.withPrefix("a", 10);
        elf.symbolTable("dynamic")?.withPrefix("a", 10);
      }
    }),
    { numRuns: 2000 },
  );
});
