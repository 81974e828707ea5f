import type { ElfFile } from "../elf/elf-file.ts";
import { type ElfSection, SectionType } from "../elf/sections.ts";
import { walkRecords, withWindow } from "../elf/windows.ts";
import type { PclntabHeader, PclntabLayout } from "./pclntab-header.ts";

/** What Go's runtime knows of a program and the table doesn't say itself; addresses. */
export interface ModuleData {
  readonly minPc: number;
  readonly maxPc: number;
  /** What code offsets count from. */
  readonly text: number;
  /** What offsets of function data count from; undefined where they are addresses (1.16). */
  readonly functionData: number | undefined;
}

/** Words of `runtime.moduledata`, the same in all releases from 1.16 to 1.26. */
const WORD = { HEADER: 0, NAMES: 1, COMPILATION_UNITS: 4, MIN_PC: 20, MAX_PC: 21, TEXT: 22 } as const;
/** `gofunc`: two words more stand before it since coverage counters came. */
const FUNCTION_DATA: Readonly<Record<PclntabLayout, number | undefined>> = {
  "1.16": undefined,
  "1.18": 38,
  "1.20": 40,
};
const WORDS = 41;
/** 1.26 has a section for it; before, it stands among data without pointers, or with relocations. */
const SECTIONS = [".go.module", ".noptrdata", ".data", ".data.rel.ro"];
/** No program has more data than this to search. */
const MAX_SEARCHED_BYTES = 256 << 20;

/** `Elf64_Rela`, of which only those matter that add the load address: `R_X86_64_RELATIVE`, `R_AARCH64_RELATIVE`. */
const RELOCATION = { BYTES: 24, OFFSET: 0, TYPE: 8, ADDEND: 16 } as const;
const RELATIVE_TYPES = new Set([8, 1027]);
const MAX_RELOCATIONS = 4_000_000;

/** Finds the module data that refer to the table at `tableAddress`. */
export function findModuleData(elf: ElfFile, tableAddress: number, header: PclntabHeader): ModuleData | undefined {
  const expected: Expected = {
    [WORD.HEADER]: tableAddress,
    [WORD.NAMES]: tableAddress + header.names,
    [WORD.COMPILATION_UNITS]: tableAddress + header.compilationUnits,
  };
  const words = findInData(elf, expected) ?? findInRelocations(elf, expected);
  if (!words) return undefined;
  const functionData = FUNCTION_DATA[header.layout];
  return {
    minPc: words[WORD.MIN_PC]!,
    maxPc: words[WORD.MAX_PC]!,
    text: words[WORD.TEXT]!,
    functionData: functionData === undefined ? undefined : words[functionData],
  };
}

/** Words that must be right, by index. */
type Expected = Readonly<Record<number, number>>;

function fits(words: Float64Array, expected: Expected): boolean {
  return Object.entries(expected).every(([index, value]) => words[Number(index)] === value);
}

function findInData(elf: ElfFile, expected: Expected): Float64Array | undefined {
  for (const name of SECTIONS) {
    const section = elf.section(name);
    if (!section || section.type === SectionType.NOBITS) continue;
    const found = searchSection(elf, section, expected);
    if (found) return found;
  }
  return undefined;
}

/** Looks for the table's address, eight bytes aligned, with the right words behind it. */
function searchSection(elf: ElfFile, section: ElfSection, expected: Expected): Float64Array | undefined {
  const pattern = Buffer.alloc(8);
  pattern.writeBigUInt64LE(BigInt(expected[WORD.HEADER]!));
  const end = section.filePosition + Math.min(section.sizeBytes, MAX_SEARCHED_BYTES);
  return withWindow((window) => {
    for (let position = section.filePosition; position < end; position += window.length) {
      const got = elf.source.read(window.subarray(0, Math.min(window.length, end - position)), position);
      const bytes = Buffer.from(window.buffer, 0, got);
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
        if (at % 8 !== 0) continue;
        const words = readWords(elf, position + at);
        if (words && fits(words, expected)) return words;
      }
    }
    return undefined;
  });
}

function readWords(elf: ElfFile, position: number): Float64Array | undefined {
  const bytes = new Uint8Array(WORDS * 8);
  if (elf.source.read(bytes, position) < bytes.length) return undefined;
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: WORDS }, (_, index) => Number(view.getBigUint64(index * 8, true)));
}

/**
 * Position-independent programs linked by the system's linker have zeros where addresses will be; the relocations say
 * which. Two passes: the first finds the word that will point to the table, the second the words behind it.
 */
function findInRelocations(elf: ElfFile, expected: Expected): Float64Array | undefined {
  const section = elf.section(".rela.dyn");
  if (section?.type !== SectionType.RELA) return undefined;
  const candidates: number[] = [];
  eachRelative(elf, section, (offset, addend) => {
    if (addend === expected[WORD.HEADER] && candidates.length < MAX_CANDIDATES) candidates.push(offset);
  });
  for (const start of candidates) {
    const position = elf.toFilePosition(start);
    const words = position === undefined ? undefined : readWords(elf, position);
    if (!words) continue;
    eachRelative(elf, section, (offset, addend) => {
      const index = (offset - start) / 8;
      if (index >= 0 && index < WORDS && Number.isInteger(index)) words[index] = addend;
    });
    if (fits(words, expected)) return words;
  }
  return undefined;
}

/** The module data, its copy in the runtime's list of modules, and what hostile files make up. */
const MAX_CANDIDATES = 8;

function eachRelative(elf: ElfFile, section: ElfSection, visit: (offset: number, addend: number) => void): void {
  const count = Math.min(Math.floor(section.sizeBytes / RELOCATION.BYTES), MAX_RELOCATIONS);
  walkRecords(elf.source, section.filePosition, RELOCATION.BYTES, count, (view, records) => {
    for (let at = 0; at < records * RELOCATION.BYTES; at += RELOCATION.BYTES) {
      if (!RELATIVE_TYPES.has(view.getUint32(at + RELOCATION.TYPE, true))) continue;
      visit(wordAt(view, at + RELOCATION.OFFSET), wordAt(view, at + RELOCATION.ADDEND));
    }
  });
}

function wordAt(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
}
