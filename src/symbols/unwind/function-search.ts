/**
 * Finds the entry of the function that holds an address: by the table that linkers sort for it (`.eh_frame_hdr`), or,
 * where there is none, as in statically linked programs, by one that is made here from all entries.
 */
import type { ElfFile } from "../elf/elf-file.ts";
import { SectionType } from "../elf/sections.ts";
import { readExactly, walkRecords, withWindow } from "../elf/windows.ts";
import { lastAtOrBelow, sortByKey } from "../radix-sort.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { FrameEntries } from "./frame-entries.ts";

/** Where functions' entries are. */
export interface FunctionSearch {
  /** Virtual address and position in the file of the entry that may hold the address; undefined if none can. */
  find(address: number): EntryPlace | undefined;
  /** Functions in the table. */
  readonly functions: number;
  readonly memoryBytes: number;
}

export interface EntryPlace {
  readonly position: number;
  readonly address: number;
}

/** `PT_GNU_EH_FRAME`. */
const FRAME_HEADER_SEGMENT = 0x6474e550;
const HEADER_BYTES = 12;
/** Version 1; the section's address relative to itself in 4 bytes, a count of 4 bytes, pairs relative to the header. */
const HEADER_ENCODINGS = [1, 0x1b, 0x03, 0x3b] as const;
const PAIR_BYTES = 8;
/** One of so many functions is kept in memory, the others are read when they're asked for: 512 bytes at once. */
const STRIDE = 64;
/** 32 MB of pairs. The largest libraries have some 400,000 functions. */
const MAX_FUNCTIONS = 4_000_000;
/** Entries of a file without a sorted table: 8 bytes each are kept. */
const MAX_SCANNED = 1 << 18;
/** Of an entry all but its instructions, as far as it's needed to know which function it is of. */
const SCANNED_BYTES = 32;

/** The linker's table, or else one made here; undefined if the file has no entries. */
export function openFunctionSearch(elf: ElfFile, entries: FrameEntries): FunctionSearch | undefined {
  return SortedTable.open(elf) ?? ScannedTable.open(elf, entries);
}

/** The table in the file, of which only every 64th start is kept: 0.06 bytes a function. */
class SortedTable implements FunctionSearch {
  readonly #elf: ElfFile;
  readonly #headerAddress: number;
  readonly #position: number;
  readonly functions: number;
  /** Relative to the header. */
  readonly #starts: Int32Array;
  readonly #block = new Int32Array(STRIDE * 2);

  static open(elf: ElfFile): SortedTable | undefined {
    const segment = elf.segments.find(({ type }) => type === FRAME_HEADER_SEGMENT);
    const header = segment && readExactly(elf.source, segment.filePosition, HEADER_BYTES);
    if (!header || HEADER_ENCODINGS.some((encoding, at) => header.getUint8(at) !== encoding)) return undefined;
    const room = Math.floor((segment.fileSizeBytes - HEADER_BYTES) / PAIR_BYTES);
    const count = Math.min(header.getUint32(8, true), room, MAX_FUNCTIONS);
    if (!(count > 0)) return undefined;
    return new SortedTable(elf, segment.virtualAddress, segment.filePosition + HEADER_BYTES, count);
  }

  private constructor(elf: ElfFile, headerAddress: number, position: number, count: number) {
    this.#elf = elf;
    this.#headerAddress = headerAddress;
    this.#position = position;
    const starts = new Int32Array(Math.ceil(count / STRIDE));
    let kept = 0;
    const walked = walkRecords(elf.source, position, PAIR_BYTES, count, (view, records, first) => {
      for (let at = (STRIDE - (first % STRIDE)) % STRIDE; at < records; at += STRIDE) {
        starts[kept++] = view.getInt32(at * PAIR_BYTES, true);
      }
    });
    this.functions = walked;
    this.#starts = starts.slice(0, kept);
  }

  get memoryBytes(): number {
    return this.#starts.byteLength + this.#block.byteLength;
  }

  find(address: number): EntryPlace | undefined {
    const wanted = address - this.#headerAddress;
    const inMemory = lastPairAtOrBelow(this.#starts, 1, this.#starts.length, wanted);
    if (inMemory < 0) return undefined;
    const first = inMemory * STRIDE;
    const block = this.#block;
    const bytes = new Uint8Array(block.buffer, 0, Math.min(STRIDE, this.functions - first) * PAIR_BYTES);
    const pairs = Math.floor(this.#elf.source.read(bytes, this.#position + first * PAIR_BYTES) / PAIR_BYTES);
    const found = lastPairAtOrBelow(block, 2, pairs, wanted);
    if (found < 0) return undefined;
    const entry = this.#headerAddress + block[found * 2 + 1]!;
    const position = this.#elf.toFilePosition(entry);
    return position === undefined ? undefined : { position, address: entry };
  }
}

/** Index of the last of `count` numbers, `step` apart, that isn't larger than `wanted`; -1 if all are. */
function lastPairAtOrBelow(numbers: Int32Array, step: number, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle * step]! <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A table made by reading all entries once. */
class ScannedTable implements FunctionSearch {
  /** Sorted, relative to `#base`. */
  readonly #starts: Uint32Array;
  /** Positions of the entries in the section. */
  readonly #entries: Uint32Array;
  readonly #base: number;
  readonly #section: EntryPlace;

  static open(elf: ElfFile, entries: FrameEntries): ScannedTable | undefined {
    const section = elf.section(".eh_frame");
    if (!section || section.type === SectionType.NOBITS || section.compressed) return undefined;
    const place = { position: section.filePosition, address: section.virtualAddress };
    const end = Math.min(section.filePosition + section.sizeBytes, elf.source.sizeBytes);
    const code = elf.segments.filter(({ executable }) => executable).map(({ virtualAddress }) => virtualAddress);
    const table = new ScannedTable(elf, entries, place, end, Math.min(...code));
    return table.functions > 0 ? table : undefined;
  }

  private constructor(elf: ElfFile, entries: FrameEntries, section: EntryPlace, end: number, base: number) {
    this.#section = section;
    this.#base = base;
    const starts: number[] = [];
    const positions: number[] = [];
    for (const position of entryPositions(elf, section.position, end)) {
      const within = position - section.position;
      const start = entries.functionAt(position, section.address + within)?.start;
      if (start === undefined || !(start >= base && start - base < 2 ** 32) || within >= 2 ** 32) continue;
      starts.push(start - base);
      positions.push(within);
      if (starts.length === MAX_SCANNED) break;
    }
    const sorted = sortByKey(Uint32Array.from(starts), Uint32Array.from(positions), starts.length);
    this.#starts = sorted.keys;
    this.#entries = sorted.values;
  }

  get functions(): number {
    return this.#starts.length;
  }

  get memoryBytes(): number {
    return this.#starts.byteLength + this.#entries.byteLength;
  }

  find(address: number): EntryPlace | undefined {
    const found = lastAtOrBelow(this.#starts, address - this.#base);
    if (found < 0) return undefined;
    const within = this.#entries[found]!;
    return { position: this.#section.position + within, address: this.#section.address + within };
  }
}

/** Positions of the functions' entries between `start` and `end`. Each step goes on by the entry's length, at least 8. */
function entryPositions(elf: ElfFile, start: number, end: number): readonly number[] {
  const positions: number[] = [];
  withWindow((window) => {
    let windowStart = 0;
    let windowBytes = 0;
    for (let position = start; position + 8 <= end;) {
      if (position < windowStart || position + SCANNED_BYTES > windowStart + windowBytes) {
        windowStart = position;
        windowBytes = elf.source.read(window.subarray(0, Math.min(window.length, end - position)), position);
      }
      const at = position - windowStart;
      const next = FrameEntries.next(new ByteCursor(window, at, windowBytes), position);
      if (!next || positions.length >= MAX_SCANNED) return;
      if (next.isFunction) positions.push(position);
      position = next.position;
    }
  });
  return positions;
}
