import type { FrameTypes } from "../naming/frame-types.ts";
import type { Dictionary } from "../profiles/dictionary.ts";
import { Truncation, TRUNCATIONS } from "./truncation.ts";

/** Numbers of `TRUNCATIONS` fit in so many bits. */
const TRUNCATION_BITS = 4;
/** Tells the reason by its name, on the location that stands in the place of callers that could not be found. */
const REASON_ATTRIBUTE = "podflame.frame.truncation";

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
  /** One of `Truncation`; unless it is `None`, the stack ends with a frame that says so. */
  readonly truncation: number;
}

/**
 * Stacks as requests show them: locations that look the same are one, and a stack that was cut off ends with a frame that
 * says so, unless its last function shows that it wasn't. Remembered as soon as all its names are known.
 */
export class ShownStacks {
  readonly #dictionary: Dictionary;
  readonly #types: FrameTypes;
  #locations = new Int32Array(256);
  /** By the stack's number, and what it lacks. */
  readonly #known = new Map<number, ShownStack>();
  #generation = -1;

  constructor(dictionary: Dictionary, types: FrameTypes) {
    this.#dictionary = dictionary;
    this.#types = types;
  }

  /** @param cut one of `Truncation`: why the stack ends before a root that is known as one */
  of(stack: number, cut: number): ShownStack {
    const dictionary = this.#dictionary;
    if (this.#generation !== dictionary.generation) {
      this.#generation = dictionary.generation;
      this.#known.clear();
    }
    const key = stack * 2 ** TRUNCATION_BITS + cut;
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
    const isWhole = cut === Truncation.None || count === 0 || this.#isRoot(this.#locations[count - 1]!);
    if (!isWhole) this.#locations[count] = this.#mark(cut);
    const shown = {
      stack: dictionary.stack(this.#locations, isWhole ? count : count + 1),
      truncation: isWhole ? Truncation.None : cut,
    };
    if (isSettled) this.#known.set(key, shown);
    return shown;
  }

  #isRoot(location: number): boolean {
    const lines = this.#dictionary.linesOf(location);
    return lines !== 0 && ROOTS.has(this.#dictionary.outermostName(lines));
  }

  /** A frame that a viewer shows as it is; `[truncated…` is how all of them begin. */
  #mark(cut: number): number {
    const dictionary = this.#dictionary;
    const { reason, text } = TRUNCATIONS[cut]!;
    const lines = dictionary.lineList([{ functionName: `[truncated: ${text}]`, line: 0, startLine: 0 }]);
    const type = this.#types.of("abort-marker");
    return dictionary.namedLocation(
      0,
      lines,
      dictionary.attributeList(dictionary.textAttribute(REASON_ATTRIBUTE, reason), type),
    );
  }
}
