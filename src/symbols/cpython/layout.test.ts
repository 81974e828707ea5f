import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { openElf, type ElfFile } from "../elf/elf-file.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { LIBC } from "../testing/programs.ts";
import { type CPythonLayout, readCPythonLayout } from "./layout.ts";
import { DEBUG_OFFSETS_BYTES, readDebugOffsets } from "./offsets.ts";
import { oldPython, pythons } from "./testing/pythons.ts";

function elfOf(bytes: Uint8Array): ElfFile {
  const elf = openElf(bytesSource(bytes));
  if (elf instanceof SymbolProblem) throw new Error(elf.detail);
  return elf;
}

function layoutOf(bytes: Uint8Array): CPythonLayout {
  const layout = readCPythonLayout(elfOf(bytes));
  if (layout instanceof SymbolProblem) throw new Error(layout.detail);
  return layout;
}

describe("the interpreter is found in", () => {
  for (const { name, library, path } of pythons()) {
    test(name, () => {
      const layout = layoutOf(readFileSync(library));
      const version = execFileSync(path, ["-c", "import platform; print(platform.python_version())"], {
        encoding: "utf8",
      });
      expect(layout.version).toBe(version.trim());
      expect(layout.offsets).toBeTypeOf("object");
      const symbols = execFileSync("readelf", ["-W", "--dyn-syms", library], { encoding: "utf8", maxBuffer: 16 << 20 });
      const valueOf = (symbol: string): number =>
        parseInt(new RegExp(`: (\\w+) .* ${symbol}$`, "m").exec(symbols)![1]!, 16);
      expect(layout.runtime).toBe(valueOf("_PyRuntime"));
      expect(layout.evaluator[0]!.start).toBe(valueOf("_PyEval_EvalFrameDefault"));
      expect(layout.types).toEqual({
        code: valueOf("PyCode_Type"),
        string: valueOf("PyUnicode_Type"),
        bytes: valueOf("PyBytes_Type"),
      });
    });
  }
});

test.skipIf(!oldPython())("a release before 3.11 is known as one that isn't", () => {
  expect(layoutOf(readFileSync(oldPython()!.library))).toMatchObject({ version: undefined, offsets: "version" });
});

test("other libraries are none", () => {
  expect(readCPythonLayout(elfOf(readFileSync(LIBC)))).toBeInstanceOf(SymbolProblem);
});

const withTable = pythons().find(({ name }) => name.startsWith("3.13"));

describe.skipIf(!withTable)("what 3.13 tells of itself", () => {
  let bytes: Uint8Array;
  let table: number;
  beforeAll(() => {
    bytes = readFileSync(withTable!.library);
    table = elfOf(bytes).toFilePosition(layoutOf(bytes).runtime)!;
  });
  const changed = (at: number, value: number): CPythonLayout["offsets"] => {
    const copy = Uint8Array.from(bytes);
    copy[table + at] = value;
    return layoutOf(copy).offsets;
  };

  test("a build without the global lock says so", () => {
    expect(changed(16, 1)).toBe("free_threaded");
  });

  test("the table of another release, or none, isn't read", () => {
    expect([changed(10, 14), changed(11, 4), changed(0, 0x30)]).toEqual(["version", "version", "version"]);
  });

  test("offsets that can't be are refused", () => {
    const own = bytes.subarray(table, table + DEBUG_OFFSETS_BYTES);
    expect(readDebugOffsets(own)?.isFreeThreaded).toBe(false);
    expect(readDebugOffsets(own.subarray(0, DEBUG_OFFSETS_BYTES - 1))).toBeUndefined();
    const huge = Uint8Array.from(own);
    huge[5 * 8 + 3] = 0xff;
    expect(readDebugOffsets(huge)).toBeUndefined();
  });
});
