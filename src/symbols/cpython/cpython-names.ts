import type { SymbolFrame } from "../frame.ts";
import type { RemoteMemory } from "../v8/remote-memory.ts";
import { lineOf } from "./line-table.ts";
import { addressAt, type CPythonTypes, type ObjectFaults, PythonObjects } from "./objects.ts";
import type { CPythonOffsets } from "./offsets.ts";

/** How often something stood in the way of a name, since the start. */
export interface CPythonCounters extends Readonly<ObjectFaults> {
  /** Code objects that another had replaced by the time they were looked at. */
  readonly replaced: number;
}

/** What a code object tells. */
interface Code {
  readonly print: number;
  readonly functionName: string;
  readonly fileName: string | undefined;
  readonly firstLine: number;
  readonly lineTable: Uint8Array;
  /** Address of its first instruction. */
  readonly instructions: number;
  /** Fields whose change would make it another one. */
  readonly pointers: readonly number[];
  /** When it was last seen in memory. */
  epoch: number;
}

/** What people write is far shorter; the rest of a name is cut off. */
const MAX_NAME_CHARACTERS = 512;
const MAX_FILE_NAME_CHARACTERS = 4096;
/** What no name has: memory that is read as text by mistake nearly always does. */
const CONTROL = /\p{Cc}/u;
/** A table has a few bytes a line; the largest code objects are generated ones. */
const MAX_LINE_TABLE_BYTES = 256 << 10;
const MAX_CODES = 8192;
/** Flushes for which what was seen is believed of samples from before it was freed. */
const BELIEVED_EPOCHS = 2;
/** Of all line tables; then all is forgotten. */
const MAX_TABLE_BYTES = 4 << 20;
/** What a known code object takes beside its line table, about. */
const CODE_BYTES = 400;
const PRINT_FACTOR = 0x9e3779b97f4a7c15n;
const PRINT_SHIFT = 40n;

/**
 * Names the frames of one CPython process from its memory, while it runs. A code object is believed only if its type says
 * that it is one, and if it is the one that ran when the sample was taken, as its print tells: memory of freed ones is
 * used again. Samples are looked at a while after they were taken, and an interpreter that ends frees everything; so what
 * was seen lately is believed of samples with the same print, whatever has taken its place by now.
 */
export class CPythonNames {
  readonly #objects: PythonObjects;
  readonly #codes = new Map<number, Code>();
  #tableBytes = 0;
  #epoch = 0;
  #replaced = 0;

  constructor(memory: RemoteMemory, offsets: CPythonOffsets, types: CPythonTypes) {
    this.#objects = new PythonObjects(memory, offsets, types);
  }

  get counters(): CPythonCounters {
    return { ...this.#objects.faults, replaced: this.#replaced };
  }

  get memoryBytes(): number {
    return this.#tableBytes + this.#codes.size * CODE_BYTES;
  }

  /**
   * The function of a frame, with the line that it executes.
   *
   * @param code address of its code object
   * @param print what told it from others when the sample was taken: see `print_of_code` of bpf/python.h
   * @param instruction address of the instruction
   * @returns undefined if it is another code object by now, or none, and wasn't seen before
   */
  frame(code: number, print: number, instruction: number): SymbolFrame | undefined {
    const found = this.#find(code, print);
    if (!found) return undefined;
    const { functionName, fileName, firstLine, lineTable, instructions } = found;
    return {
      functionName,
      fileName,
      line: lineOf(lineTable, firstLine, instruction - instructions),
      startLine: firstLine,
    };
  }

  /** To be called after each flush: what is known is looked at again before it's believed. */
  endFlush(): void {
    this.#epoch++;
  }

  #find(address: number, print: number): Code | undefined {
    const known = this.#codes.get(address);
    if (known?.print === print && known.epoch === this.#epoch) return known;
    const { offsets } = this.#objects;
    const header = this.#objects.object("code", address, offsets.codeInstructions);
    const isOther = header !== undefined && this.#printOf(header) !== print;
    if (isOther) this.#replaced++;
    if (!header || isOther) return known?.print === print && this.#isBelieved(known, address) ? known : undefined;
    const fields = [offsets.codeQualifiedName, offsets.codeFileName, offsets.codeLineTable];
    const pointers = fields.map((field) => addressAt(header, field));
    if (known?.print === print && known.pointers.every((pointer, index) => pointer === pointers[index])) {
      known.epoch = this.#epoch;
      return known;
    }
    const read = this.#read(address, header, print, pointers);
    if (!read) return undefined;
    if (this.#codes.size >= MAX_CODES || this.#tableBytes > MAX_TABLE_BYTES) {
      this.#codes.clear();
      this.#tableBytes = 0;
    }
    this.#tableBytes += read.lineTable.length - (this.#codes.get(address)?.lineTable.length ?? 0);
    this.#codes.set(address, read);
    return read;
  }

  /** Whether what was known of an address counts still, though it is there no more. */
  #isBelieved({ epoch }: Code, address: number): boolean {
    // Of a process that has ended, what was known before is as good as it was.
    return this.#epoch - epoch <= BELIEVED_EPOCHS || !this.#objects.isReadable(address);
  }

  #read(address: number, header: DataView, print: number, pointers: readonly number[]): Code | undefined {
    const [name, file, table] = pointers as [number, number, number];
    const functionName = this.#objects.text(name, MAX_NAME_CHARACTERS);
    const fileName = this.#objects.text(file, MAX_FILE_NAME_CHARACTERS);
    if (!functionName || CONTROL.test(functionName) || fileName === undefined) return undefined;
    const { codeFirstLine, codeInstructions } = this.#objects.offsets;
    return {
      print,
      functionName,
      fileName: fileName === "" ? undefined : fileName,
      firstLine: Math.max(0, header.getInt32(codeFirstLine, true)),
      lineTable: this.#objects.bytes(table, MAX_LINE_TABLE_BYTES) ?? new Uint8Array(0),
      instructions: address + codeInstructions,
      pointers,
      epoch: this.#epoch,
    };
  }

  /** As the kernel program makes it. */
  #printOf(header: DataView): number | undefined {
    const { codeFirstLine, codeVersion, codeName } = this.#objects.offsets;
    const word = (offset: number): bigint => header.getBigUint64(offset - (offset % 8), true);
    const hash = this.#objects.hashOf(addressAt(header, codeName));
    if (hash === undefined) return undefined;
    const lines = word(codeFirstLine) * PRINT_FACTOR + word(codeVersion);
    return Number(BigInt.asUintN(64, (lines * PRINT_FACTOR + hash) * PRINT_FACTOR) >> PRINT_SHIFT);
  }
}
