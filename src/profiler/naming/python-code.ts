import { type MemoryBlocks, ProcessMemory } from "#linux";
import { type CPythonLayout, CPythonNames, type CPythonRefusal } from "#symbols";
import { IntList } from "#wire";
import type { Process } from "../processes/index.ts";
import type { Dictionary } from "../profiles/dictionary.ts";
import type { CPythonWalk } from "../sampler/sample-source.ts";
import { PYTHON_GAPS, PythonGap } from "../stacks/python-gap.ts";
import { WordSet } from "../word-set.ts";
import type { FrameTypes } from "./frame-types.ts";

/**
 * 64-bit words of a frame in a stack with Python in it. Native: the address, and 0. Python's: what the kernel's walk tells,
 * see bpf/record.h. A mark: 0, and one of `PythonGap`.
 */
export const PYTHON_WORDS = 2;
const HIGH = 2 ** 32;
/** Instructions whose locations are remembered; then they are asked for anew. */
const MAX_FRAMES = 1 << 14;
/** What one takes in the tables. */
const FRAME_BYTES = 24;
/** Tells the reason by its name, on the location of a mark. */
const REASON_ATTRIBUTE = "podflame.frame.truncation";

const REFUSALS: Readonly<Record<CPythonRefusal, number>> = {
  version: PythonGap.Version,
  free_threaded: PythonGap.FreeThreaded,
};

/** Where the names come from. */
export interface PythonSources {
  readonly blocks: MemoryBlocks;
  readonly dictionary: Dictionary;
  readonly types: FrameTypes;
}

/** Python as one process runs it: which native code is the evaluator's, and locations of Python's functions. */
export class PythonCode {
  /** How the kernel walks its frames; undefined if they aren't known. */
  readonly walk: CPythonWalk | undefined;
  /** One of `PythonGap`: why there is no walk. */
  readonly refusal: number;
  /** What tells the frames at which C called Python. */
  readonly entry: { readonly value: number; readonly isShim: boolean } | undefined;
  readonly #process: Process;
  readonly #layout: CPythonLayout;
  readonly #bias: number;
  readonly #sources: PythonSources;
  #memory: ProcessMemory | undefined;
  #names: CPythonNames | undefined;
  /** Instruction and code object, as the frame has them. */
  readonly #frames = new WordSet(4);
  readonly #locations = new IntList();
  #generation = -1;

  /** @param bias from the file's addresses to the process's */
  constructor(process: Process, layout: CPythonLayout, bias: number, sources: PythonSources) {
    const { offsets } = layout;
    this.#process = process;
    this.#layout = layout;
    this.#bias = bias;
    this.#sources = sources;
    if (typeof offsets === "string") {
      this.refusal = REFUSALS[offsets];
    } else {
      this.refusal = PythonGap.None;
      this.entry = offsets.entry;
      this.walk = { ...offsets, codeLine: offsets.codeFirstLine, runtime: layout.runtime + bias };
    }
  }

  get memoryBytes(): number {
    return (this.#names?.memoryBytes ?? 0) + this.#frames.size * FRAME_BYTES;
  }

  /** Code objects that were gone before they could be looked at, since it was opened. */
  get replaced(): number {
    return this.#names?.counters.replaced ?? 0;
  }

  /** Whether an address is the evaluator's: its frame stands for functions of Python. */
  isEvaluator(address: number): boolean {
    const own = address - this.#bias;
    return this.#layout.evaluator.some(({ start, end }) => own >= start && own < end);
  }

  /**
   * The location of the frame whose words begin at `words[at]`.
   *
   * @returns undefined if it's a native one; 0 if it isn't to be shown
   */
  locate(words: Uint32Array, at: number): number | undefined {
    const codeLow = words[at + 2]!;
    const codeHigh = words[at + 3]!;
    if (codeHigh === 0 && codeLow < PYTHON_GAPS.length) return codeLow === 0 ? undefined : this.#mark(codeLow);
    if (this.#generation !== this.#sources.dictionary.generation || this.#frames.size > MAX_FRAMES) this.#forget();
    const { key } = this.#frames;
    key[0] = words[at]!;
    key[1] = words[at + 1]!;
    key[2] = codeLow;
    key[3] = codeHigh;
    const frame = this.#frames.intern();
    if (frame === this.#locations.length) this.#locations.push(this.#read(words, at));
    return this.#locations.at(frame);
  }

  endFlush(): void {
    this.#names?.endFlush();
    this.#memory?.forget();
    this.#forget();
  }

  close(): void {
    this.#memory?.close();
    this.#memory = undefined;
    this.#names = undefined;
    this.#forget();
  }

  #read(words: Uint32Array, at: number): number {
    const { dictionary, types } = this.#sources;
    const high = words[at + 1]!;
    const codeHigh = words[at + 3]!;
    const code = words[at + 2]! + (codeHigh & 0xffff) * HIGH;
    const print = ((high >>> 16) & 0xff) * 0x10000 + (codeHigh >>> 16);
    const instruction = words[at]! + (high & 0xffff) * HIGH;
    let found = this.#open()?.frame(code, print, instruction);
    if (!found && this.#memory) {
      // It may be newer than what was read of its memory.
      this.#memory.forget();
      found = this.#names?.frame(code, print, instruction);
    }
    if (!found) return this.#mark(PythonGap.Replaced);
    // Pieces of the interpreter's own have no source, and call themselves one: tracebacks leave them out as well.
    if (found.fileName === found.functionName) return 0;
    return dictionary.namedLocation(0, dictionary.lineList([found]), types.of("cpython"));
  }

  #open(): CPythonNames | undefined {
    const { offsets, types } = this.#layout;
    if (typeof offsets === "string" || !this.#process.facts) return undefined;
    this.#memory ??= ProcessMemory.open(this.#process.pid, this.#sources.blocks);
    if (!this.#memory) return undefined;
    const bias = this.#bias;
    const there = { code: types.code + bias, string: types.string + bias, bytes: types.bytes + bias };
    return (this.#names ??= new CPythonNames(this.#memory, offsets, there));
  }

  #mark(gap: number): number {
    const { dictionary, types } = this.#sources;
    const { reason, text } = PYTHON_GAPS[gap]!;
    const lines = dictionary.lineList([{ functionName: `[Python: ${text}]`, line: 0, startLine: 0 }]);
    const list = dictionary.attributeList(
      dictionary.textAttribute(REASON_ATTRIBUTE, `python_${reason}`),
      types.of("abort-marker"),
    );
    return dictionary.namedLocation(0, lines, list);
  }

  #forget(): void {
    this.#generation = this.#sources.dictionary.generation;
    this.#frames.clear();
    this.#locations.clear();
  }
}
