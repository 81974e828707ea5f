import type { ElfFile } from "../elf/elf-file.ts";
import { SectionType } from "../elf/sections.ts";
import { type ElfSymbol, SymbolBinding, SymbolEntry, type ElfSymbolTable, SymbolType } from "../elf/symbol-table.ts";
import { isPreferredName } from "../preferred-name.ts";
import { lastAtOrBelow, sortByKey } from "../radix-sort.ts";
import { codeSegments, type CodeRange, rangeOf } from "./code-ranges.ts";

/** A function that holds an address. */
export interface FoundFunction {
  /** Virtual address of its first byte. */
  readonly start: number;
  /** The first byte behind it; where the table doesn't say, the next symbol or the end of the section. */
  readonly end: number;
  /** As in the table: mangled, without a version. */
  readonly systemName: string;
}

/** Addresses are kept relative to the lowest code, in 32 bits. No file has 4 GiB of it. */
const MAX_RELATIVE_ADDRESS = 0xffffffff;
/** Symbols looked at, downwards from an address, until one is found that reaches up to it. */
const MAX_CANDIDATES = 64;
/** Special section numbers (imported, absolute, common) and those beyond 65,279, of which no linked file has any. */
const FIRST_RESERVED_SECTION = 0xff00;

/**
 * The functions of one symbol table by address. Keeps 8 bytes a symbol (address and number); type, size and name are
 * read again from the file when an address is looked up, so the source must stay open.
 */
export class FunctionIndex {
  /** Symbols indexed: functions, and labels in code as assembly has them. */
  readonly count: number;
  readonly #table: ElfSymbolTable;
  readonly #base: number;
  readonly #addresses: Uint32Array;
  readonly #numbers: Uint32Array;
  readonly #sections: readonly CodeRange[];

  private constructor(
    table: ElfSymbolTable,
    base: number,
    sections: readonly CodeRange[],
    sorted: ReturnType<typeof sortByKey>,
  ) {
    this.#table = table;
    this.#base = base;
    this.#addresses = sorted.keys;
    this.#numbers = sorted.values;
    this.#sections = sections;
    this.count = sorted.keys.length;
  }

  /**
   * Reads and sorts a table. `elf` is the file that the table is part of; `loaded` the one that is executed, which is
   * another one when the table comes from a file with debug information only.
   */
  static of(table: ElfSymbolTable, elf: ElfFile, loaded: ElfFile): FunctionIndex {
    const segments = codeSegments(loaded);
    const base = segments[0]?.start ?? 0;
    const end = Math.min(segments.at(-1)?.end ?? 0, base + MAX_RELATIVE_ADDRESS);
    const isCode = new Uint8Array(FIRST_RESERVED_SECTION);
    for (const section of elf.sections) if (section.executable) isCode[section.index] = 1;

    const addresses = new Uint32Array(table.count);
    const numbers = new Uint32Array(table.count);
    let count = 0;
    table.walk((view, records, first) => {
      for (let record = 0, at = 0; record < records; record++, at += SymbolEntry.BYTES) {
        const type = view.getUint8(at + SymbolEntry.INFO) & 0xf;
        if (type !== SymbolType.FUNC && type !== SymbolType.NOTYPE && type !== SymbolType.GNU_IFUNC) continue;
        const section = view.getUint16(at + SymbolEntry.SECTION, true);
        if (section === 0 || (type === SymbolType.NOTYPE && isCode[section] !== 1)) continue;
        const address =
          view.getUint32(at + SymbolEntry.VALUE + 4, true) * 0x100000000 + view.getUint32(at + SymbolEntry.VALUE, true);
        if (address < base || address >= end) continue;
        addresses[count] = address - base;
        numbers[count++] = first + record;
      }
    });
    const sections = loaded.sections
      .filter(({ executable, type }) => executable && type !== SectionType.NOBITS)
      .map(({ virtualAddress, sizeBytes }) => ({ start: virtualAddress, end: virtualAddress + sizeBytes }));
    return new FunctionIndex(
      table,
      base,
      sections.length > 0 ? sections : segments,
      sortByKey(addresses, numbers, count),
    );
  }

  /** Bytes kept. */
  get memoryBytes(): number {
    return this.#addresses.byteLength + this.#numbers.byteLength;
  }

  /** The function that holds a virtual address. Not the one before it, if that is known to end earlier. */
  find(address: number): FoundFunction | undefined {
    const relative = address - this.#base;
    const last = relative >= 0 && relative <= MAX_RELATIVE_ADDRESS ? lastAtOrBelow(this.#addresses, relative) : -1;
    if (last < 0) return undefined;
    const nearest = this.#addresses[last]!;
    let best: Candidate | undefined;
    for (let at = last; at >= 0 && last - at < MAX_CANDIDATES; at--) {
      const start = this.#addresses[at]!;
      // Aliases of a function that was found may follow; what begins before it can only be something around it.
      if (best && best.rank >= RANK_FUNCTION && best.start !== start) break;
      const candidate = this.#candidate(this.#numbers[at]!, start, relative, start === nearest);
      if (candidate && (!best || isBetter(candidate, best))) best = candidate;
    }
    if (!best) return undefined;
    const next = this.#addresses[last + 1] ?? MAX_RELATIVE_ADDRESS;
    const sectionEnd = rangeOf(this.#sections, address)?.end ?? Number.POSITIVE_INFINITY;
    return {
      start: this.#base + best.start,
      end: this.#base + (best.sizeBytes > 0 ? best.start + best.sizeBytes : Math.min(next, sectionEnd - this.#base)),
      systemName: best.name,
    };
  }

  /** Symbol `number` if it holds the address. One without a size reaches to the next symbol, inside its section. */
  #candidate(number: number, start: number, relative: number, isNearest: boolean): Candidate | undefined {
    const symbol = this.#table.symbol(number);
    if (!symbol) return undefined;
    if (symbol.sizeBytes > 0 ? relative >= start + symbol.sizeBytes : !isNearest) return undefined;
    if (symbol.sizeBytes === 0) {
      const section = rangeOf(this.#sections, this.#base + start);
      if (!section || this.#base + relative >= section.end) return undefined;
    }
    const name = this.#table.name(symbol)?.text;
    // Marks between code and data on arm64 (ELF for the Arm 64-bit architecture, "Mapping symbols").
    if (!name || (symbol.type === SymbolType.NOTYPE && /^\$[xd](\.|$)/.test(name))) return undefined;
    return { start, sizeBytes: symbol.sizeBytes, rank: rankOf(symbol), name: withoutVersion(name) };
  }
}

interface Candidate {
  /** Relative to the index's base. */
  readonly start: number;
  readonly sizeBytes: number;
  readonly rank: number;
  readonly name: string;
}

const RANK_FUNCTION = 4;

/** A function before a label, a size before none, what others see before what is local. */
function rankOf({ type, binding, sizeBytes }: ElfSymbol): number {
  return (
    (type === SymbolType.NOTYPE ? 0 : RANK_FUNCTION) +
    (sizeBytes > 0 ? 2 : 0) +
    (binding === SymbolBinding.LOCAL ? 0 : 1)
  );
}

/** What begins later is nearer to the address; aliases differ by their names only. */
function isBetter(candidate: Candidate, best: Candidate): boolean {
  if (candidate.rank !== best.rank) return candidate.rank > best.rank;
  if (candidate.start !== best.start) return candidate.start > best.start;
  return isPreferredName(candidate.name, best.name);
}

/** Static tables write the version behind the name: `memcpy@@GLIBC_2.14`. */
function withoutVersion(name: string): string {
  const at = name.indexOf("@");
  return at > 0 ? name.slice(0, at) : name;
}
