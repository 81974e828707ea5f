import type { KernelCode } from "../naming/kernel-code.ts";
import { type CodeSources, ProcessCode } from "../naming/process-code.ts";
import { PYTHON_WORDS } from "../naming/python-code.ts";
import { V8_WORDS } from "../naming/v8-code.ts";
import type { Process } from "../processes/index.ts";
import type { PendingStack } from "./pending-stacks.ts";

const HIGH = 2 ** 32;
/** What is known of the generated code of all processes; beyond, all of it is forgotten. A large one takes 1 MiB. */
const MAX_GENERATED_BYTES = 12 << 20;
/** Sixteen flushes are an era. */
const ERA_BITS = 4;
/** Locations of a stack at most: 127 of the kernel, 300 of the user, of which each may be two. */
const MAX_LOCATIONS = 127 + 300 * 2;

/**
 * Turns the words of a stack into locations, leaf first: the kernel's, then the user's. Return addresses become addresses
 * of the calls. What stands behind an address in time (mappings, names of generated code) is asked at once; names that
 * stand in files may follow.
 */
export class StackResolver {
  readonly #sources: CodeSources;
  readonly #kernel: KernelCode;
  readonly #processes = new Map<number, ProcessCode>();
  readonly #locations = new Int32Array(MAX_LOCATIONS);
  #flush = 0;

  constructor(sources: CodeSources, kernel: KernelCode) {
    this.#sources = sources;
    this.#kernel = kernel;
  }

  /** The number of the stack in the dictionary. */
  resolve(pending: PendingStack, words: Uint32Array): number {
    const locations = this.#locations;
    const { kernelFrames, userFrames, userWords } = pending;
    let { at } = pending;
    let count = 0;
    for (let frame = 0; frame < kernelFrames; frame++, at += 2) {
      locations[count++] = this.#kernel.locationOf(words[at]!, words[at + 1]!, frame === 0);
    }
    if (userFrames > 0) {
      const code = this.codeOf(pending.process);
      const v8 = userWords === V8_WORDS ? code.v8 : undefined;
      const python = userWords === PYTHON_WORDS ? code.python : undefined;
      for (let frame = 0; frame < userFrames; frame++, at += userWords * 2) {
        const before = count;
        if (v8) count = v8.locate(words, at, frame === 0, code, locations, count);
        const script = python?.locate(words, at);
        if (script !== undefined && script > 0) locations[count++] = script;
        if (count > before || script !== undefined) continue;
        // The call stands before the address to which it returns.
        const address = words[at + 1]! * HIGH + words[at]! - (frame === 0 ? 0 : 1);
        locations[count++] = code.locationOf(address);
      }
    }
    return this.#sources.dictionary.stack(locations, count);
  }

  /** Whether all that names the stack is there; else it comes soon. */
  isReady({ kernelFrames, userWords, process }: PendingStack): boolean {
    return (kernelFrames === 0 || this.#kernel.isReady) && (userWords !== V8_WORDS || this.codeOf(process).isReady);
  }

  /** The code of a process. */
  codeOf(process: Process): ProcessCode {
    let code = this.#processes.get(process.number);
    if (!code) {
      code = new ProcessCode(process, this.#sources);
      this.#processes.set(process.number, code);
    }
    return code;
  }

  /** See `StackTable.intern`: addresses of generated code are believed for a while. */
  eraOf(process: Process): number {
    const code = this.#processes.get(process.number);
    // Code objects are freed and made as the program likes, and looked at again with each flush.
    if (code?.python) return this.#flush & 0xffff;
    return code?.isMoving === true ? (this.#flush >>> ERA_BITS) & 0xffff : 0;
  }

  endFlush(): void {
    this.#flush++;
    let bytes = 0;
    for (const code of this.#processes.values()) {
      code.endFlush();
      bytes += code.memoryBytes;
    }
    if (bytes <= MAX_GENERATED_BYTES) return;
    for (const code of this.#processes.values()) code.forgetGenerated();
  }

  /** Lets go of a process that is gone. */
  forget(process: Process): void {
    this.#processes.get(process.number)?.close();
    this.#processes.delete(process.number);
  }
}
