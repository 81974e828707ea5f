import { type FlameTree, ROOT_FRAME } from "./flame-tree.ts";

/** Frames of all stacks together, at most: 256 MiB of indexes. Readers refuse larger files. */
export const MAX_STACK_FRAMES = 64 << 20;

/**
 * Weighted stacks as columns: stack i is `frames[offsets[i]] … frames[offsets[i + 1] - 1]`, the outermost first. What
 * trees are built from, and what transformations change: a stack at a time, with no tree in hand. Values are above 0 in
 * at least one selection. Equal stacks may be there several times.
 */
export interface StackTable {
  readonly length: number;
  /** One entry more than there are stacks. */
  readonly offsets: Int32Array;
  /** Indexes of a FrameTable; REMAINDER_FRAME only innermost. */
  readonly frames: Int32Array;
  readonly values: Float64Array;
  /** Of the second selection; diff only. */
  readonly others: Float64Array | undefined;
}

/** Collects stacks; memory grows as they come. */
export class StackTableBuilder {
  #offsets = new Int32Array(1024);
  #frames = new Int32Array(16 << 10);
  #values = new Float64Array(1024);
  #others: Float64Array | undefined;
  #length = 0;
  #frameCount = 0;

  constructor(diff = false) {
    if (diff) this.#others = new Float64Array(1024);
  }

  get length(): number {
    return this.#length;
  }

  /** Frames so far, those of the stack at hand among them. */
  get frameCount(): number {
    return this.#frameCount;
  }

  /** Puts a frame below those of the stack at hand. */
  push(frame: number): void {
    if (this.#frameCount === this.#frames.length) this.#frames = grown(this.#frames, this.#frameCount * 2);
    this.#frames[this.#frameCount++] = frame;
  }

  /** The innermost frame of the stack at hand; undefined where it is empty. */
  get innermost(): number | undefined {
    return this.#frameCount > this.#offsets[this.#length]! ? this.#frames[this.#frameCount - 1] : undefined;
  }

  /** Turns the frames of the stack at hand around. */
  reverse(): void {
    this.#frames.subarray(this.#offsets[this.#length], this.#frameCount).reverse();
  }

  /** Ends the stack at hand. What counts nothing is left out. */
  close(value: number, other = 0): void {
    if (value <= 0 && other <= 0) {
      this.#frameCount = this.#offsets[this.#length]!;
      return;
    }
    if (this.#length + 1 === this.#offsets.length) {
      this.#offsets = grown(this.#offsets, this.#offsets.length * 2);
      this.#values = grownDoubles(this.#values, this.#values.length * 2);
      if (this.#others) this.#others = grownDoubles(this.#others, this.#others.length * 2);
    }
    this.#values[this.#length] = value;
    if (this.#others) this.#others[this.#length] = other;
    this.#offsets[++this.#length] = this.#frameCount;
  }

  finish(): StackTable {
    return {
      length: this.#length,
      offsets: this.#offsets.subarray(0, this.#length + 1),
      frames: this.#frames.subarray(0, this.#frameCount),
      values: this.#values.subarray(0, this.#length),
      others: this.#others?.subarray(0, this.#length),
    };
  }
}

/**
 * The stacks of a tree: one for each node with a value of its own. Undefined where they would have more than
 * MAX_STACK_FRAMES frames, which only a tree that is both large and very deep has.
 */
export function stacksOf(tree: FlameTree): StackTable | undefined {
  const builder = new StackTableBuilder(tree.other !== undefined);
  for (let node = 0; node < tree.length; node++) {
    const self = tree.self(node);
    const other = tree.otherSelf(node);
    if (self <= 0 && other <= 0) continue;
    for (let at = node; tree.frame[at] !== ROOT_FRAME; at = tree.parent(at)) builder.push(tree.frame[at]!);
    if (builder.frameCount > MAX_STACK_FRAMES) return undefined;
    builder.reverse();
    builder.close(Math.max(self, 0), Math.max(other, 0));
  }
  return builder.finish();
}

function grown(from: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(capacity);
  to.set(from);
  return to;
}

function grownDoubles(from: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(capacity);
  to.set(from);
  return to;
}
