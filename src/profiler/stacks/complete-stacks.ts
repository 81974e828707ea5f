import { MACHINE } from "#linux";
import { MAX_UNWOUND_FRAMES, UnwindEnd, Unwinder } from "#symbols";
import type { ProcessCode } from "../naming/process-code.ts";
import { MAX_FRAMES, RecordFlag, type RecordView } from "../sampler/record.ts";
import { MAX_START_FRAMES } from "./start-frames.ts";
import { truncationOfUnwinding, truncationOfWalk, Truncation } from "./truncation.ts";
import { StackView, type WalkedStack } from "./walked-stack.ts";

const HIGH = 2 ** 32;
const HALVES = 2;
/** 64-bit words of the widest frame: V8's. */
const MAX_FRAME_WORDS = 5;
const V8_WORDS = 5;
/** What a process knows of its own stacks. */
type Code = Pick<ProcessCode, "unwindCodeAt" | "unwound" | "starts">;

/** How unwinding went, since the start. */
export interface UnwindCounts {
  /** Copied stacks that were unwound. */
  readonly stacks: number;
  /** Of these, those that the walk along frame pointers had right already. */
  readonly agreed: number;
  /** Rows that had to be looked up in files. */
  readonly coldRows: number;
}

/**
 * Makes whole what frame pointers don't tell: where a record has a copied stack, the user's frames are those that the
 * files' unwind data says. The copy is read where the kernel wrote it, and nothing of it is kept but addresses of code.
 */
export class CompleteStacks {
  readonly #unwinder = new Unwinder(MACHINE === "arm64" ? "arm64" : "x86_64");
  readonly #view = new StackView();
  readonly #words = new Uint32Array((MAX_FRAMES + MAX_UNWOUND_FRAMES * MAX_FRAME_WORDS) * HALVES);
  #stacks = 0;
  #agreed = 0;

  get counts(): UnwindCounts {
    return { stacks: this.#stacks, agreed: this.#agreed, coldRows: this.#unwinder.coldRows };
  }

  /** Bytes of what is remembered of unwind data, without what the files hold. */
  get memoryBytes(): number {
    return this.#unwinder.memoryBytes;
  }

  /** The stack of a sample; valid until the next call, and as long as the record. */
  of(record: RecordView, code: Code | undefined): WalkedStack {
    const walked = truncationOfWalk(record.flags);
    if (!code) return this.#view.ofRecord(record, walked);
    if (record.stackWords === 0 || record.registers !== this.#unwinder.registerWords) {
      const start = walked === Truncation.None ? code.starts.after(lastAddress(record)) : undefined;
      return start ? this.#lengthen(record, start) : this.#view.ofRecord(record, walked);
    }
    const end = this.#unwind(record, code);
    this.#stacks++;
    const agrees = end === UnwindEnd.Root && this.#isAsWalked(record);
    if (agrees) {
      this.#agreed++;
      code.starts.learn(
        lastAddress(record),
        this.#unwinder.addresses.subarray(record.userFrames, this.#unwinder.count),
      );
    }
    code.unwound(this.#unwinder.addresses[0]!, end, agrees);
    // Whoever has no unwind data may well have frame pointers.
    if (end !== UnwindEnd.Root && (record.flags & RecordFlag.Rooted) !== 0) {
      return this.#view.ofRecord(record, Truncation.None);
    }
    return this.#build(record, truncationOfUnwinding(end, record.flags));
  }

  #unwind(record: RecordView, code: Code): number {
    return this.#unwinder.unwind(
      {
        words: record.words,
        registersAt: record.registersAt,
        stackAt: record.stackAt,
        stackBytes: record.stackWords * 8,
        top: record.stackTop,
        isMainThread: record.tid === record.pid,
      },
      code,
    );
  }

  /** Whether the walk along frame pointers found the same, but perhaps for the start code. */
  #isAsWalked(record: RecordView): boolean {
    const { count, addresses } = this.#unwinder;
    const { words, userAt, userFrames, userWords } = record;
    const isLikely = count >= userFrames && count - userFrames <= MAX_START_FRAMES;
    if (!isLikely || (record.flags & RecordFlag.Rooted) === 0) return false;
    for (let frame = 0, at = userAt; frame < userFrames; frame++, at += userWords * HALVES) {
      if (words[at]! + words[at + 1]! * HIGH !== addresses[frame]) return false;
    }
    return true;
  }

  /** The stack of a record, and behind it the addresses with which its thread began. */
  #lengthen(record: RecordView, start: Float64Array): WalkedStack {
    const { kernelAt, userEnd, userAt, userWords } = record;
    const words = this.#words;
    const view = this.#view.ofRecord(record, Truncation.None);
    words.set(record.words.subarray(kernelAt, userEnd));
    view.words = words;
    view.kernelAt = 0;
    view.userAt = userAt - kernelAt;
    view.userEnd = userEnd - kernelAt;
    for (const address of start) {
      this.#put(view.userEnd, address, userWords);
      view.userEnd += userWords * HALVES;
      view.userFrames++;
    }
    return view;
  }

  /** A frame of which nothing but the address is known. */
  #put(at: number, address: number, userWords: number): void {
    const words = this.#words;
    words[at] = address >>> 0;
    words[at + 1] = Math.floor(address / HIGH);
    if (userWords > 1) words.fill(0, at + HALVES, at + userWords * HALVES);
  }

  /** The kernel's frames, and those that were unwound; V8's with the slots that the kernel's walk found in them. */
  #build(record: RecordView, truncation: number): WalkedStack {
    const { kernelAt, userAt, kernelFrames, userWords } = record;
    const { count, addresses } = this.#unwinder;
    const words = this.#words;
    const view = this.#view;
    words.set(record.words.subarray(kernelAt, userAt));
    let at = userAt - kernelAt;
    view.words = words;
    view.kernelAt = 0;
    view.userAt = at;
    view.kernelFrames = kernelFrames;
    view.userFrames = count;
    view.userWords = userWords;
    view.truncation = truncation;
    view.gap = 0;
    for (let frame = 0; frame < count; frame++, at += userWords * HALVES) {
      this.#put(at, addresses[frame]!, userWords);
    }
    view.userEnd = at;
    if (userWords === V8_WORDS) this.#addSlots(record);
    return view;
  }

  /**
   * Slots belong to the frame at a frame pointer: of the unwound frames that have this value in the register, the
   * outermost; the others run without a frame of their own.
   */
  #addSlots(record: RecordView): void {
    const { count, framePointers } = this.#unwinder;
    const { words, userAt, userEnd, userWords } = record;
    const step = userWords * HALVES;
    let walked = userAt;
    let walkedPointer = framePointers[0]!;
    for (let frame = 0; frame < count; frame++) {
      const pointer = framePointers[frame]!;
      if (frame + 1 < count && framePointers[frame + 1] === pointer) continue;
      while (walked < userEnd && walkedPointer < pointer) {
        walked += step;
        walkedPointer = copiedWord(record, walkedPointer);
      }
      if (walked >= userEnd || walkedPointer !== pointer) continue;
      this.#words.set(words.subarray(walked + HALVES, walked + step), this.#view.userAt + frame * step + HALVES);
    }
  }
}

/** The outermost address of the user's frames. */
function lastAddress({ words, userEnd, userWords }: RecordView): number {
  const at = userEnd - userWords * HALVES;
  return words[at]! + words[at + 1]! * HIGH;
}

/** A word of the copied stack; NaN outside of it. */
function copiedWord({ words, registersAt, stackAt, stackWords }: RecordView, address: number): number {
  const stackPointer = words[registersAt + 2 * STACK_POINTER]! + words[registersAt + 2 * STACK_POINTER + 1]! * HIGH;
  const within = address - stackPointer;
  if (!(within >= 0 && within < stackWords * 8) || within % 8 !== 0) return NaN;
  const at = stackAt + within / 4;
  return words[at]! + words[at + 1]! * HIGH;
}

/** DWARF's number of the stack pointer. */
const STACK_POINTER = MACHINE === "arm64" ? 31 : 7;
