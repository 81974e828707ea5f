import { type MemoryBlocks, ProcessMemory } from "#linux";
import { type SymbolFrame, type V8Layout, V8Names } from "#symbols";
import { IntList } from "#wire";
import type { Process } from "../processes/index.ts";
import type { Dictionary } from "../profiles/dictionary.ts";
import type { V8FrameOffsets } from "../sampler/sample-source.ts";
import { WordSet } from "../word-set.ts";
import type { FrameTypes } from "./frame-types.ts";
import type { ProcessCode } from "./process-code.ts";

/** 64-bit words of a V8 frame, as the kernel's walk takes them. */
export const V8_WORDS = 5;
const HIGH = 2 ** 32;
/** Flushes after which what is known of addresses is asked anew: V8 puts other code where code was. */
const BELIEVED_FLUSHES = 16;
/** Frames remembered in a process. */
const MAX_FRAMES = 8192;

/** What the kernel has to know of a build of V8 to walk its processes. */
export function v8FrameOffsets({ frame, sharedOfFunction }: V8Layout): V8FrameOffsets {
  return {
    fpContext: frame.contextOrMarker,
    fpFunction: frame.function,
    fpBytecodeArray: frame.bytecodeArray,
    fpBytecodeOffset: frame.bytecodeOffset,
    functionShared: sharedOfFunction,
  };
}

/** JavaScript frames of one process: their locations, as its memory names them while it runs. */
export class V8Code {
  readonly #names: V8Names;
  readonly #memory: ProcessMemory;
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  /** Address, SharedFunctionInfo, bytecode offset, whether it's the leaf. */
  readonly #frames = new WordSet(6);
  /** For each of them, one or two locations; 0 where there is none. */
  readonly #locations = new IntList();
  #generation = -1;
  #flush = 0;

  private constructor(names: V8Names, memory: ProcessMemory, dictionary: Dictionary, types: FrameTypes) {
    this.#names = names;
    this.#memory = memory;
    this.#dictionary = dictionary;
    this.#types = types;
  }

  /** Undefined if the process is gone or may not be looked at. */
  static open(
    process: Process,
    layout: V8Layout,
    blocks: MemoryBlocks,
    dictionary: Dictionary,
    types: FrameTypes,
  ): V8Code | undefined {
    const memory = ProcessMemory.open(process.pid, blocks);
    return memory && new V8Code(new V8Names(layout, memory), memory, dictionary, types);
  }

  get memoryBytes(): number {
    return this.#names.memoryBytes + this.#frames.memoryBytes;
  }

  /**
   * Puts the locations of the frame whose words begin at `words[at]` into `into`, from `count` on.
   *
   * @returns the new count; the same one if this is no frame of JavaScript's
   */
  locate(words: Uint32Array, at: number, isLeaf: boolean, code: ProcessCode, into: Int32Array, count: number): number {
    if (this.#generation !== this.#dictionary.generation || this.#frames.size > MAX_FRAMES) this.#forget();
    const pc = words[at + 1]! * HIGH + words[at]! - (isLeaf ? 0 : 1);
    const mapping = code.mappingOf(pc);
    if (!mapping) return count;
    const file = code.fileOf(mapping);
    const { key } = this.#frames;
    key[0] = words[at]!;
    key[1] = words[at + 1]!;
    key[2] = words[at + 4]!;
    key[3] = words[at + 5]!;
    // Generated code has other things in that slot; what the interpreter runs stands in a file.
    key[4] = file ? words[at + 9]! : words[at + 2]! & 0xff;
    key[5] = isLeaf ? 1 : 0;
    const known = this.#frames.size;
    const frame = this.#frames.intern();
    if (frame === known) {
      const address = file && code.virtualAddress(pc, mapping, file);
      const symbol = address === undefined ? undefined : file?.symbolAt(address);
      const found = this.#names.frames(
        words,
        at,
        isLeaf,
        file ? { kind: "file", symbol } : { kind: "generated", start: mapping.start },
      );
      const [first, second] = this.#locationsOf(found, symbol, pc, code);
      this.#locations.push(first);
      this.#locations.push(second);
    }
    for (let part = 0; part < 2; part++) {
      const location = this.#locations.at(frame * 2 + part);
      if (location !== 0) into[count++] = location;
    }
    return count;
  }

  endFlush(): void {
    this.#names.endFlush();
    this.#memory.forget();
    if (++this.#flush % BELIEVED_FLUSHES === 0) this.#forget();
  }

  close(): void {
    this.#memory.close();
  }

  /** What runs on its caller's frame is a location of its own: it stands in a file. */
  #locationsOf(
    frames: readonly SymbolFrame[] | undefined,
    symbol: SymbolFrame | undefined,
    pc: number,
    code: ProcessCode,
  ): [number, number] {
    if (!frames) return [0, 0];
    const runsAhead = symbol !== undefined && frames[0] === symbol;
    const script = runsAhead ? frames.slice(1) : frames;
    const named =
      script.length === 0
        ? 0
        : this.#dictionary.namedLocation(0, this.#dictionary.lineList(script), this.#types.of("v8js"));
    return runsAhead ? [code.locationOf(pc), named] : [named, 0];
  }

  #forget(): void {
    this.#generation = this.#dictionary.generation;
    this.#frames.clear();
    this.#locations.clear();
  }
}
