import type { ByteSource } from "../byte-source.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { symbolTableFromDynamicSegment } from "./dynamic-segment.ts";
import { readSections, type ElfSection, SectionType } from "./sections.ts";
import { readSegments, type ElfSegment, SegmentType } from "./segments.ts";
import { readIdentity, type ElfIdentity } from "./identity.ts";
import { symbolTableFromSections, type ElfSymbolTable } from "./symbol-table.ts";
import { readExactly, readU64 } from "./windows.ts";

const HEADER_BYTES = 64;
/** `\x7fELF` read as a little-endian number. */
const MAGIC = 0x464c457f;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const MACHINES = new Map<number, ElfFile["machine"]>([
  [62, "x86_64"],
  [183, "arm64"],
]);
const TYPES = new Map<number, ElfFile["type"]>([
  [2, "executable"],
  [3, "shared"],
]);
/** Code is mapped in pages; 64 KiB are the largest of both machines. */
const LARGEST_PAGE_BYTES = 64 << 10;

/**
 * An ELF executable or shared library for x86-64 or arm64. Holds headers only (a few kilobytes); everything else is
 * read when it's asked for. Sizes and positions in it are claims of the file: the methods here check them, those who
 * take them from `sections` or `segments` must check them too.
 */
export class ElfFile implements ElfIdentity {
  readonly source: ByteSource;
  readonly machine: "x86_64" | "arm64";
  /** `executable` is linked to fixed addresses, `shared` is loaded anywhere (libraries and PIE). */
  readonly type: "executable" | "shared";
  /** Virtual address where execution begins; 0 if there is none. */
  readonly entryAddress: number;
  readonly segments: readonly ElfSegment[];
  /** Empty where there are none, or where they can't be read (`sectionProblem`): the kernel runs such files as well. */
  readonly sections: readonly ElfSection[];
  readonly sectionProblem: SymbolProblem | undefined;
  readonly gnuBuildId: string | undefined;
  readonly goBuildId: string | undefined;
  readonly debugLink: ElfIdentity["debugLink"];

  /** Use {@link openElf}. */
  constructor(
    source: ByteSource,
    header: Pick<ElfFile, "machine" | "type" | "entryAddress">,
    segments: readonly ElfSegment[],
    sections: readonly ElfSection[] | SymbolProblem,
  ) {
    this.source = source;
    this.machine = header.machine;
    this.type = header.type;
    this.entryAddress = header.entryAddress;
    this.segments = segments;
    this.sections = sections instanceof SymbolProblem ? [] : sections;
    this.sectionProblem = sections instanceof SymbolProblem ? sections : undefined;
    const identity = readIdentity(source, segments, this.sections);
    this.gnuBuildId = identity.gnuBuildId;
    this.goBuildId = identity.goBuildId;
    this.debugLink = identity.debugLink;
  }

  /** The first section of that name, e.g. `.gopclntab`. */
  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /**
   * Virtual address (as symbol tables have it) of a position in the file that was found in an executable mapping.
   * Packed files have segments that share pages, which are then mapped twice; code stands in the executable one. A
   * position in its pages, but outside of what the segment holds, still gets the address at which it is mapped.
   *
   * @returns undefined when no executable segment maps the position
   */
  toVirtualAddress(filePosition: number): number | undefined {
    let neighbour: number | undefined;
    for (const segment of this.segments) {
      if (segment.type !== SegmentType.LOAD || !segment.executable) continue;
      const within = filePosition - segment.filePosition;
      if (within >= 0 && within < segment.fileSizeBytes) return segment.virtualAddress + within;
      const shared = segment.filePosition % LARGEST_PAGE_BYTES;
      const lastPage = LARGEST_PAGE_BYTES - ((segment.filePosition + segment.fileSizeBytes) % LARGEST_PAGE_BYTES);
      if (within >= -shared && within < segment.fileSizeBytes + lastPage) neighbour ??= segment.virtualAddress + within;
    }
    return neighbour;
  }

  /** Position in the file of a virtual address (of any loaded segment); undefined if the file doesn't hold it. */
  toFilePosition(virtualAddress: number): number | undefined {
    for (const segment of this.segments) {
      if (segment.type !== SegmentType.LOAD) continue;
      const within = virtualAddress - segment.virtualAddress;
      if (within >= 0 && within < segment.fileSizeBytes) return segment.filePosition + within;
    }
    return undefined;
  }

  /**
   * Fills `target` with what is loaded at a virtual address, before relocation.
   *
   * @returns bytes read, up to the end of the segment; 0 when nothing is loaded there
   */
  readVirtual(virtualAddress: number, target: Uint8Array): number {
    const position = this.toFilePosition(virtualAddress);
    return position === undefined ? 0 : this.source.read(target, position);
  }

  /**
   * The whole content of a section, newly allocated. For small ones: larger than `maxBytes` is refused.
   *
   * @returns undefined when there is no content in the file (or it is compressed), it runs past the end, or is too large
   */
  readSection(section: ElfSection, maxBytes: number): Uint8Array | undefined {
    if (section.type === SectionType.NOBITS || section.compressed || section.sizeBytes > maxBytes) return undefined;
    const view = readExactly(this.source, section.filePosition, section.sizeBytes);
    return view && new Uint8Array(view.buffer);
  }

  /**
   * Where symbols stand: `static` is `.symtab`, gone in stripped files; `dynamic` is `.dynsym`, what is exported and
   * imported, found also in files without section headers.
   */
  symbolTable(which: "static" | "dynamic"): ElfSymbolTable | undefined {
    const table = symbolTableFromSections(this.source, this.sections, which);
    if (table || which === "static") return table;
    return symbolTableFromDynamicSegment(this);
  }
}

/** Reads the headers of an ELF file. Never throws; work and memory are bounded whatever the bytes say. */
export function openElf(source: ByteSource): ElfFile | SymbolProblem {
  const header = readExactly(source, 0, HEADER_BYTES);
  if (!header || header.getUint32(0, true) !== MAGIC) return new SymbolProblem("unsupported", "not an ELF file");
  if (header.getUint8(4) !== CLASS_64) return new SymbolProblem("unsupported", "not a 64-bit ELF file");
  if (header.getUint8(5) !== LITTLE_ENDIAN) return new SymbolProblem("unsupported", "not little endian");
  const machine = MACHINES.get(header.getUint16(18, true));
  if (!machine) return new SymbolProblem("unsupported", `machine ${header.getUint16(18, true)}`);
  const type = TYPES.get(header.getUint16(16, true));
  if (!type) return new SymbolProblem("unsupported", `ELF type ${header.getUint16(16, true)}`);

  const segments = readSegments(source, header);
  if (segments instanceof SymbolProblem) return segments;
  return new ElfFile(
    source,
    { machine, type, entryAddress: readU64(header, 24) },
    segments,
    readSections(source, header),
  );
}
