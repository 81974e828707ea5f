import type { FrameTable } from "#store";
import type { FlameFrame } from "../api.ts";

/** Whether frames of one function at several lines are one node of a graph. */
export type Granularity = "function" | "line";

/** Frames as graphs show them, numbered from 0; those that look the same are one. */
export class FunctionTable {
  readonly list: FlameFrame[] = [];
  readonly #granularity: Granularity;
  readonly #numbers = new Map<string, number>();
  /** Number + 1 by index of a store's frame, for each of the store's tables; 0 is not known yet. */
  readonly #known = new WeakMap<FrameTable, { numbers: Int32Array }>();

  constructor(granularity: Granularity) {
    this.#granularity = granularity;
  }

  /** A function that numbers frames of this table. */
  numbering(frames: FrameTable): (frame: number) => number {
    const known = this.#known.get(frames) ?? { numbers: new Int32Array(4096) };
    this.#known.set(frames, known);
    return (frame) => {
      if (frame >= known.numbers.length) known.numbers = grown(known.numbers, frame);
      const number = known.numbers[frame]!;
      if (number !== 0) return number - 1;
      const { name, file, line, type, mapping, address } = frames.at(frame);
      const shown = name === "" ? nameless(type, mapping, address) : name;
      const found = this.intern({ name: shown, file, line: this.#granularity === "line" ? line : 0, type, mapping });
      known.numbers[frame] = found + 1;
      return found;
    };
  }

  intern(frame: FlameFrame): number {
    const { name, file, line, type, mapping } = frame;
    const key = `${name}\n${file}\n${line}\n${type}\n${mapping}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.list.push(frame) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }
}

/** A longer column that has room for an index. */
function grown(from: Int32Array, index: number): Int32Array {
  const to = new Int32Array(Math.max(from.length * 2, index + 1));
  to.set(from);
  return to;
}

function nameless(type: string, mapping: string, address: bigint): string {
  if (type === "process") return "(unknown process)";
  if (address === 0n) return mapping === "" ? "[unknown]" : `[${mapping}]`;
  return mapping === "" ? `0x${address.toString(16)}` : `${mapping}+0x${address.toString(16)}`;
}
