import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { bytesSource } from "../byte-source.ts";
import type { ElfFile } from "../elf/elf-file.ts";
import { openElf } from "../elf/elf-file.ts";
import { libraryWith, type SymbolSettings } from "../testing/elf-image.ts";
import {
  compileC,
  elfAt,
  fileSource,
  filter,
  LIBC,
  nmFunctions,
  run,
  source,
  temporaryFolder,
} from "../testing/programs.ts";
import type { OpenDebugFile } from "./debug-file.ts";
import { type NativeSymbols, openNativeSymbols } from "./native-symbols.ts";

const withoutTools = !(hasProgram("gcc", "--version") && hasProgram("nm", "--version"));
const withoutCpp = !(hasProgram("g++", "--version") && hasProgram("c++filt", "--version"));
const withoutRust = !hasProgram("rustc", "--version");
const withoutXz = !hasProgram("xz", "--version");
const withoutLlvm = !hasProgram("llvm-objcopy", "--version");

/** `> >` and `>>` are the same to us; c++filt writes either, depending on what it wrote before. */
const joined = (text: string): string => text.replaceAll(/> (?=>)/g, ">");

/** Looks up the first and the last byte of every function that nm knows with a size. */
function compareWithNm(symbols: NativeSymbols, path: string, ...options: readonly string[]): number {
  const functions = nmFunctions(path, ...options).filter(({ sizeBytes }) => sizeBytes > 0);
  const names = Map.groupBy(functions, ({ address }) => address);
  for (const { address, sizeBytes, name } of functions) {
    for (const at of [address, address + sizeBytes - 1]) {
      const found = symbols.find(at);
      const known = names.get(found?.start ?? -1)?.map((alias) => alias.name) ?? [];
      if (!known.includes(found?.systemName ?? found?.name ?? "")) expect([at, found]).toEqual([at, name]);
    }
  }
  return functions.length;
}

describe.skipIf(withoutTools)("beside nm", () => {
  test("every function of a program, from its first to its last byte", async () => {
    const path = compileC(temporaryFolder(), "program");
    const symbols = await openNativeSymbols(elfAt(path));
    expect(symbols.origin).toBe("symtab");
    expect(compareWithNm(symbols, path)).toBeGreaterThan(6);
  });

  test("every function that the C library exports", async () => {
    const symbols = await openNativeSymbols(elfAt(LIBC));
    expect(symbols.origin).toBe("dynsym");
    expect(compareWithNm(symbols, LIBC, "-D")).toBeGreaterThan(2000);
    expect(symbols.memoryBytes).toBeLessThan(100_000);
  });

  test("every tenth function of node", async () => {
    const symbols = await openNativeSymbols(elfAt(process.execPath));
    expect(symbols.symbolCount).toBeGreaterThan(80_000);
    expect(symbols.memoryBytes / symbols.symbolCount).toBeLessThan(9.1);
    const functions = nmFunctions(process.execPath).filter(({ sizeBytes }) => sizeBytes > 0);
    const names = Map.groupBy(functions, ({ address }) => address);
    for (let index = 0; index < functions.length; index += 10) {
      const { address, sizeBytes } = functions[index]!;
      const found = symbols.find(address + Math.floor(sizeBytes / 2));
      const start = names.get(found?.start ?? -1)?.map(({ name }) => name) ?? [];
      if (!start.includes(found?.systemName ?? found?.name ?? "")) expect([address, found]).toBe(functions[index]);
    }
  });

  test.skipIf(withoutCpp)("addresses of a C++ program have the names that c++filt gives", async () => {
    const path = join(temporaryFolder(), "program");
    run("g++", "-std=c++17", "-o", path, source("program.cc"));
    const symbols = await openNativeSymbols(elfAt(path));
    compareWithNm(symbols, path);
    const functions = nmFunctions(path).filter(({ sizeBytes }) => sizeBytes > 0);
    expect(functions.length).toBeGreaterThan(30);
    const expected = filter(
      "c++filt",
      ["-i"],
      functions.map(({ name }) => name),
    );
    const starts = Map.groupBy(expected.keys(), (index) => functions[index]!.address);
    for (const [address, indices] of starts) {
      const { name = "", systemName } = symbols.find(address) ?? {};
      const known = indices.map((index) => joined(expected[index]!));
      // One isn't read by c++filt: the templated conversion operator.
      if (!known.includes(systemName ?? name)) expect(known).toContain(joined(name));
    }
  });

  test.skipIf(withoutRust)("a Rust program", async () => {
    const path = join(temporaryFolder(), "program");
    run("rustc", "-Csymbol-mangling-version=v0", "-o", path, source("program.rs"));
    const symbols = await openNativeSymbols(elfAt(path));
    expect(compareWithNm(symbols, path)).toBeGreaterThan(300);
    const found = nmFunctions(path).map(({ address }) => symbols.find(address)?.name);
    expect(found).toContain("<program::Square<f64> as program::Shape>::area");
    expect(found).toContain("program::constants::<'é', true, -5>");
  });
});

describe.skipIf(withoutTools)("stripped programs", () => {
  /** A stripped program, its debug file, and what it knows of itself before. */
  function stripped(): { path: string; debug: string; worker: number; folder: string } {
    const folder = temporaryFolder();
    const path = compileC(folder, "program");
    const worker = nmFunctions(path).find(({ name }) => name === "hidden_worker")?.address ?? 0;
    const debug = join(folder, "program.debug");
    run("objcopy", "--only-keep-debug", path, debug);
    run("objcopy", "--strip-all", path);
    return { path, debug, worker, folder };
  }

  test("have no names for what they don't export, rather than wrong ones", async () => {
    const { path, worker } = stripped();
    const symbols = await openNativeSymbols(elfAt(path));
    expect(symbols.origin).toBe("dynsym");
    expect(symbols.find(worker)).toBeUndefined();
  });

  test("get them from a debug file by build id, in the container before the host", async () => {
    const { path, debug, worker } = stripped();
    const elf = elfAt(path);
    const id = elf.gnuBuildId ?? "";
    const expected = `/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
    for (const place of ["container", "host"]) {
      const tried: string[] = [];
      const open: OpenDebugFile = (candidate, root) => {
        tried.push(`${root} ${candidate}`);
        return candidate === expected && root === place ? fileSource(debug) : undefined;
      };
      const symbols = await openNativeSymbols(elf, { programPath: "/app/program", open });
      expect(symbols.origin).toBe("debug file");
      expect(tried.at(-1)).toBe(`${place} ${expected}`);
      expect(symbols.find(worker)).toMatchObject({ name: "hidden_worker", systemName: undefined, start: worker });
      symbols.close();
    }
  });

  test("get them by debug link, where debuggers look for it", async () => {
    const { path, debug, worker } = stripped();
    run("objcopy", `--add-gnu-debuglink=${debug}`, path);
    for (const place of ["/app/program.debug", "/app/.debug/program.debug", "/usr/lib/debug/app/program.debug"]) {
      const open: OpenDebugFile = (candidate) => (candidate === place ? fileSource(debug) : undefined);
      const symbols = await openNativeSymbols(elfAt(path), { programPath: "/app/program", open });
      expect(symbols.find(worker + 1)?.name).toBe("hidden_worker");
    }
  });

  test("don't choose which of the host's files are opened", async () => {
    const { path, debug } = stripped();
    run("objcopy", `--add-gnu-debuglink=${debug}`, path);
    const tried: string[] = [];
    const open: OpenDebugFile = (candidate, root) => {
      if (root === "host") tried.push(candidate);
      return undefined;
    };
    await openNativeSymbols(elfAt(path), { programPath: "/etc/program", open });
    expect(tried.filter((candidate) => !candidate.startsWith("/usr/lib/debug/"))).toEqual([]);
    expect(tried).toHaveLength(2);
  });

  test("don't take the debug file of another build, by id or by checksum, and close it", async () => {
    const { path, folder } = stripped();
    for (const buildId of ["sha1", "none"]) {
      const own = compileC(folder, `own-${buildId}`, `-Wl,--build-id=${buildId}`);
      const other = compileC(folder, `other-${buildId}`, "-O2", `-Wl,--build-id=${buildId}`);
      run("objcopy", "--strip-all", own);
      run("objcopy", `--add-gnu-debuglink=${path}`, own);
      let closed = 0;
      const open: OpenDebugFile = () => {
        const file = fileSource(other);
        return { ...file, close: () => closed++ };
      };
      const symbols = await openNativeSymbols(elfAt(own), { programPath: "/app/own", open });
      expect(symbols.origin).toBe("dynsym");
      expect(closed).toBeGreaterThanOrEqual(4);
    }
  });

  test("take a debug file without build id when its checksum is the link's", async () => {
    const folder = temporaryFolder();
    const path = compileC(folder, "program", "-Wl,--build-id=none");
    const debug = join(folder, "program.debug");
    run("objcopy", "--only-keep-debug", path, debug);
    run("objcopy", "--strip-all", path);
    run("objcopy", `--add-gnu-debuglink=${debug}`, path);
    const open: OpenDebugFile = (candidate) =>
      basename(candidate) === "program.debug" ? fileSource(debug) : undefined;
    expect((await openNativeSymbols(elfAt(path), { programPath: path, open })).origin).toBe("debug file");
  });

  test.skipIf(withoutXz)("bring them compressed in .gnu_debugdata", async () => {
    const { path, debug, worker, folder } = stripped();
    const mini = join(folder, "mini");
    run("objcopy", "--strip-debug", debug, mini);
    run("xz", mini);
    run("objcopy", "--add-section", `.gnu_debugdata=${mini}.xz`, path);
    const symbols = await openNativeSymbols(elfAt(path));
    expect(symbols.origin).toBe("mini debuginfo");
    expect(symbols.find(worker)?.name).toBe("hidden_worker");
    expect(symbols.memoryBytes).toBeGreaterThan(1000);
  });

  test.skipIf(withoutXz)("bring too much in .gnu_debugdata, or nothing that can be read", async () => {
    const { path, folder } = stripped();
    const bomb = join(folder, "bomb");
    writeFileSync(bomb, Buffer.alloc(9 << 20));
    run("xz", "-1", bomb);
    for (const [name, content] of [
      ["bomb", readFileSync(`${bomb}.xz`)],
      ["garbage", Buffer.from("\xfd7zXZ\0 nothing of the kind", "latin1")],
      ["cut", readFileSync(`${bomb}.xz`).subarray(0, 200)],
    ] as const) {
      const section = join(folder, `${name}.section`);
      writeFileSync(section, content);
      run("objcopy", "--add-section", `.gnu_debugdata=${section}`, path, `${path}.${name}`);
      expect((await openNativeSymbols(elfAt(`${path}.${name}`))).origin).toBe("dynsym");
    }
  });

  test.skipIf(withoutLlvm)("without section headers still know what they export", async () => {
    const folder = temporaryFolder();
    const path = compileC(folder, "library", "-shared", "-fPIC");
    const expected = nmFunctions(path, "-D").find(({ name }) => name === "exported_worker");
    run("llvm-objcopy", "--strip-sections", path);
    const symbols = await openNativeSymbols(elfAt(path));
    expect(symbols.find(expected!.address + 2)?.name).toBe("exported_worker");
  });
});

describe.skipIf(withoutTools)("stubs that call other libraries", () => {
  test.for([
    ["-fcf-protection=none"],
    ["-fcf-protection=full", "-Wl,-z,ibtplt"],
    ["-Wl,-z,now"],
    ["-fno-plt"],
    ["-no-pie"],
  ])("have the names that objdump gives them: %s", async (options) => {
    const path = compileC(temporaryFolder(), "program", ...options);
    const symbols = await openNativeSymbols(elfAt(path));
    const sections = [".plt", ".plt.sec", ".plt.got"].flatMap((name) => ["-j", name]);
    const stubs = [...run("objdump", "-d", ...sections, path).matchAll(/^([0-9a-f]+) <(\w+)@plt>:$/gm)];
    for (const [, address = "", name] of stubs) {
      const start = parseInt(address, 16);
      const found = symbols.find(start + 4);
      expect(found?.name).toBe(`${name}@plt`);
      expect(found?.start).toBe(start);
    }
    expect(stubs.length).toBeGreaterThan(0);
  });
});

describe("one address, several symbols", () => {
  async function named(symbols: readonly SymbolSettings[], address: number): Promise<string | undefined> {
    const elf = openElf(bytesSource(libraryWith(symbols))) as ElfFile;
    return (await openNativeSymbols(elf)).find(address)?.name;
  }

  test("a gap behind a function has no name", async () => {
    const symbols = [
      { name: "one", address: 0x1100, size: 0x10 },
      { name: "two", address: 0x1200, size: 0x10 },
    ];
    expect(await named(symbols, 0x10ff)).toBeUndefined();
    expect(await named(symbols, 0x110f)).toBe("one");
    expect(await named(symbols, 0x1110)).toBeUndefined();
    expect(await named(symbols, 0x1200)).toBe("two");
    expect(await named(symbols, 0x1210)).toBeUndefined();
  });

  test("a function without size reaches to the next symbol or the end of its section", async () => {
    const symbols = [
      { name: "one", address: 0x1100 },
      { name: "two", address: 0x1200 },
    ];
    expect(await named(symbols, 0x11ff)).toBe("one");
    expect(await named(symbols, 0x1fff)).toBe("two");
    expect(await named(symbols, 0x2000)).toBeUndefined();
  });

  test("a function wins over a label inside it, and what is nested over what is around it", async () => {
    const symbols = [
      { name: "outer", address: 0x1100, size: 0x100 },
      { name: "label", address: 0x1110, type: 0, binding: 0 },
      { name: "inner", address: 0x1120, size: 0x10 },
    ];
    expect(await named(symbols, 0x1118)).toBe("outer");
    expect(await named(symbols, 0x1128)).toBe("inner");
    expect(await named(symbols, 0x1130)).toBe("outer");
  });

  test("a label names code that nothing else does, but not data", async () => {
    expect(await named([{ name: "_start", address: 0x1100, type: 0 }], 0x1104)).toBe("_start");
    expect(await named([{ name: "datum", address: 0x1100, type: 0, section: 0xfff1 }], 0x1104)).toBeUndefined();
  });

  test("marks that arm64's assembler writes are no names", async () => {
    const symbols = [
      { name: "real", address: 0x1100, type: 0 },
      { name: "$x", address: 0x1110, type: 0, binding: 0 },
      { name: "$d.7", address: 0x1110, type: 0, binding: 0 },
    ];
    expect(await named([{ ...symbols[0]!, type: 2, size: 0x20 }, ...symbols.slice(1)], 0x1114)).toBe("real");
    expect(await named(symbols.slice(1), 0x1114)).toBeUndefined();
  });

  test.for([
    [["__write", "write", "__libc_write"], "write"],
    [["_ZN1AC2Ev", "_ZN1AC1Ev"], "A::A()"],
    [["zeta", "beta"], "beta"],
    [["longer_name", "short"], "short"],
  ] as const)("of the aliases %j people know %s", async ([aliases, expected]) => {
    const symbols = aliases.map((name) => ({
      name,
      address: 0x1100,
      size: 16,
      binding: name.startsWith("__") ? 1 : 2,
    }));
    expect(await named(symbols, 0x1104)).toBe(expected);
    expect(await named(symbols.toReversed(), 0x1104)).toBe(expected);
  });

  test("what was asked for before doesn't change the answer", async () => {
    const symbols = [
      { name: "outer", address: 0x1100, size: 0x100 },
      { name: "inner", address: 0x1120, size: 0x10 },
      { name: "unsized", address: 0x1300 },
    ];
    const opened = await openNativeSymbols(openElf(bytesSource(libraryWith(symbols))) as ElfFile);
    const addresses = [0x1118, 0x1128, 0x1130, 0x1200, 0x1300, 0x1fff, 0x2000];
    const expected = ["outer", "inner", "outer", undefined, "unsized", "unsized", undefined];
    for (let round = 0; round < 50; round++) {
      const order = addresses.map((_, index) => (index * 3 + round) % addresses.length);
      for (const index of order) expect(opened.find(addresses[index]!)?.name).toBe(expected[index]);
    }
  });

  test("what others see wins over what is local", async () => {
    const symbols = [
      { name: "a", address: 0x1100, size: 16, binding: 0 },
      { name: "visible", address: 0x1100, size: 16, binding: 1 },
    ];
    expect(await named(symbols, 0x1104)).toBe("visible");
  });

  test("a version is not part of the name", async () => {
    expect(await named([{ name: "memcpy@@GLIBC_2.14", address: 0x1100, size: 16 }], 0x1104)).toBe("memcpy");
  });

  test("thousands of symbols at one address cost no more than dozens", async () => {
    const symbols = Array.from({ length: 50_000 }, (_, index) => ({ name: `s${index}`, address: 0x1100, size: 1 }));
    let reads = 0;
    const bytes = bytesSource(libraryWith(symbols));
    const counting = { ...bytes, read: (target: Uint8Array, at: number) => (reads++, bytes.read(target, at)) };
    const opened = await openNativeSymbols(openElf(counting) as ElfFile);
    reads = 0;
    expect(opened.find(0x1180)).toBeUndefined();
    expect(reads).toBeLessThan(200);
  });
});

test("the vDSO is read from memory", async () => {
  const range = /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(readFileSync("/proc/self/maps", "utf8"));
  const start = parseInt(range?.[1] ?? "", 16);
  const bytes = Buffer.alloc(parseInt(range?.[2] ?? "", 16) - start);
  const memory = openSync("/proc/self/mem", "r");
  readSync(memory, bytes, 0, bytes.length, start);
  closeSync(memory);
  const elf = openElf(bytesSource(bytes)) as ElfFile;
  const symbols = await openNativeSymbols(elf);
  const table = elf.symbolTable("dynamic")!;
  const gettime = table.withPrefix("__vdso_clock_gettime", 1)[0] ?? table.withPrefix("__kernel_clock_gettime", 1)[0];
  expect(symbols.find(gettime!.value + 4)?.name).toMatch(/clock_gettime$/);
});

test("a file without any symbols has no names", async () => {
  const elf = openElf(bytesSource(libraryWith([]))) as ElfFile;
  const symbols = await openNativeSymbols(elf);
  expect(symbols.find(0x1000)).toBeUndefined();
  expect(symbols.memoryBytes).toBe(0);
});

test("a file that shrinks keeps the names that were read, and has no others", async () => {
  const file = libraryWith(["one", "two"].map((name, index) => ({ name, address: 0x1100 + index * 16, size: 16 })));
  let length = file.length;
  const shrinking = {
    sizeBytes: file.length,
    read: (target: Uint8Array, at: number) => bytesSource(file.subarray(0, length)).read(target, at),
  };
  const symbols = await openNativeSymbols(openElf(shrinking) as ElfFile);
  expect(symbols.find(0x1104)?.name).toBe("one");
  length = 100;
  expect(symbols.find(0x1104)?.name).toBe("one");
  expect(symbols.find(0x1114)).toBeUndefined();
});
