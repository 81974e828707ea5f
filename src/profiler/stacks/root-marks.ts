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

/** Marks stacks that were cut off with a last frame that says so, unless the last function shows that they weren't. */
export class RootMarks {
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  #locations = new Int32Array(256);
  /** By stack of the dictionary: whether it ends in a root, and its number with the mark. */
  readonly #marked = new Map<number, number>();
  #generation = -1;

  constructor(dictionary: Dictionary, types: FrameTypes) {
    this.#dictionary = dictionary;
    this.#types = types;
  }

  /** The stack as it is to be shown: itself, if its last function is a root; else with the mark. */
  markedStack(stack: number): number {
    const dictionary = this.#dictionary;
    if (this.#generation !== dictionary.generation) {
      this.#generation = dictionary.generation;
      this.#marked.clear();
    }
    const known = this.#marked.get(stack);
    if (known !== undefined) return known;
    const start = dictionary.stackStarts.at(stack);
    const end = dictionary.stackStarts.at(stack + 1);
    if (start === end) return stack;
    const outermost = dictionary.linesOf(dictionary.stackPositions.at(end - 1));
    if (outermost !== 0 && ROOTS.has(dictionary.outermostName(outermost))) {
      this.#marked.set(stack, stack);
      return stack;
    }
    const count = end - start;
    if (count >= this.#locations.length) this.#locations = new Int32Array(count * 2);
    for (let at = 0; at < count; at++) this.#locations[at] = dictionary.stackPositions.at(start + at);
    const lines = dictionary.lineList([{ functionName: TRUNCATED, line: 0, startLine: 0 }]);
    this.#locations[count] = dictionary.namedLocation(0, lines, this.#types.of("abort-marker"));
    const marked = dictionary.stack(this.#locations, count + 1);
    // A last frame that has no name yet may turn out to be a root.
    if (outermost !== 0) this.#marked.set(stack, marked);
    return marked;
  }
}
