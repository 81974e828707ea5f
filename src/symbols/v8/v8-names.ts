import type { SymbolFrame } from "../frame.ts";
import { type CodeObject, CodeObjects } from "./code-objects.ts";
import { FrameLines, frameOf } from "./frame-lines.ts";
import type { FramePlace } from "./frame-place.ts";
import { ANONYMOUS, isSameFunction, type V8Function, V8Functions } from "./functions.ts";
import { Heap, type HeapFaults, untag } from "./heap.ts";
import type { V8Layout } from "./layout.ts";
import type { RemoteMemory } from "./remote-memory.ts";

/** How often something stood in the way of a name or a line, since the start. */
export interface V8Counters extends Readonly<HeapFaults> {
  /** Frames in generated code whose code object could not be found: named, without a line. */
  readonly withoutCode: number;
  /** Lines that V8 itself doesn't know at the moment, see {@link FrameLines.withoutPositions}. */
  readonly withoutPositions: number;
  /** Frames whose function could not be read: not named. */
  readonly unnamed: number;
}

/** Where in the sample's words of one frame what stands; each is two 32-bit halves, the lower first. */
const WORD = { PC: 0, CONTEXT: 2, SHARED: 4, BYTECODE_ARRAY: 6, BYTECODE_OFFSET: 8 } as const;
/** Halves of words that one frame takes. */
export const V8_FRAME_HALVES = 10;

/** Parts of V8's interpreter: they run in the frame of the function that they interpret. */
const INTERPRETER = /^Builtins_(?:Interpreter|BaselineOrInterpreter|\w+Handler$)/;
/** Types of frames that belong to the code at pc, whatever it is: WebAssembly, regular expressions. */
const NO_CALLERS = /Wasm|Irregexp/;

/**
 * Names the JavaScript frames of one Node process, from its memory, while it runs. Nothing is told that the types of the
 * objects it was read from don't confirm.
 */
export class V8Names {
  readonly #heap: Heap;
  readonly #functions: V8Functions;
  /** Undefined where the release isn't known: names, files and first lines only. */
  readonly #exact: { readonly code: CodeObjects; readonly lines: FrameLines } | undefined;
  #withoutCode = 0;
  #unnamed = 0;

  constructor(layout: V8Layout, memory: RemoteMemory) {
    this.#heap = new Heap(memory, layout);
    this.#functions = new V8Functions(this.#heap);
    this.#exact = layout.version && {
      code: new CodeObjects(this.#heap, layout.version.code),
      lines: new FrameLines(this.#heap, this.#functions, layout.version),
    };
  }

  /**
   * Names one user frame of a sample.
   *
   * @param words pc, context slot, SharedFunctionInfo, bytecode array slot, bytecode offset slot, each in two halves
   * @param at where the frame begins in `words`
   * @param isLeaf whether pc is exact; else it's a return address
   * @returns innermost first, functions that were inlined included. Where a builtin or C++ runs on the frame of a
   *   JavaScript function, `place.symbol` itself comes first. Undefined when it's no JavaScript: the file names it.
   */
  frames(words: Uint32Array, at: number, isLeaf: boolean, place: FramePlace): readonly SymbolFrame[] | undefined {
    const shared = pointerIn(words, at + WORD.SHARED);
    if (shared === undefined) {
      return place.kind === "generated" ? this.#marked(words, at, isLeaf, place.start) : undefined;
    }
    const builtin = place.kind === "file" ? builtinOf(place.symbol) : undefined;
    if (place.kind === "file" && place.symbol && builtin === undefined) {
      // C++ has a frame of its own, except in its first instructions and where it was compiled without. Registers that
      // it saves to its frame may hold functions as well, but hardly a context before them.
      if (!isLeaf || !this.#hasContext(words, at)) return undefined;
    }

    const called = this.#functions.find(shared);
    if (!called) {
      this.#unnamed++;
      return undefined;
    }
    if (place.kind === "generated") return this.#generated(called, words, at, isLeaf, place.start);

    // Builtins without a name of their own have one as code.
    if (called.script === undefined && called.name === ANONYMOUS && builtin !== undefined) return undefined;
    const interpreted = this.#interpreted(called, words, at);
    const frame = interpreted ?? frameOf(called, 0);
    // Without symbols a return address into the binary may be C++ all the same.
    if (place.symbol === undefined) return interpreted || isLeaf || called.script === undefined ? [frame] : undefined;
    const isOwnCode = builtin !== undefined && (called.script === undefined || INTERPRETER.test(builtin));
    return isOwnCode || !isLeaf ? [frame] : [place.symbol, frame];
  }

  /** Call it after each flush: what is cached is looked at again before it's believed, for V8 moves objects. */
  endFlush(): void {
    this.#functions.endFlush();
    this.#exact?.code.endFlush();
  }

  get counters(): V8Counters {
    return {
      ...this.#heap.faults,
      withoutCode: this.#withoutCode,
      withoutPositions: this.#exact?.lines.withoutPositions ?? 0,
      unnamed: this.#unnamed,
    };
  }

  get memoryBytes(): number {
    return (
      this.#functions.memoryBytes + (this.#exact ? this.#exact.code.memoryBytes + this.#exact.lines.memoryBytes : 0)
    );
  }

  /** Frames that V8's stubs make hold their type where functions have their context. */
  #marked(words: Uint32Array, at: number, isLeaf: boolean, mappingStart: number): readonly SymbolFrame[] | undefined {
    const marker = words[at + WORD.CONTEXT]!;
    if (words[at + WORD.CONTEXT + 1] !== 0 || marker % 2 === 1) return undefined;
    const type = this.#heap.layout.frameTypes.get(marker / 2);
    if (type === undefined) return undefined;
    // A function's first instructions still run on the frame of the stub that called it.
    if (isLeaf && !NO_CALLERS.test(type)) {
      const pc = wordAt(words, at + WORD.PC);
      const code = this.#exact?.code.find(pc, mappingStart);
      const started = code && isOptimized(code) ? this.#exact?.lines.optimized(code, pc - code.start) : undefined;
      if (started) return started.frames;
    }
    return [{ functionName: `(${type})`, line: 0, startLine: 0 }];
  }

  #hasContext(words: Uint32Array, at: number): boolean {
    const address = pointerIn(words, at + WORD.CONTEXT);
    const type = address === undefined ? undefined : this.#heap.object(address, 8)?.type;
    const { first, last } = this.#heap.layout.types.contexts;
    return type !== undefined && type >= first && type <= last;
  }

  #interpreted(called: V8Function, words: Uint32Array, at: number): SymbolFrame | undefined {
    const bytecodeArray = pointerIn(words, at + WORD.BYTECODE_ARRAY);
    // A small integer has its value in the upper half.
    if (bytecodeArray === undefined || words[at + WORD.BYTECODE_OFFSET] !== 0) return undefined;
    return this.#exact?.lines.interpreted(called, bytecodeArray, words[at + WORD.BYTECODE_OFFSET + 1]! | 0);
  }

  #generated(called: V8Function, words: Uint32Array, at: number, isLeaf: boolean, mappingStart: number): SymbolFrame[] {
    const unknownLine = frameOf(called, 0);
    if (!this.#exact) return [unknownLine];
    // A return address stands behind its call, which may be the last instruction of the code.
    const pc = wordAt(words, at + WORD.PC) - (isLeaf ? 0 : 1);
    const code = this.#exact.code.find(pc, mappingStart);
    if (!code) {
      this.#withoutCode++;
      return [unknownLine];
    }
    const offset = pc - code.start;
    if (code.tier === "baseline") {
      const bytecodeArray = pointerIn(words, at + WORD.BYTECODE_ARRAY);
      return [this.#exact.lines.baseline(called, code, bytecodeArray, offset) ?? unknownLine];
    }
    const optimized = isOptimized(code) ? this.#exact.lines.optimized(code, offset) : undefined;
    if (!optimized) return [unknownLine];
    if (isSameFunction(optimized.of, called)) return [...optimized.frames];
    // In its first and last instructions a function still, or again, runs on its caller's frame.
    return isLeaf ? [...optimized.frames, unknownLine] : [unknownLine];
  }
}

function isOptimized({ tier }: CodeObject): boolean {
  return tier === "maglev" || tier === "turbofan";
}

function wordAt(words: Uint32Array, at: number): number {
  return words[at + 1]! * 2 ** 32 + words[at]!;
}

function pointerIn(words: Uint32Array, at: number): number | undefined {
  return untag(words[at]!, words[at + 1]!);
}

/** Name of V8's builtin, if that's what the file's symbol tells. */
function builtinOf(symbol: SymbolFrame | undefined): string | undefined {
  const name = symbol?.systemName ?? symbol?.functionName;
  return name?.startsWith("Builtins_") === true ? name : undefined;
}
