/**
 * Offsets in the running kernel's structures from its BTF (/sys/kernel/btf/vmlinux, 5 MB, 130,000 types), read in
 * pieces: 256 KiB of memory in all, and no object for what isn't asked for. Format: Documentation/bpf/btf.rst.
 */
import { closeSync, openSync, readSync } from "node:fs";

/** The file isn't BTF, or isn't whole. */
export class BtfError extends Error {
  override readonly name = "BtfError";
}

/**
 * What is wanted. Members are looked for in anonymous structs and unions inside as well; a path (`uw.tp_value`) goes
 * through members that are structures themselves.
 */
export interface BtfQuery {
  /** Paths of members by structure or union. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  /** Structures and unions whose size is wanted. */
  readonly sizes?: readonly string[];
  /** Names of values by enumeration. */
  readonly enums?: Readonly<Record<string, readonly string[]>>;
}

/** What was found; what the kernel doesn't have is absent. */
export interface BtfAnswer {
  /** Byte offsets by `structure.path`. */
  readonly members: ReadonlyMap<string, number>;
  readonly sizes: ReadonlyMap<string, number>;
  /** By `enumeration.value`. */
  readonly enums: ReadonlyMap<string, number>;
}

const MAGIC = 0xeb9f;
const HEADER_BYTES = 24;
const CHUNK_BYTES = 256 * 1024;
/** The position of every so many types is remembered, so that one can be found by its number. */
const STRIDE = 256;
/** Kernels have 0.2 million types at most; a corrupt file must not keep us busy for ever. */
const MAX_TYPES = 4_000_000;
const MAX_NESTING = 16;

const Kind = {
  Int: 1,
  Array: 3,
  Struct: 4,
  Union: 5,
  Enum: 6,
  Typedef: 8,
  Volatile: 9,
  Const: 10,
  Restrict: 11,
  FunctionPrototype: 13,
  Variable: 14,
  DataSection: 15,
  DeclarationTag: 17,
  TypeTag: 18,
  Enum64: 19,
} as const;

/** Words behind the three of each type: so many a type, and so many for each of its `vlen` parts. */
const FIXED_WORDS: ReadonlyMap<number, number> = new Map([
  [Kind.Int, 1],
  [Kind.Array, 3],
  [Kind.Variable, 1],
  [Kind.DeclarationTag, 1],
]);
const PART_WORDS: ReadonlyMap<number, number> = new Map([
  [Kind.Struct, 3],
  [Kind.Union, 3],
  [Kind.Enum, 2],
  [Kind.FunctionPrototype, 2],
  [Kind.DataSection, 3],
  [Kind.Enum64, 3],
]);

/**
 * Looks for what `query` wants in a file of BTF.
 *
 * @throws {BtfError}
 * @throws if the file can't be opened
 */
export function readBtf(path: string, query: BtfQuery): BtfAnswer {
  const fd = openSync(path, "r");
  try {
    return new BtfReader(fd).answer(query);
  } finally {
    closeSync(fd);
  }
}

interface Type {
  readonly kind: number;
  readonly name: number;
  /** Bytes, or the type referred to. */
  readonly sizeOrType: number;
  readonly parts: number;
  /** Members tell bit offsets in the low 24 bits. */
  readonly bitFields: boolean;
  /** Position of the parts in the section of types. */
  readonly partsAt: number;
}

class BtfReader {
  readonly #fd: number;
  readonly #window = new Uint32Array(CHUNK_BYTES / 4);
  readonly #bytes = Buffer.from(this.#window.buffer);
  /** Position in the file of the window's first byte, and how many bytes are in it. */
  #windowAt = 0;
  #windowBytes = 0;
  readonly #typesAt: number;
  readonly #typeBytes: number;
  readonly #stringsAt: number;
  readonly #stringBytes: number;
  /** Position of type 1, 1 + STRIDE, … in the section of types. */
  readonly #milestones: number[] = [];

  constructor(fd: number) {
    this.#fd = fd;
    const word = (index: number): number => this.#word(4 * index);
    if ((word(0) & 0xffff) !== MAGIC) throw new BtfError("BTF: wrong magic number");
    const header = word(1);
    if (header < HEADER_BYTES || header % 4 !== 0 || word(2) % 4 !== 0) throw new BtfError("BTF: unknown header");
    this.#typesAt = header + word(2);
    this.#typeBytes = word(3);
    this.#stringsAt = header + word(4);
    this.#stringBytes = word(5);
  }

  answer(query: BtfQuery): BtfAnswer {
    const enums = query.enums ?? {};
    const sizes = query.sizes ?? [];
    const wanted = new Set([...Object.keys(query.members), ...Object.keys(enums), ...sizes]);
    for (const path of Object.values(query.members).flat()) for (const name of path.split(".")) wanted.add(name);
    for (const name of Object.values(enums).flat()) wanted.add(name);
    const nameOf = this.#findStrings(wanted);
    const typeOf = this.#findTypes(
      nameOf,
      new Set([...Object.keys(query.members), ...sizes]),
      new Set(Object.keys(enums)),
    );

    const found = {
      members: new Map<string, number>(),
      sizes: new Map<string, number>(),
      enums: new Map<string, number>(),
    };
    const stringOf = new Map([...nameOf].map(([offset, name]) => [name, offset]));
    for (const [structure, paths] of Object.entries(query.members)) {
      for (const path of paths) {
        const offset = this.#path(typeOf.get(structure), path.split("."), stringOf);
        if (offset !== undefined) found.members.set(`${structure}.${path}`, offset);
      }
    }
    for (const name of sizes) {
      const type = typeOf.get(name);
      if (type) found.sizes.set(name, type.sizeOrType);
    }
    for (const [name, values] of Object.entries(enums)) {
      const type = typeOf.get(`enum ${name}`);
      for (let part = 0; type && part < type.parts; part++) {
        const value = nameOf.get(this.#word(this.#typesAt + type.partsAt + 8 * part));
        if (value !== undefined && values.includes(value)) {
          found.enums.set(`${name}.${value}`, this.#word(this.#typesAt + type.partsAt + 8 * part + 4) | 0);
        }
      }
    }
    return found;
  }

  /** Offsets of the wanted strings in the section of strings. Each string stands there once. */
  #findStrings(wanted: ReadonlySet<string>): Map<number, string> {
    const found = new Map<number, string>();
    const overlap = Math.max(...[...wanted].map((name) => name.length)) + 2;
    let patterns = [...wanted].map((name) => ({ name, bytes: Buffer.from(`\0${name}\0`, "latin1") }));
    for (let at = 0; at < this.#stringBytes; at += CHUNK_BYTES - overlap) {
      const length = this.#read(this.#stringsAt + at);
      const piece = this.#bytes.subarray(0, Math.min(length, this.#stringBytes - at));
      patterns = patterns.filter(({ name, bytes }) => {
        const index = piece.indexOf(bytes);
        if (index >= 0) found.set(at + index + 1, name);
        return index < 0;
      });
      if (length < CHUNK_BYTES) break;
    }
    return found;
  }

  /** The first complete type of each wanted name; enumerations as `enum NAME`. */
  #findTypes(
    nameOf: ReadonlyMap<number, string>,
    structures: ReadonlySet<string>,
    enums: ReadonlySet<string>,
  ): Map<string, Type> {
    const found = new Map<string, Type>();
    let at = 0;
    for (let id = 1; at < this.#typeBytes; id++) {
      if (id > MAX_TYPES) throw new BtfError("BTF: too many types");
      if (id % STRIDE === 1) this.#milestones.push(at);
      // The name is looked at first: nearly all types are passed over without an object.
      const name = nameOf.get(this.#word(this.#typesAt + at));
      if (name !== undefined) {
        const type = this.#type(at);
        const isEnum = type.kind === Kind.Enum;
        if (
          isEnum ? enums.has(name) : (type.kind === Kind.Struct || type.kind === Kind.Union) && structures.has(name)
        ) {
          const key = isEnum ? `enum ${name}` : name;
          if (!found.has(key)) found.set(key, type);
        }
      }
      at += this.#length(at);
    }
    return found;
  }

  /** Byte offset of a path's last member within `type`. */
  #path(type: Type | undefined, path: readonly string[], stringOf: ReadonlyMap<string, number>): number | undefined {
    let offset = 0;
    let inside = type;
    for (const [index, name] of path.entries()) {
      const string = stringOf.get(name);
      const member = inside && string !== undefined ? this.#member(inside, string, 0) : undefined;
      if (!member) return undefined;
      offset += member.offset;
      inside = index + 1 < path.length ? this.#structure(member.type) : undefined;
    }
    return offset;
  }

  #member(type: Type, name: number, nesting: number): { offset: number; type: number } | undefined {
    if (nesting > MAX_NESTING) return undefined;
    for (let part = 0; part < type.parts; part++) {
      const at = this.#typesAt + type.partsAt + 12 * part;
      const memberName = this.#word(at);
      if (memberName !== name && memberName !== 0) continue;
      const memberType = this.#word(at + 4);
      const bits = this.#word(at + 8);
      const offset = (type.bitFields ? bits & 0xffffff : bits) / 8;
      if (memberName === name) return { offset, type: memberType };
      const anonymous = this.#structure(memberType);
      const inner = anonymous && this.#member(anonymous, name, nesting + 1);
      if (inner) return { offset: offset + inner.offset, type: inner.type };
    }
    return undefined;
  }

  /** The structure or union that a type is, behind qualifiers and typedefs. */
  #structure(id: number): Type | undefined {
    for (let step = 0; step < MAX_NESTING; step++) {
      const type = this.#typeById(id);
      if (!type) return undefined;
      switch (type.kind) {
        case Kind.Struct:
        case Kind.Union:
          return type;
        case Kind.Typedef:
        case Kind.Volatile:
        case Kind.Const:
        case Kind.Restrict:
        case Kind.TypeTag:
          id = type.sizeOrType;
          break;
        default:
          return undefined;
      }
    }
    return undefined;
  }

  #typeById(id: number): Type | undefined {
    const milestone = this.#milestones[Math.floor((id - 1) / STRIDE)];
    if (id === 0 || milestone === undefined) return undefined;
    let at = milestone;
    for (let skip = (id - 1) % STRIDE; skip > 0 && at < this.#typeBytes; skip--) at += this.#length(at);
    return at < this.#typeBytes ? this.#type(at) : undefined;
  }

  #type(at: number): Type {
    const info = this.#word(this.#typesAt + at + 4);
    return {
      kind: (info >>> 24) & 0x1f,
      name: this.#word(this.#typesAt + at),
      sizeOrType: this.#word(this.#typesAt + at + 8),
      parts: info & 0xffff,
      bitFields: info >>> 31 === 1,
      partsAt: at + 12,
    };
  }

  #length(at: number): number {
    const info = this.#word(this.#typesAt + at + 4);
    const kind = (info >>> 24) & 0x1f;
    return 12 + 4 * ((FIXED_WORDS.get(kind) ?? 0) + (PART_WORDS.get(kind) ?? 0) * (info & 0xffff));
  }

  /** The 32-bit word at a position of the file. */
  #word(position: number): number {
    let index = position - this.#windowAt;
    if (index < 0 || index + 4 > this.#windowBytes || index % 4 !== 0) {
      this.#read(position);
      index = 0;
      if (this.#windowBytes < 4) throw new BtfError(`BTF: ends before byte ${position + 4}`);
    }
    return this.#window[index >> 2]!;
  }

  #read(position: number): number {
    this.#windowAt = position;
    this.#windowBytes = 0;
    // sysfs gives a page at a time on some kernels.
    while (this.#windowBytes < CHUNK_BYTES) {
      const left = CHUNK_BYTES - this.#windowBytes;
      const count = readSync(this.#fd, this.#bytes, this.#windowBytes, left, position + this.#windowBytes);
      if (count === 0) break;
      this.#windowBytes += count;
    }
    return this.#windowBytes;
  }
}
