import type { ElfFile } from "../elf/elf-file.ts";
import { SectionType, type ElfSection } from "../elf/sections.ts";
import { readU64, walkRecords } from "../elf/windows.ts";
import { namedFunction, type NativeFunction } from "./function-index.ts";

/** Bytes of an Elf64_Rela: offset, info (symbol in the upper half), addend. */
const RELOCATION_BYTES = 24;
/** 12 MB of relocations looked at for one stub. Node has 20,000. */
const MAX_RELOCATIONS = 500_000;
const STUB_SECTIONS = new Set([".plt", ".plt.sec", ".plt.got", ".iplt"]);

/**
 * The stubs through which a program calls other libraries: no symbol names them. A stub jumps through a word of memory;
 * the relocation of that word says whose function it is. Nothing is kept: a stub is decoded when it's asked for.
 */
export class ProcedureLinkage {
  readonly #elf: ElfFile;
  readonly #stubs: readonly ElfSection[];

  constructor(elf: ElfFile) {
    this.#elf = elf;
    this.#stubs = elf.sections.filter(({ name, executable }) => executable && STUB_SECTIONS.has(name));
  }

  /** `write@plt` for an address in the stub that calls `write`. */
  find(address: number): NativeFunction | undefined {
    const section = this.#stubs.find(
      ({ virtualAddress, sizeBytes }) => address >= virtualAddress && address < virtualAddress + sizeBytes,
    );
    if (!section) return undefined;
    const stubBytes = section.entryBytes === 8 ? 8 : 16;
    const start = address - ((address - section.virtualAddress) % stubBytes);
    const word = this.#wordJumpedThrough(start, stubBytes);
    const name = word === undefined ? undefined : this.#importedInto(word);
    return name === undefined ? undefined : namedFunction(`${name}@plt`, start, start + stubBytes);
  }

  /** The address of the word that holds the stub's target. */
  #wordJumpedThrough(start: number, stubBytes: number): number | undefined {
    const bytes = new Uint8Array(stubBytes);
    if (this.#elf.readVirtual(start, bytes) < stubBytes) return undefined;
    const view = new DataView(bytes.buffer);
    if (this.#elf.machine === "x86_64") {
      // jmp *displacement(%rip), perhaps behind endbr64 and with a bnd prefix.
      for (let at = 0; at + 6 <= stubBytes; at++) {
        if (bytes[at] === 0xff && bytes[at + 1] === 0x25) return start + at + 6 + view.getInt32(at + 2, true);
      }
      return undefined;
    }
    // adrp x16, page; ldr x17, [x16, #offset]; perhaps behind bti c.
    for (let at = 0; at + 8 <= stubBytes; at += 4) {
      const adrp = view.getUint32(at, true);
      const ldr = view.getUint32(at + 4, true);
      if ((adrp & 0x9f00001f) >>> 0 !== 0x90000010 || (ldr & 0xffc003ff) >>> 0 !== 0xf9400211) continue;
      const pages = (((adrp >>> 5) & 0x7ffff) << 2) | ((adrp >>> 29) & 3);
      const signed = (pages << 11) >> 11;
      return Math.floor((start + at) / 4096) * 4096 + signed * 4096 + ((ldr >>> 10) & 0xfff) * 8;
    }
    return undefined;
  }

  /** Name of the symbol whose address the loader writes into a word. */
  #importedInto(word: number): string | undefined {
    let symbolNumber: number | undefined;
    let left = MAX_RELOCATIONS;
    for (const { type, filePosition, sizeBytes } of this.#elf.sections) {
      if (type !== SectionType.RELA || symbolNumber !== undefined) continue;
      const count = Math.min(Math.floor(sizeBytes / RELOCATION_BYTES), left);
      left -= walkRecords(this.#elf.source, filePosition, RELOCATION_BYTES, count, (view, records) => {
        for (let at = 0; at < records * RELOCATION_BYTES; at += RELOCATION_BYTES) {
          if (readU64(view, at) !== word) continue;
          symbolNumber = view.getUint32(at + 12, true);
          return false;
        }
        return true;
      });
    }
    const table = this.#elf.symbolTable("dynamic");
    const symbol = symbolNumber === undefined ? undefined : table?.symbol(symbolNumber);
    return symbol && table?.name(symbol)?.text;
  }
}
