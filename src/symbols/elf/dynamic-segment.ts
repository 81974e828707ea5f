import type { ElfFile } from "./elf-file.ts";
import { SegmentType } from "./segments.ts";
import { ElfSymbolTable } from "./symbol-table.ts";
import { readExactly, readU64, walkRecords } from "./windows.ts";

/** Tags of the dynamic segment (elf(5), `d_tag`). */
const Tag = { HASH: 4, STRTAB: 5, SYMTAB: 6, STRSZ: 10, GNU_HASH: 0x6ffffef5 } as const;
const ENTRY_BYTES = 16;
/** Linkers write about forty; one more for each library that is needed. */
const MAX_ENTRIES = 4096;
/** Buckets, and symbols of one chain, looked at while counting. */
const MAX_COUNTED = 1_000_000;

/**
 * The dynamic symbols of a file without section headers, found the way the loader finds them. The segment doesn't say
 * how many there are: the hash tables do.
 */
export function symbolTableFromDynamicSegment(elf: ElfFile): ElfSymbolTable | undefined {
  const dynamic = elf.segments.find(({ type }) => type === SegmentType.DYNAMIC);
  if (!dynamic) return undefined;
  const values = new Map<number, number>();
  const entries = Math.min(MAX_ENTRIES, Math.floor(dynamic.fileSizeBytes / ENTRY_BYTES));
  walkRecords(elf.source, dynamic.filePosition, ENTRY_BYTES, entries, (view, records) => {
    for (let at = 0; at < records * ENTRY_BYTES; at += ENTRY_BYTES) {
      const tag = readU64(view, at);
      if (tag === 0) return false;
      if (!values.has(tag)) values.set(tag, readU64(view, at + 8));
    }
    return true;
  });

  const position = (tag: number): number | undefined => elf.toFilePosition(values.get(tag) ?? -1);
  const symbols = position(Tag.SYMTAB);
  const names = position(Tag.STRTAB);
  if (symbols === undefined || names === undefined) return undefined;
  const count = countByHash(elf, position(Tag.HASH)) ?? countByGnuHash(elf, position(Tag.GNU_HASH));
  if (count === undefined) return undefined;
  const sizeBytes = values.get(Tag.STRSZ) ?? 0;
  const table = new ElfSymbolTable(elf.source, { position: symbols, count }, { position: names, sizeBytes });
  return table.count > 0 ? table : undefined;
}

/** `DT_HASH`: number of buckets, then number of chain links, which is one a symbol. */
function countByHash(elf: ElfFile, position: number | undefined): number | undefined {
  return position === undefined ? undefined : readExactly(elf.source, position, 8)?.getUint32(4, true);
}

/**
 * `DT_GNU_HASH`: number of buckets, first hashed symbol, words of the Bloom filter, shift; the filter (64-bit words);
 * the buckets with the first symbol of each; then a hash a symbol, whose lowest bit marks the end of a chain. The last
 * symbol ends the chain that begins last.
 */
function countByGnuHash(elf: ElfFile, position: number | undefined): number | undefined {
  const header = position === undefined ? undefined : readExactly(elf.source, position, 16);
  if (position === undefined || !header) return undefined;
  const buckets = header.getUint32(0, true);
  const firstHashed = header.getUint32(4, true);
  const bucketsPosition = position + 16 + header.getUint32(8, true) * 8;
  let lastChain = 0;
  walkRecords(elf.source, bucketsPosition, 4, Math.min(buckets, MAX_COUNTED), (view, records) => {
    for (let index = 0; index < records; index++) lastChain = Math.max(lastChain, view.getUint32(index * 4, true));
  });
  if (lastChain < firstHashed) return firstHashed;

  let count: number | undefined;
  const chain = bucketsPosition + buckets * 4 + (lastChain - firstHashed) * 4;
  walkRecords(elf.source, chain, 4, MAX_COUNTED, (view, records, first) => {
    for (let index = 0; index < records; index++) {
      if ((view.getUint32(index * 4, true) & 1) === 0) continue;
      count = lastChain + first + index + 1;
      return false;
    }
    return true;
  });
  return count;
}
