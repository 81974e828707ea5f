import type { ElfFile } from "../elf/elf-file.ts";
import type { ElfSymbol, ElfSymbolTable } from "../elf/symbol-table.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { type CPythonOffsets, DEBUG_OFFSETS_BYTES, OFFSETS_3_11, OFFSETS_3_12, readDebugOffsets } from "./offsets.ts";

/** Why an interpreter's frames can't be told, though it is CPython. */
export type CPythonRefusal =
  /** A release whose structures aren't known: before 3.11, after 3.13. */
  | "version"
  /** A build without the global lock, whose objects have other headers. */
  | "free_threaded";

/** What is known of CPython from one executable or library. Addresses are the file's own. */
export interface CPythonLayout {
  /** E.g. `3.11.2`; undefined for releases before 3.11, which don't export it. */
  readonly version: string | undefined;
  /** Code of the evaluator, `_PyEval_EvalFrameDefault`: where native frames stand for Python's. */
  readonly evaluator: readonly { readonly start: number; readonly end: number }[];
  /** Address of `_PyRuntime`. */
  readonly runtime: number;
  /** Addresses of the types by which objects are known. */
  readonly types: { readonly code: number; readonly string: number; readonly bytes: number };
  readonly offsets: CPythonOffsets | CPythonRefusal;
}

const EVALUATOR = "_PyEval_EvalFrameDefault";
/** Symbols that begin with a name that is looked for. */
const MAX_NAMESAKES = 64;

/**
 * Finds CPython's evaluator and structures in an executable or library, by what it exports; stripped ones do as well.
 *
 * @returns a problem when it's no CPython, or what it exports can't be right
 */
export function readCPythonLayout(elf: ElfFile): CPythonLayout | SymbolProblem {
  const exported = elf.symbolTable("dynamic");
  const runtime = exported && find(exported, "_PyRuntime");
  const evaluator = exported && find(exported, EVALUATOR);
  if (!runtime || !evaluator) return new SymbolProblem("unsupported", "exports no _PyRuntime: not CPython");
  const types = {
    code: find(exported, "PyCode_Type")?.value ?? 0,
    string: find(exported, "PyUnicode_Type")?.value ?? 0,
    bytes: find(exported, "PyBytes_Type")?.value ?? 0,
  };
  const known = {
    evaluator: [rangeOf(evaluator), ...coldRanges(elf)],
    runtime: runtime.value,
    types,
  };
  const version = versionOf(elf, exported);
  if (version === undefined) return { ...known, version: undefined, offsets: "version" };
  const text = `${version >>> 24}.${(version >>> 16) & 0xff}.${(version >>> 8) & 0xff}`;
  if (Object.values(types).includes(0)) return new SymbolProblem("corrupt", `CPython ${text} without its types`);
  return { ...known, version: text, offsets: offsetsOf(elf, version, runtime.value) };
}

function offsetsOf(elf: ElfFile, version: number, runtime: number): CPythonLayout["offsets"] {
  switch (version >>> 16) {
    case 0x030b:
      return OFFSETS_3_11;
    case 0x030c:
      return OFFSETS_3_12;
    default: {
      const bytes = new Uint8Array(DEBUG_OFFSETS_BYTES);
      const told = readDebugOffsets(bytes.subarray(0, elf.readVirtual(runtime, bytes)));
      if (told === undefined) return "version";
      return told.isFreeThreaded ? "free_threaded" : told.offsets;
    }
  }
}

/** `Py_Version`: major, minor and micro version in the upper three bytes. */
function versionOf(elf: ElfFile, exported: ElfSymbolTable): number | undefined {
  const symbol = find(exported, "Py_Version");
  const bytes = new Uint8Array(4);
  if (!symbol || elf.readVirtual(symbol.value, bytes) < bytes.length) return undefined;
  return new DataView(bytes.buffer).getUint32(0, true);
}

/** Parts that the compiler moved out of the way; known where the file isn't stripped. */
function coldRanges(elf: ElfFile): readonly { readonly start: number; readonly end: number }[] {
  const all = elf.symbolTable("static")?.withPrefix(`${EVALUATOR}.`, MAX_NAMESAKES) ?? [];
  return all.filter(({ sizeBytes }) => sizeBytes > 0).map(rangeOf);
}

function find(table: ElfSymbolTable, name: string): ElfSymbol | undefined {
  return table.withPrefix(name, MAX_NAMESAKES).find((symbol) => symbol.name === name && symbol.value !== 0);
}

function rangeOf({ value, sizeBytes }: ElfSymbol): { readonly start: number; readonly end: number } {
  return { start: value, end: value + sizeBytes };
}
