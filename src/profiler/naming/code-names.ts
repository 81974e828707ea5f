import { type ElfFile, type NativeSymbols, openNativeSymbols, type OpenDebugFile, type SymbolFrame } from "#symbols";

/** `profile.frame.type` of the frames in a file. */
export type CodeKind = "native" | "go";

/** Names of the code in one file, by virtual address. */
export interface CodeNames {
  /** What stands at an address: the function, and before it those inlined there. Callers are given minus one. */
  find(address: number): { readonly frames: readonly SymbolFrame[]; readonly kind: CodeKind } | undefined;
  readonly memoryBytes: number;
  close(): void;
}

/** Reads the names of an ELF file, which must stay open as long as they are used. */
export async function openCodeNames(elf: ElfFile, programPath: string, open: OpenDebugFile): Promise<CodeNames> {
  return new NativeNames(await openNativeSymbols(elf, { programPath, open }));
}

class NativeNames implements CodeNames {
  readonly #symbols: NativeSymbols;

  constructor(symbols: NativeSymbols) {
    this.#symbols = symbols;
  }

  get memoryBytes(): number {
    return this.#symbols.memoryBytes;
  }

  find(address: number): { readonly frames: readonly SymbolFrame[]; readonly kind: CodeKind } | undefined {
    const found = this.#symbols.find(address);
    if (!found) return undefined;
    const { name, systemName } = found;
    return { frames: [{ functionName: name, systemName, line: 0, startLine: 0 }], kind: "native" };
  }

  close(): void {
    this.#symbols.close();
  }
}
