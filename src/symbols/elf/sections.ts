import type { ByteSource } from "../byte-source.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { readExactly, readU64 } from "./windows.ts";

/** Kinds of sections that matter here (elf(5), `sh_type`). */
export const SectionType = { SYMTAB: 2, RELA: 4, NOTE: 7, NOBITS: 8, DYNSYM: 11 } as const;

/** One section header: a named part of the file. */
export interface ElfSection {
  /** Its number, as symbols refer to it. */
  readonly index: number;
  /** E.g. `.text`; empty where the name can't be read. */
  readonly name: string;
  /** See {@link SectionType}; others occur. */
  readonly type: number;
  readonly executable: boolean;
  /** Its content is behind a compression header (SHF_COMPRESSED). */
  readonly compressed: boolean;
  /** 0 if it isn't loaded. */
  readonly virtualAddress: number;
  readonly filePosition: number;
  readonly sizeBytes: number;
  /** Number of a section that belongs to it: the names of a symbol table, the symbols of relocations. */
  readonly link: number;
  /** Bytes of one of its entries, if it is a table of equal ones; else 0. */
  readonly entryBytes: number;
}

const ENTRY_BYTES = 64;
/** Linked files have some forty. Object files compiled with a section a function have more, but nobody runs them. */
const MAX_SECTIONS = 4096;
const MAX_NAME_TABLE_BYTES = 256 << 10;
/** Section 0 then holds the real number (elf(5), `SHN_XINDEX`). */
const INDEX_ELSEWHERE = 0xffff;
const FLAG_EXECUTE = 0x4;
const FLAG_COMPRESSED = 0x800;

/** Reads the section headers that the ELF header points to. Empty when the file has none. */
export function readSections(source: ByteSource, header: DataView): readonly ElfSection[] | SymbolProblem {
  const position = readU64(header, 40);
  const entryBytes = header.getUint16(58, true);
  if (position === 0) return [];
  if (entryBytes !== ENTRY_BYTES) return new SymbolProblem("corrupt", `section headers of ${entryBytes} bytes`);
  const first = readExactly(source, position, ENTRY_BYTES);
  if (!first) return pastTheEnd(source, position);
  const count = header.getUint16(60, true) || readU64(first, 32);
  if (count > MAX_SECTIONS) return new SymbolProblem("limit", `${count} section headers`);
  const table = readExactly(source, position, count * ENTRY_BYTES);
  if (!table) return pastTheEnd(source, position);

  const namesIndex = header.getUint16(62, true);
  const names = readNames(source, table, namesIndex === INDEX_ELSEWHERE ? first.getUint32(40, true) : namesIndex);
  return Array.from({ length: count }, (_, index): ElfSection => {
    const at = index * ENTRY_BYTES;
    const flags = table.getUint32(at + 8, true);
    return {
      index,
      name: nameAt(names, table.getUint32(at, true)),
      type: table.getUint32(at + 4, true),
      executable: (flags & FLAG_EXECUTE) !== 0,
      compressed: (flags & FLAG_COMPRESSED) !== 0,
      virtualAddress: readU64(table, at + 16),
      filePosition: readU64(table, at + 24),
      sizeBytes: readU64(table, at + 32),
      link: table.getUint32(at + 40, true),
      entryBytes: readU64(table, at + 56),
    };
  });
}

function pastTheEnd(source: ByteSource, position: number): SymbolProblem {
  return new SymbolProblem("corrupt", `section headers at ${position} run past the end (${source.sizeBytes} bytes)`);
}

function readNames(source: ByteSource, table: DataView, index: number): Buffer {
  const at = index * ENTRY_BYTES;
  if (at >= table.byteLength) return Buffer.alloc(0);
  const sizeBytes = Math.min(readU64(table, at + 32), MAX_NAME_TABLE_BYTES);
  const view = readExactly(source, readU64(table, at + 24), sizeBytes);
  return view ? Buffer.from(view.buffer) : Buffer.alloc(0);
}

/** Longer than any name a linker gives. */
const MAX_SECTION_NAME_BYTES = 256;

function nameAt(names: Buffer, at: number): string {
  const zero = names.indexOf(0, at);
  if (at >= names.length || zero < 0) return "";
  return names.toString("latin1", at, Math.min(zero, at + MAX_SECTION_NAME_BYTES));
}
