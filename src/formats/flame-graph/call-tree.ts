import { StackTree } from "../stack-tree.ts";

/**
 * Stacks of several sample types merged into one tree, as columns in the order of a walk from the root: a node's
 * children follow it, sorted by name, each deeper by one.
 */
export interface CallTree {
  /** Frames by node, -1 for the root. */
  readonly frame: readonly number[];
  readonly depth: readonly number[];
  /** For each sample type what each node counts, with all that it called. */
  readonly totals: readonly (readonly number[])[];
  /** Nodes left out because they are too small to be seen. */
  readonly pruned: number;
}

/** Collects stacks. */
export class CallTreeBuilder {
  readonly #tree = new StackTree();
  /** By type, then by node. */
  readonly #totals: Float64Array[];

  /** @param types how many sample types there are */
  constructor(types: number) {
    this.#totals = Array.from({ length: types }, () => new Float64Array(1024));
    this.#tree.child(-1, -1);
  }

  /** @param frames outermost first */
  add(frames: Iterable<number>, type: number, value: number): void {
    let node = 0;
    this.#count(node, type, value);
    for (const frame of frames) {
      node = this.#tree.child(node, frame);
      this.#count(node, type, value);
    }
  }

  /**
   * @param nameOf what siblings are sorted by
   * @param maxNodes where there are more, the smallest are left out, each with all that it called
   */
  finish(nameOf: (frame: number) => string, maxNodes: number): CallTree {
    const { frame: frames, length } = this.#tree;
    const shares = this.#shares();
    const least = length > maxNodes ? Float64Array.from(shares).sort()[length - maxNodes - 1]! : -1;
    const callees = this.#callees((node) => shares[node]! > least);
    const tree = { frame: [] as number[], depth: [] as number[], totals: this.#totals.map(() => [] as number[]) };
    // Without recursion: stacks may be deeper than JavaScript's own.
    const open = [0];
    const depths = [0];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const depth = depths.pop()!;
      tree.frame.push(frames[node]!);
      tree.depth.push(depth);
      this.#totals.forEach((totals, type) => tree.totals[type]!.push(totals[node!] ?? 0));
      const children = callees(node).sort((a, b) => compare(nameOf(frames[b]!), nameOf(frames[a]!)));
      for (const child of children) {
        open.push(child);
        depths.push(depth + 1);
      }
    }
    return { ...tree, pruned: length - tree.frame.length };
  }

  #count(node: number, type: number, value: number): void {
    let totals = this.#totals[type]!;
    if (node >= totals.length) {
      const grown = new Float64Array(Math.max(node + 1, totals.length * 2));
      grown.set(totals);
      this.#totals[type] = totals = grown;
    }
    totals[node]! += value;
  }

  /** The largest share that each node has of any type. */
  #shares(): Float64Array {
    const shares = new Float64Array(this.#tree.length);
    for (const totals of this.#totals) {
      const all = totals[0]!;
      const end = Math.min(shares.length, totals.length);
      if (all > 0) for (let node = 0; node < end; node++) shares[node] = Math.max(shares[node]!, totals[node]! / all);
    }
    return shares;
  }

  /** Finds what a node calls, but for nodes that are not kept. */
  #callees(keep: (node: number) => boolean): (node: number) => number[] {
    const { parent, length } = this.#tree;
    const first = new Int32Array(length).fill(-1);
    const next = new Int32Array(length).fill(-1);
    for (let node = length - 1; node > 0; node--) {
      if (!keep(node)) continue;
      next[node] = first[parent[node]!]!;
      first[parent[node]!] = node;
    }
    return (node) => {
      const found: number[] = [];
      for (let at = first[node]!; at >= 0; at = next[at]!) found.push(at);
      return found;
    };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
