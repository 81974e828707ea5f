import type { ElfFile } from "../elf/elf-file.ts";
import { SectionType } from "../elf/sections.ts";
import { type ElfSymbol, SymbolBinding, SymbolEntry, type ElfSymbolTable, SymbolType } from "../elf/symbol-table.ts";
import { demangle } from "../demangle/demangle.ts";
import { isPreferredName } from "../preferred-name.ts";
import { lastAtOrBelow, sortByKey } from "../radix-sort.ts";
import { codeSegments, type CodeRange, rangeOf } from "./code-ranges.ts";

/** The function that an address lies in. */
export interface NativeFunction {
  /** Demangled where it was mangled. */
  readonly name: string;
  /** As the compiler wrote it, without a version; undefined if the same as `name`. */
  readonly systemName: string | undefined;
  /** Virtual address of its first byte. */
  readonly start: number;
  /** The first byte behind it; where the table doesn't say, the next symbol or the end of the section. */
  readonly end: number;
}

/** A function of that name as the table has it. */
export function namedFunction(systemName: string, start: number, end: number): NativeFunction {
  const name = demangle(systemName);
  return { name, systemName: name === systemName ? undefined : systemName, start, end };
}

/** Addresses are kept relative to the lowest code, in 32 bits. No file has 4 GiB of it. */
const MAX_RELATIVE_ADDRESS = 0xffffffff;
/** Symbols looked at, downwards from an address, until one is found that reaches up to it. */
const MAX_CANDIDATES = 64;
/** Functions remembered with their names, two bytes a character: some 300, more than a program has hot ones. */
const MAX_REMEMBERED_BYTES = 64 << 10;
/** The record and its place in the map, beside the characters. */
const RECORD_BYTES = 150;
/** Special section numbers (imported, absolute, common) and those beyond 65,279, of which no linked file has any. */
const FIRST_RESERVED_SECTION = 0xff00;

/**
 * The functions of one symbol table by address. Keeps 9 bytes a symbol (address, number, and the order of magnitude of
 * its size); the rest is read again from the file when an address is looked up, so the source must stay open.
 */
export class FunctionIndex {
  /** Symbols indexed: functions, and labels in code as assembly has them. */
  readonly count: number;
  readonly #table: ElfSymbolTable;
  readonly #base: number;
  readonly #addresses: Uint32Array;
  readonly #numbers: Uint32Array;
  /** Bits of the size: a symbol reaches less than 2^bits bytes. What doesn't reach an address needn't be read again. */
  readonly #sizeBits: Uint8Array;
  readonly #sections: readonly CodeRange[];
  /** Functions that were found, by the address at which they begin. */
  readonly #remembered = new Map<number, NativeFunction>();
  #rememberedBytes = 0;

  private constructor(
    table: ElfSymbolTable,
    base: number,
    sections: readonly CodeRange[],
    sorted: ReturnType<typeof sortByKey>,
    sizeBitsByNumber: Uint8Array,
  ) {
    this.#table = table;
    this.#base = base;
    this.#addresses = sorted.keys;
    this.#numbers = sorted.values;
    this.#sizeBits = new Uint8Array(sorted.values.length);
    for (let at = 0; at < sorted.values.length; at++) this.#sizeBits[at] = sizeBitsByNumber[sorted.values[at]!]!;
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
    const sizeBits = new Uint8Array(table.count);
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
        const sizeHigh = view.getUint32(at + SymbolEntry.SIZE + 4, true);
        sizeBits[first + record] = sizeHigh > 0 ? 32 : 32 - Math.clz32(view.getUint32(at + SymbolEntry.SIZE, true));
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
      sizeBits,
    );
  }

  /** Bytes kept. */
  get memoryBytes(): number {
    const { byteLength } = this.#addresses;
    return byteLength + this.#numbers.byteLength + this.#sizeBits.byteLength + this.#rememberedBytes;
  }

  /** The function that holds a virtual address. Not the one before it, if that is known to end earlier. */
  find(address: number): NativeFunction | undefined {
    const relative = address - this.#base;
    const last = relative >= 0 && relative <= MAX_RELATIVE_ADDRESS ? lastAtOrBelow(this.#addresses, relative) : -1;
    if (last < 0) return undefined;
    const known = this.#remembered.get(this.#addresses[last]!);
    if (known && address < known.end) return known;

    const best = this.#best(last, relative);
    if (!best) return undefined;
    const start = this.#base + best.start;
    const end = best.sizeBytes > 0 ? start + best.sizeBytes : this.#endWithoutSize(last, address);
    const found = namedFunction(best.name, start, end);
    this.#remember(best.start, found);
    return found;
  }

  #best(last: number, relative: number): Candidate | undefined {
    const nearest = this.#addresses[last]!;
    let best: Candidate | undefined;
    for (let at = last; at >= 0 && last - at < MAX_CANDIDATES; at--) {
      const start = this.#addresses[at]!;
      // Aliases of a function that was found may follow; what begins before it can only be something around it.
      if (best && best.rank >= RANK_FUNCTION && best.start !== start) break;
      const bits = this.#sizeBits[at]!;
      if (bits === 0 ? start !== nearest : relative - start >= 2 ** bits) continue;
      const candidate = this.#candidate(this.#numbers[at]!, start, relative);
      if (candidate && (!best || isBetter(candidate, best))) best = candidate;
    }
    return best;
  }

  #endWithoutSize(last: number, address: number): number {
    const next = this.#base + (this.#addresses[last + 1] ?? MAX_RELATIVE_ADDRESS);
    return Math.min(next, rangeOf(this.#sections, address)?.end ?? next);
  }

  #remember(start: number, found: NativeFunction): void {
    if (this.#rememberedBytes > MAX_REMEMBERED_BYTES) {
      this.#remembered.clear();
      this.#rememberedBytes = 0;
    }
    this.#remembered.set(start, found);
    this.#rememberedBytes += RECORD_BYTES + 2 * (found.name.length + (found.systemName?.length ?? 0));
  }

  /** Symbol `number` if it holds the address. One without a size reaches to the next symbol, inside its section. */
  #candidate(number: number, start: number, relative: number): Candidate | undefined {
    const symbol = this.#table.symbol(number);
    if (!symbol || (symbol.sizeBytes > 0 && relative >= start + symbol.sizeBytes)) return undefined;
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
