/**
 * Entries of `.eh_frame` (Linux Standard Base, "Exception Frames"): one for each function (FDE), and those that several
 * of them share (CIE). Bytes are read at positions that the file claims; nothing is believed that isn't checked.
 */
import type { ByteSource } from "../byte-source.ts";
import { ByteCursor } from "./byte-cursor.ts";

/** How pointers are written (DW_EH_PE_…): the format in the lower four bits, to what it adds above. */
const Pointer = { OMIT: 0xff, FORMAT: 0x0f, RELATIVE_TO: 0x70, INDIRECT: 0x80, PC_RELATIVE: 0x10 } as const;

/** What an entry takes, as a rule; longer ones are read again. */
const FIRST_READ_BYTES = 256;
/** The longest function of Node has 6 KB of them. */
const MAX_ENTRY_BYTES = 64 << 10;
/** Marks the format with 64-bit lengths, which nobody writes. */
const LONG_FORMAT = 0xffff_ffff;

/** What entries of functions share. */
export interface CommonEntry {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  /** DWARF number of the register that the rules call the return address. */
  readonly returnColumn: number;
  /** How pointers of functions are written. */
  readonly pointerEncoding: number;
  /** Whether entries of functions have augmentation data. */
  readonly isAugmented: boolean;
  /** The frames are the kernel's, made to deliver a signal. */
  readonly isSignalFrame: boolean;
  /** Holds the initial instructions. */
  readonly bytes: Uint8Array;
  readonly instructionsStart: number;
  readonly instructionsEnd: number;
}

/** The entry of one function. */
export interface FunctionEntry {
  readonly common: CommonEntry;
  /** Virtual addresses [start, end). */
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly instructionsStart: number;
  readonly instructionsEnd: number;
}

/** Common entries of a file kept at a time. Most files have fewer than ten. */
const MAX_COMMON_ENTRIES = 64;

/** Reads entries of one file. */
export class FrameEntries {
  readonly #source: ByteSource;
  readonly #common = new Map<number, CommonEntry | undefined>();
  readonly #buffer = new Uint8Array(FIRST_READ_BYTES);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /**
   * Reads the entry of a function.
   *
   * @param position in the file
   * @param address virtual address of that position: pointers are relative to it
   * @returns undefined if there is none, or it can't be read
   */
  functionAt(position: number, address: number): FunctionEntry | undefined {
    const bytes = this.#entryBytes(position);
    if (!bytes) return undefined;
    const cursor = new ByteCursor(bytes, 4);
    const back = cursor.u32();
    if (back === 0) return undefined;
    const common = this.#commonAt(position + 4 - back);
    if (!common) return undefined;
    const start = readPointer(cursor, common.pointerEncoding, address);
    // The length has the pointer's format, and is relative to nothing.
    const length = readPointer(cursor, common.pointerEncoding & Pointer.FORMAT, 0);
    if (common.isAugmented) cursor.skip(cursor.uleb());
    if (!cursor.good || start === undefined || !(length !== undefined && length > 0)) return undefined;
    return {
      common,
      start,
      end: start + length,
      bytes,
      instructionsStart: cursor.at,
      instructionsEnd: bytes.length,
    };
  }

  /**
   * Where the entry behind the one at `position` begins, and what this one is; undefined at the end.
   *
   * @param head the entry's first bytes, 8 or more: its length and the distance to its common entry
   */
  static next(
    head: ByteCursor,
    position: number,
  ): { readonly position: number; readonly isFunction: boolean } | undefined {
    const length = head.u32();
    const back = head.u32();
    if (!head.good || length < 4 || length === LONG_FORMAT) return undefined;
    return { position: position + 4 + length, isFunction: back !== 0 };
  }

  #commonAt(position: number): CommonEntry | undefined {
    if (this.#common.has(position)) return this.#common.get(position);
    const bytes = this.#entryBytes(position);
    const entry = bytes && parseCommon(bytes);
    if (this.#common.size >= MAX_COMMON_ENTRIES) this.#common.clear();
    this.#common.set(position, entry);
    return entry;
  }

  /** The whole entry with its length, in memory of its own; undefined if it is none. */
  #entryBytes(position: number): Uint8Array | undefined {
    if (!(position >= 0)) return undefined;
    const buffer = this.#buffer;
    const got = this.#source.read(buffer, position);
    const length = new ByteCursor(buffer, 0, got).u32();
    const size = length + 4;
    if (got < 8 || length < 4 || size > MAX_ENTRY_BYTES) return undefined;
    if (size <= got) return buffer.slice(0, size);
    const whole = new Uint8Array(size);
    return this.#source.read(whole, position) === size ? whole : undefined;
  }
}

function parseCommon(bytes: Uint8Array): CommonEntry | undefined {
  const cursor = new ByteCursor(bytes, 4);
  if (cursor.u32() !== 0) return undefined;
  const version = cursor.u8();
  const augmentation = readAugmentation(cursor);
  if ((version !== 1 && version !== 3) || augmentation === undefined) return undefined;
  const codeAlignment = cursor.uleb();
  const dataAlignment = cursor.sleb();
  const returnColumn = version === 1 ? cursor.u8() : cursor.uleb();
  const isAugmented = augmentation.startsWith("z");
  let pointerEncoding = 0;
  let isSignalFrame = false;
  if (isAugmented) {
    const length = cursor.uleb();
    const end = cursor.at + length;
    for (const letter of augmentation.slice(1)) {
      if (letter === "S") isSignalFrame = true;
      else if (letter === "R") pointerEncoding = cursor.u8();
      else if (letter === "L") cursor.u8();
      else if (letter === "P") readPointer(cursor, cursor.u8() & ~Pointer.INDIRECT, 0);
      // B: return addresses are signed with the other key (arm64). What else there may be is passed over.
      else if (letter !== "B") break;
    }
    if (end < cursor.at || end > bytes.length) return undefined;
    cursor.at = end;
  } else if (augmentation !== "") {
    return undefined;
  }
  if (!cursor.good) return undefined;
  return {
    codeAlignment,
    dataAlignment,
    returnColumn,
    pointerEncoding,
    isAugmented,
    isSignalFrame,
    bytes,
    instructionsStart: cursor.at,
    instructionsEnd: bytes.length,
  };
}

/** "zPLRSB" and a zero are all the letters there are. */
const MAX_AUGMENTATION = 8;

function readAugmentation(cursor: ByteCursor): string | undefined {
  let text = "";
  for (let byte = cursor.u8(); byte !== 0; byte = cursor.u8()) {
    text += String.fromCharCode(byte);
    if (text.length > MAX_AUGMENTATION) return undefined;
  }
  return cursor.good ? text : undefined;
}

/**
 * Reads a pointer that is absolute or relative to itself.
 *
 * @param address virtual address of the cursor's first byte
 */
function readPointer(cursor: ByteCursor, encoding: number, address: number): number | undefined {
  const relative = encoding & Pointer.RELATIVE_TO;
  if (encoding === Pointer.OMIT || (encoding & Pointer.INDIRECT) !== 0) return undefined;
  if (relative !== 0 && relative !== Pointer.PC_RELATIVE) return undefined;
  const base = relative === 0 ? 0 : address + cursor.at;
  const value = readFormat(cursor, encoding & Pointer.FORMAT);
  return value === undefined ? undefined : base + value;
}

function readFormat(cursor: ByteCursor, format: number): number | undefined {
  switch (format) {
    case 0x0:
    case 0x4:
      return cursor.u64();
    case 0x1:
      return cursor.uleb();
    case 0x2:
      return cursor.u16();
    case 0x3:
      return cursor.u32();
    case 0x9:
      return cursor.sleb();
    case 0xa:
      return cursor.s16();
    case 0xb:
      return cursor.s32();
    case 0xc:
      return cursor.s64();
    default:
      return undefined;
  }
}
