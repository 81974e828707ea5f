import { bytesSource } from "../byte-source.ts";
import { type ElfFile, openElf } from "../elf/elf-file.ts";
import { type DebugFileSource, findDebugFile, type OpenDebugFile } from "./debug-file.ts";
import { FunctionIndex, type NativeFunction } from "./function-index.ts";
import { ProcedureLinkage } from "./procedure-linkage.ts";

/** Where debug files may be found for a program. All of it is optional. */
export interface DebugFileSettings {
  /** Path of the program as its process sees it, e.g. `/usr/bin/node`: a debug link is relative to it. */
  readonly programPath?: string | undefined;
  readonly open?: OpenDebugFile | undefined;
}

/**
 * Names of one program or library, from the best of its symbol tables. Keeps 9 bytes a symbol; names are read from the
 * file when they are asked for, so the ELF file's source must stay open as long as this is used.
 */
export class NativeSymbols {
  /** Where the names come from: `none` if the file has no table that names functions. */
  readonly origin: "symtab" | "debug file" | "mini debuginfo" | "dynsym" | "none";
  readonly #indexes: readonly FunctionIndex[];
  readonly #linkage: ProcedureLinkage;
  readonly #debugFile: DebugFileSource | undefined;
  readonly #extraBytes: number;
  /** Symbols of which no more than their number is known: there are too many. */
  readonly symbolsLeftOut: number;

  /** Use {@link openNativeSymbols}. */
  constructor(
    origin: NativeSymbols["origin"],
    elf: ElfFile,
    indexes: readonly FunctionIndex[],
    kept: { readonly debugFile?: DebugFileSource; readonly bytes?: number; readonly leftOut?: number } = {},
  ) {
    this.origin = origin;
    this.#indexes = indexes;
    this.#linkage = new ProcedureLinkage(elf);
    this.#debugFile = kept.debugFile;
    this.#extraBytes = kept.bytes ?? 0;
    this.symbolsLeftOut = kept.leftOut ?? 0;
  }

  /** Bytes kept, for a bound over many programs. */
  get memoryBytes(): number {
    return this.#indexes.reduce((sum, index) => sum + index.memoryBytes, this.#extraBytes);
  }

  /** Functions and labels known; aliases count each. */
  get symbolCount(): number {
    return this.#indexes.reduce((sum, index) => sum + index.count, 0);
  }

  /**
   * The function that holds a virtual address (see `ElfFile.toVirtualAddress`); undefined where no symbol covers it.
   * For a caller's frame give the return address minus one.
   */
  find(address: number): NativeFunction | undefined {
    const stub = this.#linkage.find(address);
    if (stub) return stub;
    let nearest: NativeFunction | undefined;
    for (const index of this.#indexes) {
      const found = index.find(address);
      if (found && (!nearest || found.start > nearest.start)) nearest = found;
    }
    return nearest;
  }

  /** Closes the debug file, if one is used. The program's own source is the caller's. */
  close(): void {
    this.#debugFile?.close();
  }
}

/**
 * Finds and indexes the symbols of a program: `.symtab`; else that of its debug file; else `.dynsym`, and with it what
 * `.gnu_debugdata` holds. Never fails: a file without symbols has no names. Asynchronous for the decompression alone.
 */
export async function openNativeSymbols(elf: ElfFile, debugFiles: DebugFileSettings = {}): Promise<NativeSymbols> {
  const own = elf.symbolTable("static");
  if (own) return new NativeSymbols("symtab", elf, [FunctionIndex.of(own, elf, elf)], { leftOut: own.leftOut });

  const debugFile = findDebugFile(elf, debugFiles);
  if (debugFile) {
    const index = FunctionIndex.of(debugFile.table, debugFile.elf, elf);
    const { leftOut } = debugFile.table;
    return new NativeSymbols("debug file", elf, [index], { debugFile: debugFile.source, leftOut });
  }

  const dynamic = elf.symbolTable("dynamic");
  const indexes = dynamic ? [FunctionIndex.of(dynamic, elf, elf)] : [];
  const mini = await openMiniDebugInfo(elf);
  if (mini) {
    indexes.push(mini.index);
    return new NativeSymbols("mini debuginfo", elf, indexes, { bytes: mini.bytes });
  }
  return new NativeSymbols(dynamic ? "dynsym" : "none", elf, indexes, { leftOut: dynamic?.leftOut ?? 0 });
}

/** Fedora's are up to 1 MB compressed; a hundred times as much is not decompressed for a few names. */
const MAX_COMPRESSED_BYTES = 4 << 20;

async function openMiniDebugInfo(elf: ElfFile): Promise<{ index: FunctionIndex; bytes: number } | undefined> {
  const section = elf.section(".gnu_debugdata");
  const compressed = section && elf.readSection(section, MAX_COMPRESSED_BYTES);
  if (!compressed) return undefined;
  // Loaded with the first file that needs it: the decompressor brings WebAssembly.
  const { decompressXz } = await import("./xz.ts");
  const bytes = await decompressXz(compressed);
  const inner = bytes && openElf(bytesSource(bytes));
  if (!bytes || !inner || !("symbolTable" in inner)) return undefined;
  const table = inner.symbolTable("static");
  return table && { index: FunctionIndex.of(table, inner, elf), bytes: bytes.length };
}
