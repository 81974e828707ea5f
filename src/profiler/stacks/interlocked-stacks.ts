import { MAX_UNWOUND_FRAMES } from "#symbols";
import { PYTHON_WORDS, type PythonCode } from "../naming/python-code.ts";
import { Interpreter, INTERPRETER_FRAME_WORDS, MAX_FRAMES, type RecordView } from "../sampler/record.ts";
import { gapOfWalk, PythonGap } from "./python-gap.ts";
import { Truncation } from "./truncation.ts";
import { StackView, type WalkedStack } from "./walked-stack.ts";

const HIGH = 2 ** 32;
const HALVES = 2;
/** Kernel, native frames, Python's, and a mark. */
const MAX_WORDS = (MAX_FRAMES + (MAX_UNWOUND_FRAMES + MAX_FRAMES + 1) * PYTHON_WORDS) * HALVES;

/**
 * Puts Python's frames where they belong among the native ones: in the place of each run of the evaluator stand the
 * functions that it ran. Which ones these are, entry frames tell. Where that can't be told, a mark says so.
 */
export class InterlockedStacks {
  readonly #view = new StackView();
  readonly #words = new Uint32Array(MAX_WORDS);
  #walked: WalkedStack = this.#view;
  #record: RecordView | undefined;
  #python: PythonCode | undefined;
  /** Of the record's Python frames, the next one to be put. */
  #next = 0;

  /** The stack of a sample of a process that runs CPython; valid until the next call, and as long as the record. */
  of(walked: WalkedStack, record: RecordView, python: PythonCode): WalkedStack {
    const told = record.interpreter === Interpreter.CPython;
    const { refusal } = python;
    // The kernel doesn't look for Python's frames yet: this is the first moment of the process.
    if (walked.userFrames === 0 || walked.userWords !== 1 || (!told && refusal === PythonGap.None)) return walked;
    const runs = this.#runsIn(walked, python);
    let gap = told ? gapOfWalk(record.flags) : refusal;
    // A thread that isn't Python's lacks nothing.
    if (record.interpreterFrames === 0 && (gap === PythonGap.None || runs === 0)) return walked;

    this.#begin(walked, record, python);
    const entries = this.#entriesIn();
    const isComplete = walked.truncation === Truncation.None;
    if (isComplete && gap === PythonGap.None && !this.#fits(runs, entries)) gap = PythonGap.Mismatch;
    if (gap === PythonGap.Mismatch) this.#block();
    else this.#interlock(isComplete && gap === PythonGap.None ? runs - entries : 0, gap);
    this.#view.gap = gap;
    return this.#view;
  }

  /** Whether each run of the evaluator has its entry; the innermost has none yet while it begins, or any more. */
  #fits(runs: number, entries: number): boolean {
    return runs === entries || runs === entries + 1;
  }

  #begin(walked: WalkedStack, record: RecordView, python: PythonCode): void {
    const { words, kernelAt, userAt, kernelFrames, truncation } = walked;
    this.#walked = walked;
    this.#record = record;
    this.#python = python;
    this.#next = 0;
    this.#words.set(words.subarray(kernelAt, userAt));
    const view = this.#view;
    view.words = this.#words;
    view.kernelAt = 0;
    view.userAt = view.userEnd = userAt - kernelAt;
    view.kernelFrames = kernelFrames;
    view.userFrames = 0;
    view.userWords = PYTHON_WORDS;
    view.truncation = truncation;
  }

  /**
   * Native frames, leaf first, with each run of the evaluator replaced.
   *
   * @param idle innermost runs that have no frames
   * @param gap one of `PythonGap`: why Python's frames end before the native ones
   */
  #interlock(idle: number, gap: number): void {
    const { userFrames } = this.#walked;
    const { interpreterFrames } = this.#record!;
    let run = 0;
    let isTold = gap === PythonGap.None;
    for (let frame = 0; frame < userFrames; frame++) {
      const isRun = this.#isRun(frame);
      if (isRun && run++ >= idle && this.#next < interpreterFrames) {
        // Where the frames end before the run's entry, those outside of them are missing here.
        if (this.#putRun() || isTold) continue;
        this.#putGap(gap);
        isTold = true;
        continue;
      }
      if (isRun && !isTold) {
        this.#putGap(gap);
        isTold = true;
      }
      this.#putNative(frame);
    }
    // What is missing of the native stack is outside of these.
    while (this.#next < interpreterFrames) this.#putRun();
    if (!isTold) this.#putGap(gap);
  }

  /** All of Python's frames at once, between what the innermost run of the evaluator called and what called the outermost. */
  #block(): void {
    const { userFrames } = this.#walked;
    const { interpreterFrames } = this.#record!;
    let first = 0;
    while (first < userFrames && !this.#isRun(first)) first++;
    let last = userFrames - 1;
    while (last > first && !this.#isRun(last)) last--;
    // No run at all: they stand where the stack begins.
    if (first === userFrames) first = last = -1;
    for (let frame = 0; frame < first; frame++) this.#putNative(frame);
    while (this.#next < interpreterFrames) this.#putRun();
    this.#putGap(PythonGap.Mismatch);
    for (let frame = last + 1; frame < userFrames; frame++) this.#putNative(frame);
  }

  /** The Python frames of one run of the evaluator; false if they end before its entry. */
  #putRun(): boolean {
    const { words, interpreterAt, interpreterFrames } = this.#record!;
    const { entry } = this.#python!;
    while (this.#next < interpreterFrames) {
      const at = interpreterAt + this.#next++ * INTERPRETER_FRAME_WORDS * HALVES;
      const isEntry = words[at + 1]! >>> 24 === entry?.value;
      if (isEntry && entry.isShim) return true;
      this.#put(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
      if (isEntry) return true;
    }
    return false;
  }

  #putNative(frame: number): void {
    const { words, userAt } = this.#walked;
    const at = userAt + frame * HALVES;
    this.#put(words[at]!, words[at + 1]!, 0, 0);
  }

  /** A mark: where code objects have their address, one of `PythonGap`. */
  #putGap(gap: number): void {
    this.#put(0, 0, gap, 0);
  }

  #put(low: number, high: number, codeLow: number, codeHigh: number): void {
    const view = this.#view;
    const words = this.#words;
    const at = view.userEnd;
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = codeLow;
    words[at + 3] = codeHigh;
    view.userEnd = at + PYTHON_WORDS * HALVES;
    view.userFrames++;
  }

  /** Runs of the evaluator among the native frames. */
  #runsIn({ words, userAt, userFrames }: WalkedStack, python: PythonCode): number {
    let runs = 0;
    for (let frame = 0; frame < userFrames; frame++) {
      if (isEvaluator(words, userAt + frame * HALVES, frame, python)) runs++;
    }
    return runs;
  }

  #isRun(frame: number): boolean {
    return isEvaluator(this.#walked.words, this.#walked.userAt + frame * HALVES, frame, this.#python!);
  }

  /** Entries among Python's frames. */
  #entriesIn(): number {
    const { words, interpreterAt, interpreterFrames } = this.#record!;
    const value = this.#python!.entry?.value;
    let entries = 0;
    for (let frame = 0; frame < interpreterFrames; frame++) {
      if (words[interpreterAt + frame * INTERPRETER_FRAME_WORDS * HALVES + 1]! >>> 24 === value) entries++;
    }
    return entries;
  }
}

/** Return addresses stand behind their call, which may be the last instruction of its function. */
function isEvaluator(words: Uint32Array, at: number, frame: number, python: PythonCode): boolean {
  return python.isEvaluator(words[at]! + words[at + 1]! * HIGH - (frame === 0 ? 0 : 1));
}
