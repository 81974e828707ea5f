import type { FrameTable } from "./frame-table.ts";

/** What the values of a tree are, and what they cover. */
export interface FlameMeasure {
  /** E.g. `cpu`. */
  readonly type: string;
  /** `nanoseconds`, `bytes`, `count`, … */
  readonly unit: string;
  /** Milliseconds that the values were gathered in, where values are CPU time (so cores can be told); else undefined. */
  readonly coveredMs: number | undefined;
  /** Likewise of the second selection of a diff. */
  readonly otherCoveredMs: number | undefined;
  /** Nodes that are not here because they are too small; remainder nodes stand for them. */
  readonly omitted: number;
}

/** How the two selections of a diff are weighed: as they are, or as if both had the same total. */
export type DiffScale = "absolute" | "relative";

/** The columns of a tree, as they cross a thread's border. */
export interface FlameColumns {
  readonly measure: FlameMeasure;
  readonly frame: Int32Array;
  readonly firstChild: Int32Array;
  readonly total: Float64Array;
  readonly other: Float64Array | undefined;
}

/** What is computed of a tree's columns: worth passing on where there are millions of nodes. */
export interface FlameLayout {
  readonly weight: Float64Array;
  readonly x: Float64Array;
  readonly levels: Int32Array;
}

/** `FlameTree.frame` of the root. */
export const ROOT_FRAME = -1;
/** `FlameTree.frame` of a node that stands for siblings which are too small to be here. */
export const REMAINDER_FRAME = -2;

/**
 * A flame graph as columns by node. Nodes stand breadth first: node 0 is the root, a level is one run of nodes, and the
 * children of a node are contiguous, heaviest first. So parents, depths and own values need no columns, and what is
 * drawn of a level is found by binary search. 10 million nodes take 240 MB, which is why nothing here is an object a
 * node. Columns never change once the tree is made.
 */
export class FlameTree {
  readonly measure: FlameMeasure;
  readonly frames: FrameTable;
  /** How many nodes. */
  readonly length: number;
  /** Index into `frames`, or ROOT_FRAME, or REMAINDER_FRAME. */
  readonly frame: Int32Array;
  /** Children of node i are `firstChild[i] … firstChild[i + 1] - 1`; one entry more than there are nodes. */
  readonly firstChild: Int32Array;
  /** Value of a node and all below, in the measure's unit; of the first selection in a diff. */
  readonly total: Float64Array;
  /** Of the second selection; diff only. */
  readonly other: Float64Array | undefined;
  /** Width of a node: its total; in a diff both selections together, scaled. */
  readonly weight: Float64Array;
  /** Where a node begins, in weights: its parent's begin and all siblings ahead of it. */
  readonly x: Float64Array;
  /** First node by depth; one entry more than there are levels. */
  readonly levels: Int32Array;
  /** What `other` is multiplied by in a weight; 1 where there is no diff or it is absolute. */
  readonly otherScale: number;
  readonly diffScale: DiffScale;

  /** @param layout of the same columns and scale, where it is known already */
  constructor(columns: FlameColumns, frames: FrameTable, diffScale: DiffScale = "absolute", layout?: FlameLayout) {
    const { frame, firstChild, total, other } = columns;
    this.measure = columns.measure;
    this.frames = frames;
    this.length = frame.length;
    this.frame = frame;
    this.firstChild = firstChild;
    this.total = total;
    this.other = other;
    this.diffScale = diffScale;
    this.otherScale = other && diffScale === "relative" && other[0]! > 0 && total[0]! > 0 ? total[0]! / other[0]! : 1;
    this.weight = layout?.weight ?? (other ? weights(total, other, this.otherScale) : total);
    this.x = layout?.x ?? positions(this.weight, firstChild);
    this.levels = layout?.levels ?? levelsOf(firstChild);
  }

  get columns(): FlameColumns {
    const { measure, frame, firstChild, total, other } = this;
    return { measure, frame, firstChild, total, other };
  }

  get layout(): FlameLayout {
    const { weight, x, levels } = this;
    return { weight, x, levels };
  }

  /** How many levels, the root's among them. */
  get depth(): number {
    return this.levels.length - 1;
  }

  /** The same nodes with the selections of a diff weighed differently. */
  scaled(diffScale: DiffScale): FlameTree {
    return diffScale === this.diffScale ? this : new FlameTree(this.columns, this.frames, diffScale);
  }

  childCount(node: number): number {
    return this.firstChild[node + 1]! - this.firstChild[node]!;
  }

  /** -1 for the root. */
  parent(node: number): number {
    return node === 0 ? -1 : lastAtMost(this.firstChild, node, 0, this.length);
  }

  /** 0 for the root. */
  depthOf(node: number): number {
    return lastAtMost(this.levels, node, 0, this.levels.length);
  }

  /** Value in the node itself rather than in what it calls. */
  self(node: number): number {
    return this.total[node]! - this.#sum(this.total, node);
  }

  otherSelf(node: number): number {
    return this.other ? this.other[node]! - this.#sum(this.other, node) : 0;
  }

  /** Whether a node is another's descendant, or that node. */
  isWithin(node: number, ancestor: number): boolean {
    let at = node;
    while (at > ancestor) at = this.parent(at);
    return at === ancestor;
  }

  /** Nodes from the root to a node, both included. */
  ancestry(node: number): number[] {
    const path: number[] = [];
    for (let at = node; at >= 0; at = this.parent(at)) path.push(at);
    return path.reverse();
  }

  /** What a node is called: its frame's name, `all` for the root, empty for a remainder. */
  name(node: number): string {
    const frame = this.frame[node]!;
    return frame >= 0 ? this.frames.name(frame) : frame === ROOT_FRAME ? "all" : "";
  }

  /** Frame names from the outermost to a node: what a URL keeps of it. */
  path(node: number): string[] {
    return this.ancestry(node)
      .slice(1)
      .map((at) => this.name(at));
  }

  /** The node that a path leads to, or the deepest that is still here: trees of another time are similar. */
  find(path: readonly string[]): number {
    let node = 0;
    for (const name of path) {
      let next = -1;
      for (let child = this.firstChild[node]!; child < this.firstChild[node + 1]!; child++) {
        if (this.frame[child]! >= 0 && this.name(child) === name) {
          next = child;
          break;
        }
      }
      if (next < 0) break;
      node = next;
    }
    return node;
  }

  #sum(column: Float64Array, node: number): number {
    let sum = 0;
    for (let child = this.firstChild[node]!; child < this.firstChild[node + 1]!; child++) sum += column[child]!;
    return sum;
  }
}

function weights(total: Float64Array, other: Float64Array, scale: number): Float64Array {
  const weight = new Float64Array(total.length);
  for (let node = 0; node < total.length; node++) weight[node] = total[node]! + other[node]! * scale;
  return weight;
}

function positions(weight: Float64Array, firstChild: Int32Array): Float64Array {
  const x = new Float64Array(weight.length);
  for (let node = 0; node < weight.length; node++) {
    let at = x[node]!;
    for (let child = firstChild[node]!; child < firstChild[node + 1]!; child++) {
      x[child] = at;
      at += weight[child]!;
    }
  }
  return x;
}

/** A level ends where the children of the level above it end. */
function levelsOf(firstChild: Int32Array): Int32Array {
  const nodes = firstChild.length - 1;
  const levels = [0];
  for (let end = 1; end <= nodes; end = firstChild[end]!) {
    levels.push(end);
    if (end === nodes) break;
  }
  return Int32Array.from(levels);
}

/** The last position in `[from, to)` of an ascending column whose value is at most `value`. */
function lastAtMost(column: Int32Array, value: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
