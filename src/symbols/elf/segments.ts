import type { ByteSource } from "../byte-source.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { readExactly, readU64 } from "./windows.ts";

/** Kinds of segments that matter here (elf(5), `p_type`). */
export const SegmentType = { LOAD: 1, DYNAMIC: 2, NOTE: 4 } as const;

/** One program header: how a part of the file is loaded. */
export interface ElfSegment {
  /** See {@link SegmentType}; others occur. */
  readonly type: number;
  readonly executable: boolean;
  readonly filePosition: number;
  readonly fileSizeBytes: number;
  /** Before relocation. */
  readonly virtualAddress: number;
  /** At least `fileSizeBytes`; the rest is zero. */
  readonly memorySizeBytes: number;
}

const ENTRY_BYTES = 56;
/** Linkers write about a dozen. */
const MAX_SEGMENTS = 256;
const FLAG_EXECUTE = 1;

/** Reads the program headers that the ELF header points to. */
export function readSegments(source: ByteSource, header: DataView): readonly ElfSegment[] | SymbolProblem {
  const position = readU64(header, 32);
  const entryBytes = header.getUint16(54, true);
  const count = header.getUint16(56, true);
  if (count === 0) return [];
  if (entryBytes !== ENTRY_BYTES) return new SymbolProblem("corrupt", `program headers of ${entryBytes} bytes`);
  if (count > MAX_SEGMENTS) return new SymbolProblem("limit", `${count} program headers`);
  const table = readExactly(source, position, count * ENTRY_BYTES);
  if (!table) {
    return new SymbolProblem("corrupt", `program headers at ${position} run past the end (${source.sizeBytes} bytes)`);
  }
  return Array.from({ length: count }, (_, index): ElfSegment => {
    const at = index * ENTRY_BYTES;
    return {
      type: table.getUint32(at, true),
      executable: (table.getUint32(at + 4, true) & FLAG_EXECUTE) !== 0,
      filePosition: readU64(table, at + 8),
      virtualAddress: readU64(table, at + 16),
      fileSizeBytes: readU64(table, at + 32),
      memorySizeBytes: readU64(table, at + 40),
    };
  });
}
