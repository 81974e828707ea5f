import type { RemoteMemory } from "../../v8/remote-memory.ts";
import type { CPythonOffsets } from "../offsets.ts";
import type { CPythonTypes } from "../objects.ts";

/** Where the memory of an image begins. */
export const IMAGE_START = 0x7f00_0010_0000;
const PRINT_FACTOR = 0x9e3779b97f4a7c15n;

/** Memory in which a test builds objects as CPython has them. */
export class ObjectImage implements RemoteMemory {
  readonly bytes = new Uint8Array(1 << 16);
  readonly types: CPythonTypes = { code: 0x5000, string: 0x6000, bytes: 0x7000 };
  readonly #view = new DataView(this.bytes.buffer);
  readonly #offsets: CPythonOffsets;
  #next = 64;

  constructor(offsets: CPythonOffsets) {
    this.#offsets = offsets;
  }

  read(target: Uint8Array, address: number): number {
    const from = address - IMAGE_START;
    if (!(from >= 0 && from < this.bytes.length)) return 0;
    const piece = this.bytes.subarray(from, from + target.length);
    target.set(piece);
    return piece.length;
  }

  word(address: number, value: bigint | number): void {
    this.#view.setBigUint64(address - IMAGE_START, BigInt(value), true);
  }

  /** A string with characters of the least size that it needs, and any hash. */
  text(content: string): number {
    const points = Array.from(content, (character) => character.codePointAt(0)!);
    const largest = Math.max(0, ...points);
    const size = largest < 0x100 ? 1 : largest < 0x10000 ? 2 : 4;
    const isAscii = largest < 0x80;
    const { asciiData, compactData, stringHash, stringLength, stringState } = this.#offsets;
    const data = isAscii ? asciiData : compactData;
    const address = this.object("string", data + points.length * size);
    this.word(address + stringLength, points.length);
    this.word(address + stringHash, 0x1234_5678_9abc_def0n + BigInt(points.length));
    this.word(address + stringState, (size << 2) | 0x20 | (isAscii ? 0x40 : 0));
    for (const [index, point] of points.entries()) {
      for (let byte = 0; byte < size; byte++) {
        this.bytes[address - IMAGE_START + data + index * size + byte] = (point >>> (8 * byte)) & 0xff;
      }
    }
    return address;
  }

  /** A code object. */
  code(qualifiedName: string, fileName: string, firstLine: number, lineTable: Uint8Array): number {
    const offsets = this.#offsets;
    const table = this.object("bytes", offsets.bytesData + lineTable.length);
    this.word(table + offsets.bytesSize, lineTable.length);
    this.bytes.set(lineTable, table - IMAGE_START + offsets.bytesData);
    const address = this.object("code", offsets.codeInstructions + 64);
    this.word(address + offsets.codeFileName, this.text(fileName));
    this.word(address + offsets.codeQualifiedName, this.text(qualifiedName));
    this.word(address + offsets.codeName, this.text(qualifiedName.split(".").at(-1)!));
    this.word(address + offsets.codeLineTable, table);
    this.#view.setInt32(address - IMAGE_START + offsets.codeFirstLine, firstLine, true);
    return address;
  }

  /** The print of a code object, as the kernel program makes it: see bpf/python.h. */
  printOf(code: number): number {
    const { codeFirstLine, codeVersion, codeName, stringHash } = this.#offsets;
    const word = (address: number): bigint => this.#view.getBigUint64(address - (address % 8) - IMAGE_START, true);
    const hash = word(Number(word(code + codeName)) + stringHash);
    const print = (word(code + codeFirstLine) * PRINT_FACTOR + word(code + codeVersion)) * PRINT_FACTOR + hash;
    return Number(BigInt.asUintN(64, print * PRINT_FACTOR) >> 40n);
  }

  object(type: keyof CPythonTypes, sizeBytes: number): number {
    const address = IMAGE_START + this.#next;
    this.#next += Math.ceil(sizeBytes / 16) * 16 + 16;
    this.word(address + this.#offsets.objectType, this.types[type]);
    return address;
  }
}
