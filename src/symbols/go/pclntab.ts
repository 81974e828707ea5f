import { functionEntryBytes, type PclntabHeader, type PclntabLayout } from "./pclntab-header.ts";
import type { PagedBytes } from "./paged-bytes.ts";

/** A function's record (`runtime._func`), as far as names and lines need it. */
export interface GoFunction {
  /** Offset of its first instruction from the text. */
  readonly entry: number;
  /** Positions in the names, the pc tables and the compilation units. */
  readonly name: number;
  readonly fileTable: number;
  readonly lineTable: number;
  readonly compilationUnit: number;
  /** Table of the index into the inline tree; 0 if nothing was inlined. */
  readonly inlineIndexTable: number;
  /** Where its inline tree is: an offset of function data or, in 1.16, an address. Undefined if it has none. */
  readonly inlineTree: number | undefined;
  /** 0 if the layout doesn't tell. */
  readonly startLine: number;
}

/** Fields of a record, in bytes. */
interface RecordFields {
  /** Of the entry; everything else follows it. */
  readonly entryBytes: 4 | 8;
  readonly startLine: number | undefined;
  readonly functionDataCount: number;
  readonly pcTables: number;
}

/** `startLine` came with 1.20; entries were addresses before 1.18. */
const RECORDS: Readonly<Record<PclntabLayout, RecordFields>> = {
  "1.16": { entryBytes: 8, startLine: undefined, functionDataCount: 43, pcTables: 44 },
  "1.18": { entryBytes: 4, startLine: undefined, functionDataCount: 39, pcTables: 40 },
  "1.20": { entryBytes: 4, startLine: 36, functionDataCount: 43, pcTables: 44 },
};

/** `abi.PCDATA_InlTreeIndex` and `abi.FUNCDATA_InlTree`. */
const INLINE_INDEX_TABLE = 2;
const INLINE_TREE_DATA = 3;
const NO_FUNCTION_DATA = 0xffffffff;
/** Functions between two whose code offset is kept in memory: 512 entries of 8 bytes are a block of 4 KiB. */
const STRIDE = 512;
/** Steps of one pc table: the largest generated functions have some ten thousand. */
const MAX_STEPS = 1 << 20;

/** The tables behind the header: functions by address, their records, values by pc. */
export class Pclntab {
  readonly header: PclntabHeader;
  readonly #table: PagedBytes;
  readonly #record: RecordFields;
  /** Code offset of every 512th function. */
  readonly #strides: Float64Array;
  /** In 1.16 the function table holds addresses; this is what makes them offsets. */
  readonly #base: number;

  constructor(table: PagedBytes, header: PclntabHeader, text: number) {
    this.header = header;
    this.#table = table;
    this.#record = RECORDS[header.layout];
    this.#base = header.layout === "1.16" ? text : 0;
    this.#strides = Float64Array.from({ length: Math.ceil(header.functionCount / STRIDE) }, (_, index) =>
      this.codeOffset(index * STRIDE),
    );
  }

  get memoryBytes(): number {
    return 256 + this.#strides.byteLength;
  }

  /** Where the code of a function begins, counted from the text; for the number behind the last, where its code ends. */
  codeOffset(index: number): number {
    const position = this.#entryPosition(index);
    return this.header.layout === "1.16" ? this.#table.u64(position) - this.#base : this.#table.u32(position);
  }

  /** The function that holds a code offset. */
  find(offset: number): GoFunction | undefined {
    if (!(offset >= this.codeOffset(0) && offset < this.codeOffset(this.header.functionCount))) return undefined;
    const stride = lastNotAbove(0, this.#strides.length - 1, offset, (index) => this.#strides[index]!);
    const last = Math.min((stride + 1) * STRIDE, this.header.functionCount) - 1;
    const index = lastNotAbove(stride * STRIDE, last, offset, (candidate) => this.codeOffset(candidate));
    return this.#read(index);
  }

  /** The value that a pc table (a position among the tables) has at an offset of a function's code; -1 if none. */
  valueAt(table: number, offsetInFunction: number): number {
    if (table === 0) return -1;
    const reader = new VarintReader(this.#table, this.header.pcTables + table);
    let value = -1;
    let offset = 0;
    // Each step: how much the value changes (zig-zag), and over how many instructions it then holds.
    for (let step = 0; step < MAX_STEPS; step++) {
      const change = reader.next();
      // A change of 0 ends the table, except at its beginning.
      if (!(change > 0 || (change === 0 && step === 0))) return -1;
      value += change % 2 === 0 ? change / 2 : -(change + 1) / 2;
      offset += reader.next() * this.header.quantum;
      if (offset > offsetInFunction) return value;
      if (Number.isNaN(offset)) return -1;
    }
    return -1;
  }

  /** A function's name, from its position among the names. */
  nameAt(name: number, maxBytes: number): string | undefined {
    return this.#table.text(this.header.names + name, maxBytes);
  }

  /** Position among the file names of a compilation unit's file; undefined if it has none of that number. */
  fileAt(compilationUnit: number, file: number): number | undefined {
    if (file < 0) return undefined;
    const position = this.#table.u32(this.header.compilationUnits + 4 * (compilationUnit + file));
    return Number.isNaN(position) || position === NO_FUNCTION_DATA ? undefined : position;
  }

  fileNameAt(file: number, maxBytes: number): string | undefined {
    return this.#table.text(this.header.files + file, maxBytes);
  }

  #entryPosition(index: number): number {
    return this.header.functions + index * functionEntryBytes(this.header.layout);
  }

  /** Undefined when the record contradicts the table: its entry is another one. */
  #read(index: number): GoFunction | undefined {
    const { entryBytes, startLine, functionDataCount, pcTables } = this.#record;
    const half = functionEntryBytes(this.header.layout) / 2;
    const offset = this.#entryPosition(index) + half;
    const record = this.header.functions + (half === 8 ? this.#table.u64(offset) : this.#table.u32(offset));
    const field = (position: number): number => this.#table.u32(record + entryBytes + position);
    const entry = entryBytes === 8 ? this.#table.u64(record) - this.#base : this.#table.u32(record);
    if (entry !== this.codeOffset(index)) return undefined;
    const pcTableCount = field(24);
    return {
      entry,
      name: field(0),
      fileTable: field(16),
      lineTable: field(20),
      compilationUnit: field(28),
      inlineIndexTable:
        pcTableCount > INLINE_INDEX_TABLE ? this.#table.u32(record + pcTables + 4 * INLINE_INDEX_TABLE) : 0,
      inlineTree: this.#inlineTree(record + functionDataCount, record + pcTables + 4 * pcTableCount),
      startLine: startLine === undefined ? 0 : this.#table.u32(record + startLine),
    };
  }

  #inlineTree(countPosition: number, dataPosition: number): number | undefined {
    if (!(this.#table.u8(countPosition) > INLINE_TREE_DATA)) return undefined;
    if (this.header.layout === "1.16") {
      // Pointers, aligned in memory and so in the table, which begins on a page of 32 bytes at least.
      const tree = this.#table.u64(Math.ceil(dataPosition / 8) * 8 + 8 * INLINE_TREE_DATA);
      return tree > 0 ? tree : undefined;
    }
    const tree = this.#table.u32(dataPosition + 4 * INLINE_TREE_DATA);
    return tree === NO_FUNCTION_DATA || Number.isNaN(tree) ? undefined : tree;
  }
}

/** Numbers of seven bits a byte, 32 bits at most. */
class VarintReader {
  readonly #table: PagedBytes;
  #position: number;
  #window: Uint8Array;
  #at = 0;

  constructor(table: PagedBytes, position: number) {
    this.#table = table;
    this.#position = position;
    this.#window = table.window(position);
  }

  /** NaN where there is none. */
  next(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      const byte = this.#byte();
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }

  #byte(): number | undefined {
    const byte = this.#window[this.#at++];
    if (byte !== undefined) return byte;
    this.#position += this.#window.length;
    this.#window = this.#table.window(this.#position);
    this.#at = 1;
    return this.#window[0];
  }
}

/** The last index in [first, last] whose value is not above `wanted`; `first` if all are. */
function lastNotAbove(first: number, last: number, wanted: number, valueAt: (index: number) => number): number {
  let low = first;
  let high = last;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (valueAt(middle) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
