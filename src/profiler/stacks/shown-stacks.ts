import type { FrameTypes } from "../naming/frame-types.ts";
import type { Dictionary } from "../profiles/dictionary.ts";

/** What a viewer shows in the place of callers that could not be found. */
const TRUNCATED = "[truncated]";

/** Functions that nobody calls: where programs, threads and goroutines begin. A walk that ends there is complete. */
const ROOTS: ReadonlySet<string> = new Set([
  "_start",
  "_rt0_amd64_linux",
  "_rt0_arm64_linux",
  "__clone",
  "__clone3",
  "clone",
  "clone3",
  "start_thread",
  "thread_start",
  "runtime.goexit",
  "runtime.goexit.abi0",
  "runtime.mstart",
  "runtime.rt0_go",
]);

/** A stack as a request shows it. */
export interface ShownStack {
  /** In the dictionary. */
  readonly stack: number;
  /** It ends with a frame that says that callers are missing. */
  readonly isTruncated: boolean;
}

/**
 * Stacks as requests show them: locations that look the same are one, and a stack that was cut off ends with a frame that
 * says so, unless its last function shows that it wasn't. Remembered as soon as all its names are known.
 */
export class ShownStacks {
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  #locations = new Int32Array(256);
  /** By twice the stack's number, plus one if it was cut off. */
  readonly #known = new Map<number, ShownStack>();
  #generation = -1;

  constructor(dictionary: Dictionary, types: FrameTypes) {
    this.#dictionary = dictionary;
    this.#types = types;
  }

  /** @param isCut whether the walk ended before a root that the kernel knows */
  of(stack: number, isCut: boolean): ShownStack {
    const dictionary = this.#dictionary;
    if (this.#generation !== dictionary.generation) {
      this.#generation = dictionary.generation;
      this.#known.clear();
    }
    const key = stack * 2 + (isCut ? 1 : 0);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const start = dictionary.stackStarts.at(stack);
    const count = dictionary.stackStarts.at(stack + 1) - start;
    if (count >= this.#locations.length) this.#locations = new Int32Array(count * 2);
    let isSettled = true;
    for (let at = 0; at < count; at++) {
      const location = dictionary.stackPositions.at(start + at);
      this.#locations[at] = dictionary.shownLocation(location);
      isSettled &&= dictionary.isSettled(location);
    }
    const isTruncated = isCut && count > 0 && !this.#isRoot(this.#locations[count - 1]!);
    if (isTruncated) this.#locations[count] = this.#mark();
    const shown = { stack: dictionary.stack(this.#locations, count + (isTruncated ? 1 : 0)), isTruncated };
    if (isSettled) this.#known.set(key, shown);
    return shown;
  }

  #isRoot(location: number): boolean {
    const lines = this.#dictionary.linesOf(location);
    return lines !== 0 && ROOTS.has(this.#dictionary.outermostName(lines));
  }

  #mark(): number {
    const lines = this.#dictionary.lineList([{ functionName: TRUNCATED, line: 0, startLine: 0 }]);
    return this.#dictionary.namedLocation(0, lines, this.#types.of("abort-marker"));
  }
}
