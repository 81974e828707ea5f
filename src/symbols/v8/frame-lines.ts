import type { SymbolFrame } from "../frame.ts";
import { bytecodeOffsetOf } from "./bytecode.ts";
import type { CodeObject } from "./code-objects.ts";
import type { V8Function, V8Functions } from "./functions.ts";
import type { Heap, HeapObject } from "./heap.ts";
import { activeCalls } from "./inlined-calls.ts";
import { findBytecodeNumber, findSourcePosition } from "./position-table.ts";
import type { V8Version } from "./versions.ts";

const MAX_TABLE_BYTES = 4 << 20;
const MAX_BYTECODE_BYTES = 4 << 20;
/** Places whose frames are remembered: about 300 bytes each. */
const MAX_PLACES = 8192;
/** Up to the last field of a BytecodeArray that we read. */
const BYTECODE_ARRAY_BYTES = 48;
const INTERPRETER_DATA_BYTECODE = 8;

/** Functions active at an address of optimized code. */
export interface OptimizedFrames {
  /** The function that the code was made for: the last frame's. */
  readonly of: V8Function;
  readonly frames: readonly SymbolFrame[];
}

/** The frame of a function at a line; 0 if it's not known. */
export function frameOf({ name, script, startLine }: V8Function, line: number): SymbolFrame {
  return { functionName: name, fileName: script?.fileName, line, startLine };
}

/** Lines, and inlined functions, at places in bytecode and machine code. Remembers them. */
export class FrameLines {
  readonly #heap: Heap;
  readonly #functions: V8Functions;
  readonly #version: V8Version;
  /** What was found whole, and for which function or code: another one may stand at that address now. */
  readonly #places = new Map<string, { readonly of: object; readonly found: unknown }>();
  #withoutPositions = 0;

  constructor(heap: Heap, functions: V8Functions, version: V8Version) {
    this.#heap = heap;
    this.#functions = functions;
    this.#version = version;
  }

  /** Functions that V8 compiled without source positions, which it makes up for only when it needs them itself. */
  get withoutPositions(): number {
    return this.#withoutPositions;
  }

  get memoryBytes(): number {
    return this.#places.size * 300;
  }

  /**
   * A function in the interpreter.
   *
   * @param bytecodeArray what the frame's slot points to
   * @param bytecodeOffset small integer in the frame's slot: counted from the tagged pointer
   * @returns undefined when that is no bytecode of it
   */
  interpreted(called: V8Function, bytecodeArray: number, bytecodeOffset: number): SymbolFrame | undefined {
    const offset = bytecodeOffset - this.#heap.layout.bytecodeArrayData + 1;
    return this.#remembered(called, `i${called.address}+${offset}`, () => {
      const bytecode = this.#bytecodeOf(called) ?? this.#bytecode(bytecodeArray);
      const length = bytecode?.smallInteger(this.#heap.layout.array.length);
      if (!bytecode || length === undefined || offset < 0 || offset >= length) return undefined;
      return frameOf(called, this.#lineIn(bytecode, called, offset));
    });
  }

  /** A function in baseline code, `machineOffset` bytes from its first instruction. Undefined if the code isn't its. */
  baseline(called: V8Function, code: CodeObject, bytecodeArray: number | undefined, machineOffset: number) {
    return this.#remembered(code, `b${code.start}+${machineOffset}`, (): SymbolFrame | undefined => {
      const bytecode = this.#compiledFrom(code);
      if (!bytecode || (bytecode.address !== bytecodeArray && this.#dataOf(called) !== code.address)) return undefined;
      return frameOf(called, this.#baselineLine(called, code, bytecode, machineOffset));
    });
  }

  /** What runs in optimized code, `machineOffset` bytes from its first instruction. Undefined when it can't be told. */
  optimized(code: CodeObject, machineOffset: number): OptimizedFrames | undefined {
    return this.#remembered(code, `o${code.start}+${machineOffset}`, () => {
      const calls = activeCalls(this.#heap, code, machineOffset);
      const frames: SymbolFrame[] = [];
      let of: V8Function | undefined;
      for (const { shared, position } of calls ?? []) {
        of = this.#functions.find(shared);
        if (!of) return undefined;
        frames.push(frameOf(of, this.#line(of, position)));
      }
      return of && { of, frames };
    });
  }

  #baselineLine(called: V8Function, code: CodeObject, bytecode: HeapObject, machineOffset: number): number {
    const { array, bytecodeArrayData } = this.#heap.layout;
    const table = code.positions === undefined ? undefined : this.#heap.byteArray(code.positions, MAX_TABLE_BYTES);
    const length = bytecode.smallInteger(array.length);
    if (!table || length === undefined || length < 0 || length > MAX_BYTECODE_BYTES) return 0;
    // One more, for the table counts the end of a bytecode's code as its own, for the sake of return addresses.
    const number = findBytecodeNumber(table, machineOffset + 1);
    if (number === undefined) return 0;
    if (number < 0) return called.startLine;
    const bytecodes = this.#heap.bytes(bytecode.address + bytecodeArrayData, length);
    const offset = bytecodes && bytecodeOffsetOf(bytecodes, number, this.#version.bytecodeSizes);
    return offset === undefined ? 0 : this.#lineIn(bytecode, called, offset);
  }

  #lineIn(bytecode: HeapObject, called: V8Function, offset: number): number {
    const positions = bytecode.pointer(this.#version.bytecodePositions);
    const holder = positions === undefined ? undefined : this.#heap.object(positions, this.#heap.layout.array.data);
    if (!holder || !this.#heap.layout.types.byteArrays.includes(holder.type)) {
      this.#withoutPositions++;
      return 0;
    }
    const table = this.#heap.byteArray(holder.address, MAX_TABLE_BYTES);
    return this.#line(called, table && findSourcePosition(table, offset)?.offset);
  }

  #line({ script, address }: V8Function, position: number | undefined): number {
    if (script === undefined || position === undefined) return 0;
    const line = this.#functions.lineAt(script, position);
    if (line > 0) return line;
    const moved = this.#functions.findAnew(address)?.script;
    return moved && moved !== script ? this.#functions.lineAt(moved, position) : 0;
  }

  /** Where the function's own data points: bytecode, baseline code, or neither. */
  #dataOf(called: V8Function): number | undefined {
    const { types, sharedFunctionInfo } = this.#heap.layout;
    return this.#heap
      .objectOf(types.sharedFunctionInfo, called.address, sharedFunctionInfo.data + 8)
      ?.pointer(sharedFunctionInfo.data);
  }

  /** The function's bytecode, where its data is just that. */
  #bytecodeOf(called: V8Function): HeapObject | undefined {
    const data = this.#dataOf(called);
    return data === undefined ? undefined : this.#bytecode(data);
  }

  /** What baseline code was compiled from. */
  #compiledFrom(code: CodeObject): HeapObject | undefined {
    return code.deoptimization === undefined ? undefined : this.#bytecode(code.deoptimization);
  }

  /** The BytecodeArray at an address, or behind the InterpreterData there. */
  #bytecode(address: number): HeapObject | undefined {
    const { types } = this.#heap.layout;
    const object = this.#heap.object(address, INTERPRETER_DATA_BYTECODE + 8);
    if (object?.type === types.bytecodeArray) return this.#heap.object(address, BYTECODE_ARRAY_BYTES);
    const inner = object?.type === types.interpreterData ? object.pointer(INTERPRETER_DATA_BYTECODE) : undefined;
    return inner === undefined ? undefined : this.#heap.objectOf(types.bytecodeArray, inner, BYTECODE_ARRAY_BYTES);
  }

  #remembered<T extends SymbolFrame | OptimizedFrames>(
    of: object,
    place: string,
    find: () => T | undefined,
  ): T | undefined {
    const known = this.#places.get(place);
    if (known?.of === of) return known.found as T;
    const found = find();
    // What couldn't be read now may be there next time: the collector is at work, or positions are still being made.
    if (found === undefined || !hasLines(found)) return found;
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(place, { of, found });
    return found;
  }
}

/** Whether nothing lacks its line but what is in no script. */
function hasLines(found: SymbolFrame | OptimizedFrames): boolean {
  if ("frames" in found) return found.frames.every(hasLines);
  return found.line > 0 || (found.fileName === undefined && found.startLine === 0);
}
