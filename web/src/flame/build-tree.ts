import { type FlameMeasure, FlameTree, REMAINDER_FRAME, ROOT_FRAME, type DiffScale } from "./flame-tree.ts";
import type { FrameTable } from "./frame-table.ts";
import { sortHeaviestFirst } from "./heaviest-first.ts";
import type { StackTable } from "./stack-table.ts";

export interface BuildOptions {
  /** Children that weigh less than this share of the tree become their parent's remainder. Default 0: all stay. */
  readonly minShare?: number;
  readonly diffScale?: DiffScale;
  /** Called now and then with how much is done, 0…1. */
  readonly onProgress?: (done: number) => void;
}

/** Groups between two reports of progress. */
const PROGRESS_EVERY = 1 << 14;

/**
 * Merges stacks into a tree, children heaviest first.
 *
 * Stacks are never looked up in a table of nodes: those of a node lie side by side, are told apart by their next frame,
 * and moved together. Nodes are visited depth first, so the few stacks at hand stay in the cache, and each visit appends
 * its children to their level, which makes levels come out from left to right as `FlameTree` wants them. How long a
 * level can get is known from the stacks' lengths, so columns are allocated once.
 */
export function buildTree(
  stacks: StackTable,
  frames: FrameTable,
  measure: Omit<FlameMeasure, "omitted">,
  options: BuildOptions = {},
): FlameTree {
  const builder = new TreeBuilder(stacks, frames.length, options);
  builder.run();
  return builder.finish(frames, measure);
}

class TreeBuilder {
  readonly #stacks: StackTable;
  readonly #options: BuildOptions;
  /** Where each level begins while nodes are added, and how many nodes it has. */
  readonly #levelStart: Int32Array;
  readonly #levelUsed: Int32Array;
  /**
   * Nodes as records, as all of a node is written at once, and each one at another level: frame, number of children,
   * total, and in a diff other. The same memory as integers and as doubles.
   */
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  /** Doubles a record. */
  readonly #stride: number;
  /** Stacks in the order of the nodes that they belong to. */
  readonly #order: Int32Array;
  readonly #moved: Int32Array;
  /** Of the children at hand, by frame - REMAINDER_FRAME. */
  readonly #sums: Float64Array;
  readonly #otherSums: Float64Array | undefined;
  readonly #weights: Float64Array;
  readonly #counts: Int32Array;
  readonly #distinct: Int32Array;
  readonly #pending = new PendingGroups();
  readonly #minWeight: number;
  #omitted = 0;

  constructor(stacks: StackTable, frameCount: number, options: BuildOptions) {
    this.#stacks = stacks;
    this.#options = options;
    this.#levelStart = levelBounds(stacks);
    this.#levelUsed = new Int32Array(this.#levelStart.length);
    const capacity = this.#levelStart.at(-1)!;
    this.#stride = stacks.others ? 3 : 2;
    this.#doubles = new Float64Array(capacity * this.#stride);
    this.#words = new Int32Array(this.#doubles.buffer);
    this.#order = Int32Array.from({ length: stacks.length }, (_, at) => at);
    this.#moved = new Int32Array(stacks.length);
    const kinds = frameCount - REMAINDER_FRAME;
    this.#sums = new Float64Array(kinds);
    this.#otherSums = stacks.others && new Float64Array(kinds);
    this.#weights = stacks.others ? new Float64Array(kinds) : this.#sums;
    this.#counts = new Int32Array(kinds);
    this.#distinct = new Int32Array(Math.min(kinds, Math.max(stacks.length, 1)));
    const whole = sum(stacks.values) + (stacks.others ? sum(stacks.others) : 0);
    this.#minWeight = whole * (options.minShare ?? 0);
  }

  run(): void {
    const { values, others, length } = this.#stacks;
    const root = this.#add(0, ROOT_FRAME, sum(values), others ? sum(others) : 0);
    if (length > 0) this.#pending.push(0, length, 0, root);
    let done = 0;
    for (let groups = 0; this.#pending.pop(); groups++) {
      const { start, end, depth, node } = this.#pending;
      if (end - start === 1) this.#chain(this.#order[start]!, depth, node);
      else this.#split(start, end, depth, node);
      done = Math.max(done, start);
      if (groups % PROGRESS_EVERY === 0) this.#options.onProgress?.(done / length);
    }
  }

  /** What is left of a stack that shares nothing with others from here on. */
  #chain(stack: number, depth: number, node: number): void {
    const { offsets, frames, values, others } = this.#stacks;
    const value = values[stack]!;
    const other = others ? others[stack]! : 0;
    const end = offsets[stack + 1]!;
    let parent = node;
    let level = depth;
    for (let at = offsets[stack]! + depth; at < end; at++) {
      this.#words[parent * this.#stride * 2 + 1] = 1;
      parent = this.#add(++level, frames[at]!, value, other);
    }
  }

  /** Tells the stacks of a node apart by their next frame; each frame becomes a child, to be split later. */
  #split(start: number, end: number, depth: number, node: number): void {
    const { offsets, frames, values, others } = this.#stacks;
    const sums = this.#sums;
    const otherSums = this.#otherSums;
    const counts = this.#counts;
    const distinct = this.#distinct;
    const order = this.#order;
    let kinds = 0;
    for (let at = start; at < end; at++) {
      const stack = order[at]!;
      const position = offsets[stack]! + depth;
      if (position === offsets[stack + 1]) continue;
      const kind = frames[position]! - REMAINDER_FRAME;
      if (counts[kind] === 0) {
        distinct[kinds++] = kind;
        sums[kind] = 0;
        if (otherSums) otherSums[kind] = 0;
      }
      counts[kind]!++;
      sums[kind]! += values[stack]!;
      if (otherSums) otherSums[kind]! += others![stack]!;
    }
    if (kinds === 0) return;
    if (otherSums) {
      for (let at = 0; at < kinds; at++) {
        const kind = distinct[at]!;
        this.#weights[kind] = sums[kind]! + otherSums[kind]!;
      }
    }
    sortHeaviestFirst(distinct, kinds, this.#weights);
    this.#addChildren(start, kinds, depth, node);
    this.#gather(start, end, depth);
    // Counts have become ends.
    for (let at = 0; at < kinds; at++) counts[distinct[at]!] = 0;
  }

  /** Adds a node for each distinct frame and says where its stacks will lie. */
  #addChildren(start: number, kinds: number, depth: number, node: number): void {
    const distinct = this.#distinct;
    const counts = this.#counts;
    let restTotal = 0;
    let restOther = 0;
    let rest = 0;
    let added = 0;
    const groups = this.#pending.length;
    let begin = start;
    for (let at = 0; at < kinds; at++) {
      const kind = distinct[at]!;
      const total = this.#sums[kind]!;
      const other = this.#otherSums ? this.#otherSums[kind]! : 0;
      const count = counts[kind]!;
      // From here on the place of the group's next stack.
      counts[kind] = begin;
      const frame = kind + REMAINDER_FRAME;
      if (frame === REMAINDER_FRAME || this.#weights[kind]! < this.#minWeight) {
        restTotal += total;
        restOther += other;
        if (frame !== REMAINDER_FRAME) this.#omitted++;
        rest++;
      } else {
        const child = this.#add(depth + 1, frame, total, other);
        this.#pending.push(begin, begin + count, depth + 1, child);
        added++;
      }
      begin += count;
    }
    if (rest > 0) {
      this.#add(depth + 1, REMAINDER_FRAME, restTotal, restOther);
      added++;
    }
    this.#words[node * this.#stride * 2 + 1] = added;
    // The heaviest child is to be split first.
    this.#pending.reverseFrom(groups);
  }

  /** Moves the stacks of a node to where its children's groups lie. */
  #gather(start: number, end: number, depth: number): void {
    const { offsets, frames } = this.#stacks;
    const order = this.#order;
    const moved = this.#moved;
    const counts = this.#counts;
    let last = start;
    for (let at = start; at < end; at++) {
      const stack = order[at]!;
      const position = offsets[stack]! + depth;
      if (position === offsets[stack + 1]) continue;
      const kind = frames[position]! - REMAINDER_FRAME;
      moved[counts[kind]!++] = stack;
      last++;
    }
    order.set(moved.subarray(start, last), start);
  }

  #add(depth: number, frame: number, total: number, other: number): number {
    const node = this.#levelStart[depth]! + this.#levelUsed[depth]!++;
    const record = node * this.#stride;
    this.#words[record * 2] = frame;
    this.#doubles[record + 1] = total;
    if (this.#stride === 3) this.#doubles[record + 2] = other;
    return node;
  }

  /** Puts the levels one behind the other, as columns. */
  finish(frames: FrameTable, measure: Omit<FlameMeasure, "omitted">): FlameTree {
    const length = this.#levelUsed.reduce((sum, used) => sum + used, 0);
    const stride = this.#stride;
    const words = this.#words;
    const doubles = this.#doubles;
    const frame = new Int32Array(length);
    const firstChild = new Int32Array(length + 1);
    const total = new Float64Array(length);
    const other = this.#stacks.others && new Float64Array(length);
    let child = 1;
    let node = 0;
    for (let depth = 0; depth < this.#levelUsed.length; depth++) {
      const start = this.#levelStart[depth]! * stride;
      const end = start + this.#levelUsed[depth]! * stride;
      for (let record = start; record < end; record += stride) {
        frame[node] = words[record * 2]!;
        firstChild[node] = child;
        child += words[record * 2 + 1]!;
        total[node] = doubles[record + 1]!;
        if (other) other[node] = doubles[record + 2]!;
        node++;
      }
    }
    firstChild[length] = child;
    const columns = { measure: { ...measure, omitted: this.#omitted }, frame, firstChild, total, other };
    return new FlameTree(columns, frames, this.#options.diffScale);
  }
}

/** Where levels begin if no two stacks shared a frame: level d has as many nodes as stacks have at least d frames. */
function levelBounds({ length, offsets }: StackTable): Int32Array {
  let deepest = 0;
  for (let stack = 0; stack < length; stack++) deepest = Math.max(deepest, offsets[stack + 1]! - offsets[stack]!);
  const ofLength = new Int32Array(deepest + 2);
  for (let stack = 0; stack < length; stack++) ofLength[offsets[stack + 1]! - offsets[stack]!]!++;
  const starts = new Int32Array(deepest + 2);
  starts[1] = 1;
  let left = length - ofLength[0]!;
  for (let depth = 1; depth <= deepest; depth++) {
    starts[depth + 1] = starts[depth]! + left;
    left -= ofLength[depth]!;
  }
  return starts;
}

/** Groups of stacks that wait to be split, last in first out. `pop` puts one into the fields. */
class PendingGroups {
  start = 0;
  end = 0;
  depth = 0;
  node = 0;
  length = 0;
  #entries = new Int32Array(4 << 10);

  push(start: number, end: number, depth: number, node: number): void {
    let at = this.length++ * 4;
    if (at === this.#entries.length) {
      const larger = new Int32Array(at * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[at++] = start;
    this.#entries[at++] = end;
    this.#entries[at++] = depth;
    this.#entries[at] = node;
  }

  pop(): boolean {
    if (this.length === 0) return false;
    let at = --this.length * 4;
    this.start = this.#entries[at++]!;
    this.end = this.#entries[at++]!;
    this.depth = this.#entries[at++]!;
    this.node = this.#entries[at]!;
    return true;
  }

  /** Turns the groups from that one on around. */
  reverseFrom(first: number): void {
    const entries = this.#entries;
    for (let low = first * 4, high = (this.length - 1) * 4; low < high; low += 4, high -= 4) {
      for (let field = 0; field < 4; field++) {
        const kept = entries[low + field]!;
        entries[low + field] = entries[high + field]!;
        entries[high + field] = kept;
      }
    }
  }
}

function sum(column: Float64Array): number {
  let found = 0;
  for (let at = 0; at < column.length; at++) found += column[at]!;
  return found;
}
