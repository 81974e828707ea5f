import type { Dictionary } from "../profiles/dictionary.ts";

/**
 * Values of `profile.frame.type`. `abort-marker` is what the OpenTelemetry eBPF profiler calls a frame that stands for
 * callers which could not be found.
 */
export type FrameType = "native" | "kernel" | "go" | "v8js" | "cpython" | "jit" | "abort-marker";

/** Attribute lists of the dictionary that tell a frame's type. */
export class FrameTypes {
  readonly #dictionary: Dictionary;
  readonly #lists = new Map<FrameType, number>();
  #generation = -1;

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** The list with the frame type alone. */
  of(type: FrameType): number {
    const dictionary = this.#dictionary;
    if (this.#generation !== dictionary.generation) {
      this.#generation = dictionary.generation;
      this.#lists.clear();
    }
    let list = this.#lists.get(type);
    if (list === undefined) {
      list = dictionary.attributeList(dictionary.textAttribute("profile.frame.type", type), 0);
      this.#lists.set(type, list);
    }
    return list;
  }
}
