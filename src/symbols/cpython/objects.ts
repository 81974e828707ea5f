import type { RemoteMemory } from "../v8/remote-memory.ts";
import type { CPythonOffsets } from "./offsets.ts";

/** Addresses in the process of the types by which objects are known. */
export interface CPythonTypes {
  readonly code: number;
  readonly string: number;
  readonly bytes: number;
}

/** Why something could not be read, since the start. */
export interface ObjectFaults {
  /** What a pointer led to was of another type: freed, or never what it seemed. */
  wrongType: number;
  /** Memory that can't be read. */
  unreadable: number;
  /** Right by its type, impossible by its content. */
  implausible: number;
}

const HIGH = 2 ** 32;
/** User space ends at 2^47. */
const HIGH_LIMIT = 0x8000;
/** Bytes up to the last field of a string that is looked at. */
const STRING_HEADER_BYTES = 40;
const BYTES_HEADER_BYTES = 24;

/**
 * Reads CPython's objects in another process. They are freed and their memory used again while we read, so each is known
 * by its type before anything in it counts.
 */
export class PythonObjects {
  readonly offsets: CPythonOffsets;
  readonly faults: ObjectFaults = { wrongType: 0, unreadable: 0, implausible: 0 };
  readonly #memory: RemoteMemory;
  readonly #types: CPythonTypes;

  constructor(memory: RemoteMemory, offsets: CPythonOffsets, types: CPythonTypes) {
    this.#memory = memory;
    this.offsets = offsets;
    this.#types = types;
  }

  /** The first `sizeBytes` of an object, newly allocated; undefined if it isn't of that type. */
  object(type: keyof CPythonTypes, address: number, sizeBytes: number): DataView | undefined {
    const view = this.#bytes(address, sizeBytes);
    if (!view) return undefined;
    if (addressAt(view, this.offsets.objectType) === this.#types[type]) return view;
    this.faults.wrongType++;
    return undefined;
  }

  /** Whether there is memory at an address. */
  isReadable(address: number): boolean {
    return this.#memory.read(new Uint8Array(1), address) > 0;
  }

  /** A string's text, cut at `maxCharacters`. */
  text(address: number, maxCharacters: number): string | undefined {
    const { stringLength, stringState, asciiData, compactData } = this.offsets;
    const header = this.object("string", address, STRING_HEADER_BYTES);
    if (!header) return undefined;
    const state = header.getUint32(stringState, true);
    const bytesPerCharacter = (state >>> 2) & 7;
    const isCompact = (state & 0x20) !== 0;
    const isAscii = (state & 0x40) !== 0;
    const length = lengthAt(header, stringLength);
    const isPlausible = isCompact && [1, 2, 4].includes(bytesPerCharacter) && (!isAscii || bytesPerCharacter === 1);
    if (!isPlausible || length === undefined) return this.#implausible();
    const characters = Math.min(length, maxCharacters);
    if (characters === 0) return "";
    const data = this.#bytes(address + (isAscii ? asciiData : compactData), characters * bytesPerCharacter);
    return data && decode(data, bytesPerCharacter);
  }

  /** Hash of a string as it has it; -1 as long as nobody asked. */
  hashOf(string: number): bigint | undefined {
    return this.#bytes(string + this.offsets.stringHash, 8)?.getBigUint64(0, true);
  }

  /** Content of a bytes object; undefined if it has more than `maxBytes`. */
  bytes(address: number, maxBytes: number): Uint8Array | undefined {
    const { bytesSize, bytesData } = this.offsets;
    const header = this.object("bytes", address, BYTES_HEADER_BYTES);
    if (!header) return undefined;
    const size = lengthAt(header, bytesSize);
    if (size === undefined || size > maxBytes) return this.#implausible();
    const content = size === 0 ? new DataView(new ArrayBuffer(0)) : this.#bytes(address + bytesData, size);
    return content && new Uint8Array(content.buffer);
  }

  #bytes(address: number, sizeBytes: number): DataView<ArrayBuffer> | undefined {
    const bytes = new Uint8Array(sizeBytes);
    if (this.#memory.read(bytes, address) === sizeBytes) return new DataView(bytes.buffer);
    this.faults.unreadable++;
    return undefined;
  }

  #implausible(): undefined {
    this.faults.implausible++;
    return undefined;
  }
}

/** A pointer; 0, where nothing can be read, if it is no address of user space. */
export function addressAt(view: DataView, offset: number): number {
  const high = view.getUint32(offset + 4, true);
  return high < HIGH_LIMIT ? high * HIGH + view.getUint32(offset, true) : 0;
}

/** A `Py_ssize_t` below 2^32. */
function lengthAt(view: DataView, offset: number): number | undefined {
  return view.getUint32(offset + 4, true) === 0 ? view.getUint32(offset, true) : undefined;
}

function decode(data: DataView<ArrayBuffer>, bytesPerCharacter: number): string | undefined {
  if (bytesPerCharacter < 4) return Buffer.from(data.buffer).toString(bytesPerCharacter === 1 ? "latin1" : "utf16le");
  let text = "";
  for (let at = 0; at < data.byteLength; at += 4) {
    const point = data.getUint32(at, true);
    text += point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
  }
  return text;
}
