import { IntList } from "#wire";
import { WordSet } from "../word-set.ts";
import type { WalkedStack } from "./walked-stack.ts";

/** Differs in each process, so that nobody can prepare stacks that are taken for others. */
const SEED = [(Math.random() * 0x100000000) | 0, (Math.random() * 0x100000000) | 0] as const;

/** 64-bit words of a V8 frame. */
const V8_WORDS = 5;

/** Numbers of `TRUNCATIONS` take four bits, and those of `PYTHON_GAPS` as many. */
const GAP_SHIFT = 4;

/** What stands for a stack that isn't resolved to locations yet: nobody knows of it, or it waits. */
const NEW = -2;
const WAITING = -1;

/**
 * Numbers the stacks of records as the kernel wrote them, so that a stack which was seen before costs one hash of its
 * words: 64 bits, with the process and the lengths beside them, are taken for the stack. Each entry leads to a stack of
 * the dictionary once it is resolved.
 */
export class StackTable {
  /** Process; two hashes; kernel and user frames; what is missing of both kinds, words a frame, era. */
  readonly #keys = new WordSet(5);
  readonly #resolved = new IntList(1024);

  get size(): number {
    return this.#resolved.length;
  }

  /**
   * The number of a stack.
   *
   * @param process number of the process, or one for all where the stack is the kernel's alone
   * @param era changes when what the process's addresses mean is to be asked anew
   */
  intern(stack: WalkedStack, process: number, era: number): number {
    const { key } = this.#keys;
    key[0] = process;
    if (stack.userWords === V8_WORDS) hashV8Stack(stack, key);
    else hashWords(stack.words, stack.kernelAt, stack.userEnd, key);
    key[3] = (stack.kernelFrames << 16) | stack.userFrames;
    key[4] = stack.truncation | (stack.gap << GAP_SHIFT) | (stack.userWords << 8) | (era << 16);
    const id = this.#keys.intern();
    if (id === this.#resolved.length) this.#resolved.push(NEW);
    return id;
  }

  /** Whether nobody asked this before of this stack: it's to be resolved. */
  isNew(stack: number): boolean {
    if (this.#resolved.at(stack) !== NEW) return false;
    this.#resolved.set(stack, WAITING);
    return true;
  }

  /** Its number in the dictionary; 0, the empty stack, if it isn't resolved. */
  dictionaryStack(stack: number): number {
    return Math.max(0, this.#resolved.at(stack));
  }

  /** One of `Truncation`: why its user part ends before a root. */
  truncationOf(stack: number): number {
    const userFrames = this.#keys.at(stack, 3) & 0xffff;
    return userFrames > 0 ? this.#keys.at(stack, 4) & 0xf : 0;
  }

  /** One of `PythonGap`: why functions of Python are missing in it. */
  gapOf(stack: number): number {
    return (this.#keys.at(stack, 4) >>> GAP_SHIFT) & 0xf;
  }

  resolve(stack: number, dictionaryStack: number): void {
    this.#resolved.set(stack, dictionaryStack);
  }

  clear(): void {
    this.#keys.clear();
    this.#resolved.clear();
  }
}

function hashWords(words: Uint32Array, from: number, to: number, key: Uint32Array): void {
  let [first, second]: [number, number] = [SEED[0], SEED[1]];
  for (let at = from; at < to; at++) {
    const word = words[at]!;
    first = mixFirst(first, word);
    second = mixSecond(second, word);
  }
  key[1] = first;
  key[2] = second;
}

/**
 * Of V8's frames: the address, and of JavaScript's the function and, in the interpreter, the bytecode offset. Contexts
 * and whatever else stands in the slots differ from call to call. Which frames the interpreter runs shows in the slots of
 * its bytecode: a pointer and, in the upper half of the next, a small number. Where generated code has such things in
 * its slots too, a stack may get several numbers.
 */
function hashV8Stack(stack: WalkedStack, key: Uint32Array): void {
  const { words, userAt, userEnd } = stack;
  hashWords(words, stack.kernelAt, userAt, key);
  let first = key[1]! | 0;
  let second = key[2]! | 0;
  for (let at = userAt; at < userEnd; at += V8_WORDS * 2) {
    const shared = words[at + 4]!;
    const isInterpreted = shared !== 0 && (words[at + 6]! & 3) === 1 && words[at + 8] === 0;
    const offset = isInterpreted ? words[at + 9]! : 0;
    const upper = words[at + 1]! ^ (words[at + 5]! << 16);
    first = mixFirst(mixFirst(mixFirst(mixFirst(first, words[at]!), upper), shared), offset);
    second = mixSecond(mixSecond(mixSecond(mixSecond(second, words[at]!), upper), shared), offset);
  }
  key[1] = first;
  key[2] = second;
}

function mixFirst(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

function mixSecond(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca77);
  return mixed ^ (mixed >>> 13);
}
