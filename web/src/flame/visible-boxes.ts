import type { FlameTree } from "./flame-tree.ts";
import { scaleOf, type Viewport, visibleLevels } from "./viewport.ts";

/** Narrower nodes are drawn together with their neighbours, as a run. CSS pixels. */
export const MIN_BOX_WIDTH = 1;

/**
 * The boxes that a viewport shows, level by level and from left to right: nodes that are wide enough, and runs of
 * neighbours that are not. Columns by box; `collect` fills them anew. How many there are is bounded by pixels, and so
 * is the work: what is too narrow to be seen is jumped over.
 */
export class VisibleBoxes {
  length = 0;
  /** The first level, and the first box by level from there; one entry more than there are levels. */
  firstLevel = 0;
  readonly levels: number[] = [];
  /** First and last node of a box; the same for one that isn't a run. */
  node = new Int32Array(1024);
  last = new Int32Array(1024);
  /** 1 for runs, though they be of one node. */
  run = new Uint8Array(1024);
  /** Level of a box, counted from `firstLevel`. */
  row = new Int32Array(1024);
  /** Edges in device pixels, cut off at the viewport's. */
  start = new Int32Array(1024);
  end = new Int32Array(1024);

  collect(tree: FlameTree, viewport: Viewport): void {
    this.length = 0;
    this.levels.length = 0;
    const { first, last } = visibleLevels(viewport, tree.depth);
    this.firstLevel = first;
    for (let depth = first; depth <= last; depth++) {
      this.levels.push(this.length);
      this.#collectLevel(tree, viewport, depth);
    }
    this.levels.push(this.length);
  }

  /** The box of a level (by depth) at a place in device pixels; -1 where there is none. */
  at(depth: number, x: number): number {
    const row = depth - this.firstLevel;
    const end = this.levels[row + 1];
    if (row < 0 || end === undefined) return -1;
    for (let box = this.levels[row]!; box < end; box++) {
      if (this.start[box]! <= x && x < this.end[box]!) return box;
    }
    return -1;
  }

  #collectLevel(tree: FlameTree, viewport: Viewport, depth: number): void {
    const { x, weight } = tree;
    const { left, span, ratio } = viewport;
    const scale = scaleOf(viewport);
    const right = left + span;
    const narrow = (MIN_BOX_WIDTH * ratio) / scale;
    const end = tree.levels[depth + 1]!;
    let node = firstVisible(tree, depth, left);
    // The run at hand: its first node, or -1, and where it ends so far, in weights.
    let runFirst = -1;
    let runEnd = 0;
    // How many nodes the last jump went over.
    let jump = 1;
    for (; node < end && x[node]! < right; node++) {
      if (runFirst >= 0 && (weight[node]! >= narrow || x[node]! >= runEnd + narrow)) {
        this.#add(runFirst, node - 1, 1, (x[runFirst]! - left) * scale, (runEnd - left) * scale, viewport);
        runFirst = -1;
      }
      if (weight[node]! >= narrow) {
        this.#add(node, node, 0, (x[node]! - left) * scale, (x[node]! + weight[node]! - left) * scale, viewport);
        continue;
      }
      if (runFirst < 0) runFirst = node;
      // Whatever begins less than a box's width from here ends before it, but for the last such node, which may be wide:
      // the next turn looks at it.
      const next = firstFrom(x, node + 1, end, Math.min(x[node]! + narrow, right), jump) - 1;
      jump = Math.max(1, next - node);
      if (next > node) node = next - 1;
      runEnd = x[node]! + weight[node]!;
    }
    if (runFirst >= 0)
      this.#add(runFirst, node - 1, 1, (x[runFirst]! - left) * scale, (runEnd - left) * scale, viewport);
  }

  #add(node: number, last: number, run: number, from: number, to: number, viewport: Viewport): void {
    const width = Math.round(viewport.width * viewport.ratio);
    const start = Math.max(0, Math.min(Math.round(from), width - 1));
    const end = Math.min(width, Math.max(Math.round(to), start + 1));
    if (this.length === this.node.length) this.#grow();
    const box = this.length++;
    this.node[box] = node;
    this.last[box] = last;
    this.run[box] = run;
    this.row[box] = this.levels.length - 1;
    this.start[box] = start;
    this.end[box] = end;
  }

  #grow(): void {
    const capacity = this.node.length * 2;
    this.node = grown(this.node, capacity);
    this.last = grown(this.last, capacity);
    this.row = grown(this.row, capacity);
    this.start = grown(this.start, capacity);
    this.end = grown(this.end, capacity);
    const run = new Uint8Array(capacity);
    run.set(this.run);
    this.run = run;
  }
}

/** The first node of a level that ends right of a place. */
function firstVisible({ x, weight, levels }: FlameTree, depth: number, left: number): number {
  let low = levels[depth]!;
  let high = levels[depth + 1]!;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! + weight[middle]! <= left) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The first node in `[from, end)` that begins at or behind a place, looked for in steps that double from `guess` on: how
 * far the last jump led, as neighbours are about as narrow. Each look is a miss of the cache in large trees.
 */
function firstFrom(x: Float64Array, from: number, end: number, place: number, guess: number): number {
  let low = from;
  let step = guess;
  let high = Math.min(end, from + guess);
  while (high < end && x[high]! < place) {
    low = high + 1;
    high = Math.min(end, high + step);
    step *= 2;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

function grown(from: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(capacity);
  to.set(from);
  return to;
}
