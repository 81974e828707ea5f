import type { ElfFile } from "../elf/elf-file.ts";
import { type ElfSection, SectionType } from "../elf/sections.ts";
import { withWindow } from "../elf/windows.ts";
import type { SymbolFrame } from "../frame.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { findModuleData, type ModuleData } from "./module-data.ts";
import { PagedBytes } from "./paged-bytes.ts";
import { type GoFunction, Pclntab } from "./pclntab.ts";
import { readPclntabHeader } from "./pclntab-header.ts";

/** Position-independent programs of Go's own linker have the second name before 1.26. */
const SECTIONS = [".gopclntab", ".data.rel.ro.gopclntab"];
/** Where the system's linker puts position-independent programs' tables, among much else. */
const MERGED_SECTION = ".data.rel.ro";
const MAX_SEARCHED_BYTES = 256 << 20;
const MAX_CANDIDATES = 16;
const MAX_NAME_BYTES = 4096;
/** Names and files that are remembered, of each kind. */
const MAX_TEXTS = 2048;
/** Deeper than any compiler inlines. */
const MAX_DEPTH = 64;

/** A node of an inline tree (`runtime.inlinedCall`), in bytes. */
const INLINED = {
  "1.16": { bytes: 20, name: 12, parentPc: 16, startLine: undefined },
  "1.18": { bytes: 20, name: 12, parentPc: 16, startLine: undefined },
  "1.20": { bytes: 16, name: 4, parentPc: 8, startLine: 12 },
} as const;

/**
 * Functions, files and lines of a Go program, with the functions that the compiler inlined: from the table that the
 * runtime itself needs, and that stripping leaves. Reads what a look-up needs and keeps only names.
 */
export class GoSymbols {
  readonly #elf: ElfFile;
  readonly #table: Pclntab;
  readonly #module: ModuleData;
  readonly #names = new Map<number, string | undefined>();
  readonly #files = new Map<number, string | undefined>();
  #textBytes = 0;

  /** Use {@link openGoSymbols}. */
  constructor(elf: ElfFile, table: Pclntab, module: ModuleData) {
    this.#elf = elf;
    this.#table = table;
    this.#module = module;
  }

  /** Layout of the table, named after the Go release that brought it. */
  get layout(): string {
    return this.#table.header.layout;
  }

  get functionCount(): number {
    return this.#table.header.functionCount;
  }

  get memoryBytes(): number {
    return 512 + this.#table.memoryBytes + this.#textBytes;
  }

  /**
   * The functions at an address, innermost first: all but the last were inlined.
   *
   * @param address virtual address in the file; of a caller, one less than the return address
   * @returns undefined where there's no Go code
   */
  find(address: number): SymbolFrame[] | undefined {
    const offset = address - this.#module.text;
    const found = this.#table.find(offset);
    const name = found && this.#name(found.name);
    if (!found || !name) return undefined;
    const frames: SymbolFrame[] = [];
    let at = offset - found.entry;
    for (let call = this.#inlinedAt(found, at); call && frames.length < MAX_DEPTH; call = this.#inlinedAt(found, at)) {
      frames.push({ ...this.#place(found, at), functionName: call.name, startLine: call.startLine });
      at = call.parentOffset;
    }
    frames.push({ ...this.#place(found, at), functionName: name, startLine: found.startLine });
    return frames;
  }

  #place(found: GoFunction, at: number): Pick<SymbolFrame, "fileName" | "line"> {
    const file = this.#table.fileAt(found.compilationUnit, this.#table.valueAt(found.fileTable, at));
    const line = this.#table.valueAt(found.lineTable, at);
    return { fileName: file === undefined ? undefined : this.#file(file), line: line > 0 ? line : 0 };
  }

  /** The inlined call at an offset of a function; undefined where the code is the function's own. */
  #inlinedAt(
    found: GoFunction,
    at: number,
  ): { readonly name: string; readonly startLine: number; readonly parentOffset: number } | undefined {
    if (found.inlineTree === undefined) return undefined;
    const index = this.#table.valueAt(found.inlineIndexTable, at);
    if (index < 0) return undefined;
    const fields = INLINED[this.#table.header.layout];
    const tree = found.inlineTree + (this.#module.functionData ?? 0);
    const node = new Uint8Array(fields.bytes);
    if (this.#elf.readVirtual(tree + index * fields.bytes, node) < node.length) return undefined;
    const view = new DataView(node.buffer);
    const name = this.#name(view.getUint32(fields.name, true));
    if (!name) return undefined;
    return {
      name,
      startLine: fields.startLine === undefined ? 0 : view.getUint32(fields.startLine, true),
      parentOffset: view.getUint32(fields.parentPc, true),
    };
  }

  #name(position: number): string | undefined {
    return this.#remembered(this.#names, position, () => this.#table.nameAt(position, MAX_NAME_BYTES));
  }

  #file(position: number): string | undefined {
    return this.#remembered(this.#files, position, () => this.#table.fileNameAt(position, MAX_NAME_BYTES));
  }

  #remembered(
    texts: Map<number, string | undefined>,
    position: number,
    read: () => string | undefined,
  ): string | undefined {
    if (texts.has(position)) return texts.get(position);
    if (texts.size >= MAX_TEXTS) {
      this.#names.clear();
      this.#files.clear();
      this.#textBytes = 0;
    }
    const text = read();
    texts.set(position, text);
    this.#textBytes += 64 + (text?.length ?? 0);
    return text;
  }
}

/**
 * Opens the table of a Go program or library, stripped or not. Little is read: its header, the runtime's module data,
 * and the address of every 512th function.
 *
 * @returns undefined when it isn't Go; a problem when it is, but can't be read
 */
export function openGoSymbols(elf: ElfFile): GoSymbols | SymbolProblem | undefined {
  const section = SECTIONS.map((name) => elf.section(name)).find((found) => found !== undefined);
  if (section) return openTable(elf, section, 0);
  const merged = elf.section(".go.buildinfo") && elf.section(MERGED_SECTION);
  if (!merged || merged.type === SectionType.NOBITS || merged.compressed) return undefined;
  for (const start of tableCandidates(elf, merged)) {
    const symbols = openTable(elf, merged, start);
    if (symbols instanceof GoSymbols) return symbols;
  }
  return new SymbolProblem("corrupt", `no pclntab in ${MERGED_SECTION} of a Go program`);
}

/** Where a table may begin inside of a section: bytes that look like its header, with pointers of 8 bytes. */
function tableCandidates(elf: ElfFile, section: ElfSection): number[] {
  const candidates: number[] = [];
  const pattern = Buffer.from([0xff, 0xff, 0xff, 0, 0]);
  withWindow((window) => {
    const end = Math.min(section.sizeBytes, MAX_SEARCHED_BYTES);
    // Tables are aligned to 32 bytes, windows are multiples of that: none lies on a border.
    for (let start = 0; start < end; start += window.length) {
      const got = elf.source.read(
        window.subarray(0, Math.min(window.length, end - start)),
        section.filePosition + start,
      );
      const bytes = Buffer.from(window.buffer, 0, got);
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
        const isHeader = (at - 1) % 8 === 0 && bytes[at + 6] === 8 && candidates.length < MAX_CANDIDATES;
        if (isHeader) candidates.push(start + at - 1);
      }
    }
  });
  return candidates;
}

function openTable(elf: ElfFile, section: ElfSection, start: number): GoSymbols | SymbolProblem {
  if (section.type === SectionType.NOBITS || section.compressed) {
    return new SymbolProblem("unsupported", `${section.name} without content`);
  }
  const position = section.filePosition + start;
  const sizeBytes = Math.min(section.sizeBytes - start, elf.source.sizeBytes - position);
  const bytes = new PagedBytes(elf.source, position, sizeBytes);
  const header = readPclntabHeader(bytes);
  if (header instanceof SymbolProblem) return header;
  const module = findModuleData(elf, section.virtualAddress + start, header);
  if (!module) return new SymbolProblem("corrupt", "no module data that refer to the pclntab");
  const table = new Pclntab(bytes, header, module.text);
  const first = module.text + table.codeOffset(0);
  if (first !== module.minPc) {
    return new SymbolProblem("corrupt", `first function at ${first}, code from ${module.minPc}`);
  }
  return new GoSymbols(elf, table, module);
}
