/**
 * Names for addresses: ELF symbol tables, Go's pclntab, V8's heap, CPython's objects, perf maps, the kernel's list, demangling; and the
 * callers of a frame, by its file's unwind data. Bytes in, names out. All input is hostile: what can't be read is a value (`SymbolProblem`) or has no name, nothing throws, and
 * work and memory are bounded whatever a file claims.
 *
 * Start reading at `elf/elf-file.ts` and `native/native-symbols.ts`. Left out deliberately: opening files and other
 * processes' memory (the caller does, and hands in `ByteSource`s), DWARF, and which process has what mapped where.
 */
export { bytesSource, type ByteSource } from "./byte-source.ts";
export { type ElfFile, openElf } from "./elf/elf-file.ts";
export type { ElfSection } from "./elf/sections.ts";
export type { ElfSegment } from "./elf/segments.ts";
export type { ElfSymbol, ElfSymbolTable } from "./elf/symbol-table.ts";
export type { SymbolFrame } from "./frame.ts";
export { SymbolProblem } from "./symbol-problem.ts";
export type { NativeFunction } from "./native/function-index.ts";
export { type DebugFileSettings, NativeSymbols, openNativeSymbols } from "./native/native-symbols.ts";
export type { DebugFileSource, OpenDebugFile } from "./native/debug-file.ts";
export { type KernelList, KernelSymbols } from "./kernel/kernel-symbols.ts";
export type { KernelFunction } from "./kernel/kernel-table.ts";
export { PerfMap, type PerfMapFunction } from "./perf-map/perf-map.ts";
export { type GoSymbols, openGoSymbols } from "./go/go-symbols.ts";
export {
  type CPythonCounters,
  type CPythonLayout,
  CPythonNames,
  type CPythonOffsets,
  type CPythonRefusal,
  readCPythonLayout,
} from "./cpython/index.ts";
export type { FramePlace } from "./v8/frame-place.ts";
export { readV8Layout, type V8Layout } from "./v8/layout.ts";
export type { RemoteMemory } from "./v8/remote-memory.ts";
export {
  type CodeSpace,
  type CopiedStack,
  MAX_UNWOUND_FRAMES,
  type UnwindCode,
  UnwindEnd,
  Unwinder,
  UnwindTables,
} from "./unwind/index.ts";
export { V8_FRAME_HALVES, type V8Counters, V8Names } from "./v8/v8-names.ts";
