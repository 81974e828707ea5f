import type { ByteSource } from "../byte-source.ts";
import { SectionType, type ElfSection } from "./sections.ts";
import { readExactly, readName, readU64, type StoredName, walkRecords, withWindow } from "./windows.ts";

/** What a symbol names (elf(5), lower half of `st_info`). */
export const SymbolType = { NOTYPE: 0, OBJECT: 1, FUNC: 2, GNU_IFUNC: 10 } as const;
/** Who sees a symbol (elf(5), upper half of `st_info`). */
export const SymbolBinding = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const;

/** One symbol, without its name. */
export interface ElfSymbol {
  /** See {@link SymbolType}; others occur. */
  readonly type: number;
  /** See {@link SymbolBinding}; others occur. */
  readonly binding: number;
  /** Number of its section; 0 for what is imported. */
  readonly sectionIndex: number;
  /** Virtual address, usually. */
  readonly value: number;
  /** 0 if unknown. */
  readonly sizeBytes: number;
  /** Where its name begins in the table's names. */
  readonly nameOffset: number;
}

/** Bytes of an entry, and where its fields are. For loops that read entries in place. */
export const SymbolEntry = { BYTES: 24, NAME: 0, INFO: 4, SECTION: 6, VALUE: 8, SIZE: 16 } as const;

/** Nothing that a person reads is longer; the rest of a name is cut off. */
const MAX_NAME_BYTES = 4096;
/** 24 MB of symbols, which take 16 MB while they are sorted. Node has 146,000. */
const MAX_SYMBOLS = 1_000_000;

/** Where the symbols of an ELF file stand. Reads them when asked for, and keeps nothing. */
export class ElfSymbolTable {
  /** Never more than the file can hold. */
  readonly count: number;
  /** Symbols that the file holds beyond those, for which there is no room. */
  readonly leftOut: number;
  readonly #source: ByteSource;
  readonly #position: number;
  readonly #namesPosition: number;
  readonly #namesEnd: number;

  /** Positions and sizes may be whatever the file says. */
  constructor(
    source: ByteSource,
    symbols: { readonly position: number; readonly count: number },
    names: { readonly position: number; readonly sizeBytes: number },
  ) {
    this.#source = source;
    this.#position = symbols.position;
    const room = Math.floor(Math.max(0, source.sizeBytes - symbols.position) / SymbolEntry.BYTES);
    const held = Math.max(0, Math.min(symbols.count, room));
    this.count = Math.min(held, MAX_SYMBOLS);
    this.leftOut = held - this.count;
    this.#namesPosition = names.position;
    this.#namesEnd = Math.min(names.position + names.sizeBytes, source.sizeBytes);
  }

  /**
   * Hands out all entries in windows, see {@link SymbolEntry} for their fields: `records` of them at the start of
   * `view`, the first being symbol number `first`.
   */
  walk(visit: (view: DataView<ArrayBuffer>, records: number, first: number) => boolean | void): void {
    walkRecords(this.#source, this.#position, SymbolEntry.BYTES, this.count, visit);
  }

  /** Reads one symbol. */
  symbol(index: number): ElfSymbol | undefined {
    if (!(index >= 0 && index < this.count)) return undefined;
    const view = readExactly(this.#source, this.#position + index * SymbolEntry.BYTES, SymbolEntry.BYTES);
    return view && symbolAt(view, 0);
  }

  /** Reads a symbol's name; undefined if it has none, or if it lies outside of the table. */
  name(symbol: Pick<ElfSymbol, "nameOffset">): StoredName | undefined {
    if (symbol.nameOffset === 0) return undefined;
    return readName(this.#source, this.#namesPosition + symbol.nameOffset, this.#namesEnd, MAX_NAME_BYTES);
  }

  /**
   * Symbols whose names begin with `prefix`, in the table's order, at most `maxCount`. One pass over names and symbols:
   * 16 ms for the 39,000 that node exports.
   */
  withPrefix(prefix: string, maxCount: number): readonly (ElfSymbol & { readonly name: string })[] {
    const candidates = this.#nameOffsetsOf(prefix);
    const found: (ElfSymbol & { readonly name: string })[] = [];
    if (candidates.size === 0) return found;
    this.walk((view, records) => {
      for (let at = 0; at < records * SymbolEntry.BYTES; at += SymbolEntry.BYTES) {
        if (!candidates.has(view.getUint32(at, true))) continue;
        const symbol = symbolAt(view, at);
        const name = this.name(symbol)?.text;
        if (name?.startsWith(prefix)) found.push({ ...symbol, name });
        if (found.length >= maxCount) return false;
      }
      return true;
    });
    return found;
  }

  /** Where `prefix` occurs in the names, wherever they begin: linkers let a name end inside another. */
  #nameOffsetsOf(prefix: string): ReadonlySet<number> {
    const wanted = Buffer.from(prefix);
    const offsets = new Set<number>();
    withWindow((window) => {
      let position = this.#namesPosition;
      const end = Math.min(this.#namesEnd, position + MAX_SEARCHED_BYTES);
      while (position < end) {
        const wantedBytes = Math.min(window.length, end - position);
        const bytes = Buffer.from(window.buffer, 0, this.#source.read(window.subarray(0, wantedBytes), position));
        for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
          if (offsets.size >= MAX_PREFIX_OCCURRENCES) return;
          offsets.add(position - this.#namesPosition + at);
        }
        // The next window begins inside this one, for an occurrence may lie on the border.
        if (bytes.length < window.length || bytes.length <= wanted.length) return;
        position += bytes.length - wanted.length + 1;
      }
    });
    return offsets;
  }
}

/** Node has 540 names that begin with `v8dbg_`, in 4 MB of names. */
const MAX_PREFIX_OCCURRENCES = 65_536;
const MAX_SEARCHED_BYTES = 64 << 20;

function symbolAt(view: DataView, at: number): ElfSymbol {
  const info = view.getUint8(at + SymbolEntry.INFO);
  return {
    type: info & 0xf,
    binding: info >> 4,
    sectionIndex: view.getUint16(at + SymbolEntry.SECTION, true),
    value: readU64(view, at + SymbolEntry.VALUE),
    sizeBytes: readU64(view, at + SymbolEntry.SIZE),
    nameOffset: view.getUint32(at + SymbolEntry.NAME, true),
  };
}

/** Finds `.symtab` (`static`) or `.dynsym` (`dynamic`) with their names. */
export function symbolTableFromSections(
  source: ByteSource,
  sections: readonly ElfSection[],
  which: "static" | "dynamic",
): ElfSymbolTable | undefined {
  const type = which === "static" ? SectionType.SYMTAB : SectionType.DYNSYM;
  const symbols = sections.find((section) => section.type === type && !section.compressed);
  const names = symbols && sections[symbols.link];
  if (!symbols || !names || names.type === SectionType.NOBITS || names.compressed) return undefined;
  const table = new ElfSymbolTable(
    source,
    { position: symbols.filePosition, count: Math.floor(symbols.sizeBytes / SymbolEntry.BYTES) },
    { position: names.filePosition, sizeBytes: names.sizeBytes },
  );
  return table.count > 0 ? table : undefined;
}
