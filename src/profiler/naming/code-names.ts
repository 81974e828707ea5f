import {
  type ElfFile,
  type GoSymbols,
  type NativeSymbols,
  openGoSymbols,
  openNativeSymbols,
  type OpenDebugFile,
  type SymbolFrame,
  SymbolProblem,
} from "#symbols";
import { plainName } from "./plain-name.ts";

/** `profile.frame.type` of the frames in a file. */
export type CodeKind = "native" | "go";

/** The functions at an address, innermost first. */
export interface NamedCode {
  readonly frames: readonly SymbolFrame[];
  readonly kind: CodeKind;
  /** Virtual address at which the function begins, where frames have no lines: then all of it looks the same. */
  readonly start: number | undefined;
}

/** Names of the code in one file, by virtual address. */
export interface CodeNames {
  /** What stands at an address: the function, and before it those inlined there. Callers are given minus one. */
  find(address: number): NamedCode | undefined;
  readonly memoryBytes: number;
  /** Symbols of its tables that were not read, because there are too many. */
  readonly symbolsLeftOut: number;
  close(): void;
}

/** Reads the names of an ELF file, which must stay open as long as they are used. */
export async function openCodeNames(elf: ElfFile, programPath: string, open: OpenDebugFile): Promise<CodeNames> {
  const go = openGoSymbols(elf);
  if (go === undefined || go instanceof SymbolProblem) {
    return new NativeNames(await openNativeSymbols(elf, { programPath, open }));
  }
  // Go's own table knows all of Go; a program that loads libraries may have C linked in as well.
  const isMixed = elf.section(".interp") !== undefined;
  return new GoNames(go, isMixed ? new NativeNames(await openNativeSymbols(elf, { programPath, open })) : undefined);
}

class NativeNames implements CodeNames {
  readonly #symbols: NativeSymbols;

  constructor(symbols: NativeSymbols) {
    this.#symbols = symbols;
  }

  get memoryBytes(): number {
    return this.#symbols.memoryBytes;
  }

  get symbolsLeftOut(): number {
    return this.#symbols.symbolsLeftOut;
  }

  find(address: number): NamedCode | undefined {
    const found = this.#symbols.find(address);
    if (!found) return undefined;
    // Mangled names are left out: they would be half of all bytes, and nobody looks at them.
    return {
      frames: [{ functionName: plainName(found.name), line: 0, startLine: 0 }],
      kind: "native",
      start: found.start,
    };
  }

  close(): void {
    this.#symbols.close();
  }
}

class GoNames implements CodeNames {
  readonly #symbols: GoSymbols;
  readonly #native: NativeNames | undefined;

  constructor(symbols: GoSymbols, native: NativeNames | undefined) {
    this.#symbols = symbols;
    this.#native = native;
  }

  get memoryBytes(): number {
    return this.#symbols.memoryBytes + (this.#native?.memoryBytes ?? 0);
  }

  get symbolsLeftOut(): number {
    return this.#native?.symbolsLeftOut ?? 0;
  }

  find(address: number): NamedCode | undefined {
    const frames = this.#symbols.find(address);
    return frames ? { frames, kind: "go", start: undefined } : this.#native?.find(address);
  }

  close(): void {
    this.#native?.close();
  }
}
