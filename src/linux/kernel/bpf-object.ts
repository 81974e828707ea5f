/**
 * Object files of `bpf/`: what clang writes for `-target bpf`, read without any library. Of ELF only what such a file
 * has: sections, symbols, and relocations of one kind (the file descriptor of a map goes into a load instruction).
 *
 * | section | is |
 * | --- | --- |
 * | `maps` | five 32-bit words a map: type, key bytes, value bytes, entries, flags |
 * | `.rodata*` | settings: a map of one element that is frozen before the programs are loaded |
 * | `.bss*`, `.data*` | variables: a map of one element |
 * | `license` | text |
 * | `perf_event/NAME`, `raw_tracepoint/NAME` | one program each |
 */
import { MAP_READ_ONLY_FOR_PROGRAMS, MapType, ProgramType, type MapShape } from "./bpf.ts";

/** An object file that isn't one, or not of the shape that is read here. */
export class BpfObjectError extends Error {
  override readonly name = "BpfObjectError";
}

/** A map as the object declares it. */
export interface ObjectMap extends MapShape {
  /** First content of a section with variables; absent for maps. */
  readonly content?: Uint8Array;
}

/** Where the file descriptor of a map goes. */
export interface MapReference {
  /** Byte offset of the load instruction, which has 16. */
  readonly offset: number;
  /** Index in `maps`. */
  readonly map: number;
  /** Within the section, for variables; undefined if the map itself is meant. */
  readonly variableOffset?: number;
}

/** A program as the object holds it. */
export interface ObjectProgram {
  /** What is behind the slash of its section: the tracepoint's name. */
  readonly name: string;
  readonly type: number;
  readonly instructions: Uint8Array;
  readonly references: readonly MapReference[];
}

/** What an object file holds. */
export interface BpfObject {
  readonly license: string;
  readonly maps: readonly ObjectMap[];
  readonly programs: readonly ObjectProgram[];
}

const ELF_MAGIC = 0x464c457f;
const CLASS_64_LITTLE_ENDIAN = 0x0201;
const MACHINE_BPF = 247;
const TYPE_RELOCATABLE = 1;
const SECTION_SYMBOLS = 2;
const SECTION_NO_BITS = 8;
const SECTION_RELOCATIONS = 9;
const RELOCATION_MAP = 1;
const LOAD_IMMEDIATE = 0x18;
const INSTRUCTION_BYTES = 8;
/** `BPF_MAXINSNS` of privileged loads is a million; nobody's agent is larger than this. */
const MAX_OBJECT_BYTES = 1 << 20;
const MAX_SECTIONS = 256;
const MAX_VARIABLE_BYTES = 1 << 16;
const MAP_BYTES = 20;

const PROGRAM_TYPES: ReadonlyMap<string, number> = new Map([
  ["perf_event", ProgramType.PerfEvent],
  ["raw_tracepoint", ProgramType.RawTracepoint],
]);

interface Section {
  readonly name: string;
  readonly type: number;
  readonly link: number;
  /** The section that relocations are for. */
  readonly info: number;
  readonly bytes: Uint8Array;
}

interface Symbol {
  readonly name: string;
  readonly section: number;
  readonly value: number;
}

/**
 * Reads an object file.
 *
 * @throws {BpfObjectError}
 */
export function parseBpfObject(file: Uint8Array): BpfObject {
  try {
    // A plain view: of a Buffer, `slice` would not copy.
    return readObject(new Uint8Array(file.buffer, file.byteOffset, file.length));
  } catch (error) {
    if (error instanceof BpfObjectError) throw error;
    throw new BpfObjectError("BPF object: a part lies outside the file", { cause: error });
  }
}

function readObject(file: Uint8Array): BpfObject {
  const sections = readSections(file);
  const symbols = readSymbols(sections);
  const maps: ObjectMap[] = [];
  const mapOfSymbol = new Map<Symbol, number>();
  const mapOfSection = new Map<number, number>();
  for (const [index, section] of sections.entries()) {
    if (section.name === "maps") {
      for (const symbol of symbols) {
        if (symbol.section !== index || symbol.name === "") continue;
        mapOfSymbol.set(symbol, maps.push(readMap(symbol, section)) - 1);
      }
    } else if (/^\.(?:rodata|bss|data)/.test(section.name) && section.bytes.length > 0) {
      mapOfSection.set(index, maps.push(variables(section)) - 1);
    }
  }

  const programs: ObjectProgram[] = [];
  for (const [index, section] of sections.entries()) {
    const [kind = "", name] = section.name.split("/");
    const type = PROGRAM_TYPES.get(kind);
    if (type === undefined || !name) continue;
    if (section.bytes.length === 0 || section.bytes.length % INSTRUCTION_BYTES !== 0) {
      throw new BpfObjectError(`BPF object: section ${section.name} isn't made of whole instructions`);
    }
    const references = sections
      .filter((other) => other.type === SECTION_RELOCATIONS && other.info === index)
      .flatMap((relocations) => readReferences(section, relocations, symbols, mapOfSymbol, mapOfSection));
    programs.push({ name, type, instructions: section.bytes, references });
  }
  const license = sections.find(({ name }) => name === "license");
  return { license: license ? text(license.bytes, 0) : "", maps, programs };
}

function readSections(file: Uint8Array): readonly Section[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (file.length > MAX_OBJECT_BYTES) throw new BpfObjectError(`BPF object: ${file.length} bytes are too many`);
  if (view.getUint32(0, true) !== ELF_MAGIC || view.getUint16(4) !== CLASS_64_LITTLE_ENDIAN) {
    throw new BpfObjectError("BPF object: not a 64-bit little-endian ELF file");
  }
  if (view.getUint16(16, true) !== TYPE_RELOCATABLE || view.getUint16(18, true) !== MACHINE_BPF) {
    throw new BpfObjectError("BPF object: not a relocatable file for BPF");
  }
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  if (count > MAX_SECTIONS) throw new BpfObjectError(`BPF object: ${count} sections are too many`);
  const headers = Array.from({ length: count }, (_, index) => {
    const at = table + index * view.getUint16(58, true);
    const type = view.getUint32(at + 4, true);
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    if (type === SECTION_NO_BITS ? size > MAX_VARIABLE_BYTES : offset + size > file.length) {
      throw new BpfObjectError(`BPF object: section ${index} lies outside the file`);
    }
    return {
      nameAt: view.getUint32(at, true),
      type,
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      bytes: type === SECTION_NO_BITS ? new Uint8Array(size) : file.subarray(offset, offset + size),
    };
  });
  const names = headers[view.getUint16(62, true)]?.bytes;
  if (!names) throw new BpfObjectError("BPF object: no section names");
  return headers.map(({ nameAt, ...section }) => ({ name: text(names, nameAt), ...section }));
}

function readSymbols(sections: readonly Section[]): readonly Symbol[] {
  const table = sections.find(({ type }) => type === SECTION_SYMBOLS);
  const names = table && sections[table.link]?.bytes;
  if (!table || !names) throw new BpfObjectError("BPF object: no symbols");
  const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.length);
  return Array.from({ length: Math.floor(table.bytes.length / 24) }, (_, index) => ({
    name: text(names, view.getUint32(index * 24, true)),
    section: view.getUint16(index * 24 + 6, true),
    value: Number(view.getBigUint64(index * 24 + 8, true)),
  }));
}

function readMap(symbol: Symbol, section: Section): ObjectMap {
  if (symbol.value + MAP_BYTES > section.bytes.length) {
    throw new BpfObjectError(`BPF object: map ${symbol.name} lies outside its section`);
  }
  const view = new DataView(section.bytes.buffer, section.bytes.byteOffset + symbol.value, MAP_BYTES);
  const word = (index: number): number => view.getUint32(4 * index, true);
  return {
    name: symbol.name,
    type: word(0),
    keyBytes: word(1),
    valueBytes: word(2),
    maxEntries: word(3),
    flags: word(4),
  };
}

function variables(section: Section): ObjectMap {
  return {
    name: section.name,
    type: MapType.Array,
    keyBytes: 4,
    valueBytes: section.bytes.length,
    maxEntries: 1,
    flags: section.name.startsWith(".rodata") ? MAP_READ_ONLY_FOR_PROGRAMS : 0,
    content: section.bytes,
  };
}

function readReferences(
  program: Section,
  relocations: Section,
  symbols: readonly Symbol[],
  mapOfSymbol: ReadonlyMap<Symbol, number>,
  mapOfSection: ReadonlyMap<number, number>,
): readonly MapReference[] {
  const view = new DataView(relocations.bytes.buffer, relocations.bytes.byteOffset, relocations.bytes.length);
  return Array.from({ length: Math.floor(relocations.bytes.length / 16) }, (_, index) => {
    const offset = Number(view.getBigUint64(index * 16, true));
    const type = view.getUint32(index * 16 + 8, true);
    const symbol = symbols[view.getUint32(index * 16 + 12, true)];
    const fits = offset % INSTRUCTION_BYTES === 0 && offset + 16 <= program.bytes.length;
    if (type !== RELOCATION_MAP || !symbol || !fits || program.bytes[offset] !== LOAD_IMMEDIATE) {
      throw new BpfObjectError(`BPF object: relocation ${index} of ${program.name} is of another kind`);
    }
    const declared = mapOfSymbol.get(symbol);
    if (declared !== undefined) return { offset, map: declared };
    const section = mapOfSection.get(symbol.section);
    if (section === undefined) throw new BpfObjectError(`BPF object: ${symbol.name} is no map and no variable`);
    const instruction = new DataView(program.bytes.buffer, program.bytes.byteOffset + offset, 16);
    return { offset, map: section, variableOffset: symbol.value + instruction.getInt32(4, true) };
  });
}

function text(bytes: Uint8Array, from: number): string {
  const end = bytes.indexOf(0, from);
  return Buffer.from(bytes.subarray(from, end < 0 ? bytes.length : end)).toString("latin1");
}
