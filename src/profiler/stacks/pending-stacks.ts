import type { Process } from "../processes/index.ts";
import type { WalkedStack } from "./walked-stack.ts";

/** 32-bit words of all stacks that wait: 2 MiB, some thousand stacks. */
const MAX_WORDS = 1 << 19;
const INITIAL_WORDS = 1 << 13;

/** A stack, copied. */
export interface PendingStack {
  readonly stack: number;
  readonly process: Process;
  /** Where its words begin in `PendingStacks.words`. */
  readonly at: number;
  readonly kernelFrames: number;
  readonly userFrames: number;
  readonly userWords: number;
}

/** Stacks that are new and wait to be resolved, in the order in which they came. */
export class PendingStacks {
  words = new Uint32Array(INITIAL_WORDS);
  #used = 0;
  #first = 0;
  readonly #stacks: PendingStack[] = [];

  /** Stacks that wait. */
  get length(): number {
    return this.#stacks.length - this.#first;
  }

  /** Whether there is no room for the largest stack. */
  get isFull(): boolean {
    return this.#used + LARGEST_WORDS > MAX_WORDS;
  }

  /** Copies a stack. Not to be called when `isFull`. */
  add(stack: number, process: Process, walked: WalkedStack): void {
    const { kernelAt, userEnd, kernelFrames, userFrames, userWords } = walked;
    const length = userEnd - kernelAt;
    if (this.#used + length > this.words.length) {
      const grown = new Uint32Array(Math.max(this.words.length * 2, this.#used + length));
      grown.set(this.words.subarray(0, this.#used));
      this.words = grown;
    }
    this.words.set(walked.words.subarray(kernelAt, userEnd), this.#used);
    this.#stacks.push({ stack, process, at: this.#used, kernelFrames, userFrames, userWords });
    this.#used += length;
  }

  /** The one that waits longest; undefined if there is none. */
  peek(): PendingStack | undefined {
    return this.#stacks[this.#first];
  }

  /** Removes what `peek` gave. */
  shift(): void {
    this.#first++;
    if (this.#first === this.#stacks.length) this.clear();
  }

  clear(): void {
    this.#stacks.length = 0;
    this.#first = this.#used = 0;
    if (this.words.length > INITIAL_WORDS * 8) this.words = new Uint32Array(INITIAL_WORDS);
  }
}

/** 127 kernel frames and 300 user frames of five 64-bit words. */
const LARGEST_WORDS = (127 + 300 * 5) * 2;
