/** Parts of an ELF file that a test makes up. Positions and sizes go into it as they are given, however wrong. */
export interface ElfImageSettings {
  /** `e_machine`; 62 is x86-64. */
  readonly machine?: number;
  /** `e_type`; 3 is a shared library. */
  readonly type?: number;
  readonly segments?: readonly {
    readonly type: number;
    readonly flags: number;
    readonly offset: number;
    readonly address: number;
    readonly fileSize: number;
  }[];
  readonly sections?: readonly {
    readonly name: string;
    readonly type: number;
    readonly flags?: number;
    readonly address?: number;
    readonly content?: Uint8Array;
    /** Instead of the content's. */
    readonly claimedSize?: bigint;
    readonly link?: number;
  }[];
  readonly sizeBytes?: number;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;
const SECTION_HEADER = 64;

/** Writes an ELF file: header, program headers, section contents, section headers. Section 0 and names are added. */
export function elfImage(settings: ElfImageSettings): Buffer {
  const { segments = [], sections = [] } = settings;
  const names = [".shstrtab", ...sections.map(({ name }) => name)];
  const nameTable = Buffer.from(`\0${names.join("\0")}\0`);
  const all = [
    { name: "", type: 0, content: Buffer.alloc(0) },
    ...sections,
    { name: ".shstrtab", type: 3, content: nameTable },
  ].map((section) => ({ flags: 0, address: 0, content: Buffer.alloc(0), link: 0, ...section }));

  let end = HEADER + segments.length * PROGRAM_HEADER;
  const positions = all.map(({ content }) => {
    const position = Math.ceil(end / 8) * 8;
    end = position + content.length;
    return position;
  });
  const headers = Math.ceil(end / 8) * 8;
  const file = Buffer.alloc(Math.max(headers + all.length * SECTION_HEADER, settings.sizeBytes ?? 0));
  file.write("\x7fELF\x02\x01\x01", "latin1");
  file.writeUInt16LE(settings.type ?? 3, 16);
  file.writeUInt16LE(settings.machine ?? 62, 18);
  file.writeBigUInt64LE(BigInt(segments.length > 0 ? HEADER : 0), 32);
  file.writeBigUInt64LE(BigInt(headers), 40);
  file.writeUInt16LE(PROGRAM_HEADER, 54);
  file.writeUInt16LE(segments.length, 56);
  file.writeUInt16LE(SECTION_HEADER, 58);
  file.writeUInt16LE(all.length, 60);
  file.writeUInt16LE(all.length - 1, 62);
  segments.forEach(({ type, flags, offset, address, fileSize }, index) => {
    const at = HEADER + index * PROGRAM_HEADER;
    file.writeUInt32LE(type, at);
    file.writeUInt32LE(flags, at + 4);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BigInt(address), at + 16);
    file.writeBigUInt64LE(BigInt(fileSize), at + 32);
    file.writeBigUInt64LE(BigInt(fileSize), at + 40);
  });
  all.forEach((section, index) => {
    const at = headers + index * SECTION_HEADER;
    file.set(section.content, positions[index]!);
    file.writeUInt32LE(section.name === "" ? 0 : nameTable.indexOf(`\0${section.name}\0`) + 1, at);
    file.writeUInt32LE(section.type, at + 4);
    file.writeBigUInt64LE(BigInt(section.flags), at + 8);
    file.writeBigUInt64LE(BigInt(section.address), at + 16);
    file.writeBigUInt64LE(BigInt(positions[index]!), at + 24);
    const claimed = "claimedSize" in section ? section.claimedSize : undefined;
    file.writeBigUInt64LE(claimed ?? BigInt(section.content.length), at + 32);
    file.writeUInt32LE(section.link, at + 40);
  });
  return file;
}

/** A symbol that a test makes up. */
export interface SymbolSettings {
  readonly name: string;
  readonly address: number;
  readonly size?: number;
  /** 2 is a function, 0 none. */
  readonly type?: number;
  /** 0 local, 1 global, 2 weak. */
  readonly binding?: number;
  readonly section?: number;
}

/** A library whose `.text` is loaded at 0x1000, with these symbols in `.symtab`. Section 1 is `.text`. */
export function libraryWith(symbols: readonly SymbolSettings[], textBytes = 0x1000): Buffer {
  const names = Buffer.from(`\0${symbols.map(({ name }) => name).join("\0")}\0`);
  const table = Buffer.alloc(24 * (symbols.length + 1));
  let nameAt = 1;
  symbols.forEach(({ name, address, size = 0, type = 2, binding = 1, section = 1 }, index) => {
    const at = 24 * (index + 1);
    table.writeUInt32LE(nameAt, at);
    table.writeUInt8((binding << 4) | type, at + 4);
    table.writeUInt16LE(section, at + 6);
    table.writeBigUInt64LE(BigInt(address), at + 8);
    table.writeBigUInt64LE(BigInt(size), at + 16);
    nameAt += Buffer.byteLength(name) + 1;
  });
  return elfImage({
    segments: [{ type: 1, flags: 5, offset: 0, address: 0x1000, fileSize: textBytes }],
    sections: [
      { name: ".text", type: 1, flags: 6, address: 0x1000, content: Buffer.alloc(textBytes, 0x90) },
      { name: ".symtab", type: 2, content: table, link: 3 },
      { name: ".strtab", type: 3, content: names },
    ],
  });
}
