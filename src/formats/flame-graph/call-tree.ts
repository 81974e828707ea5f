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

interface Node {
  readonly frame: number;
  readonly children: Map<number, Node>;
  readonly totals: Float64Array;
}

/** Collects stacks. */
export class CallTreeBuilder {
  readonly #types: number;
  readonly #root: Node;
  #nodes = 1;

  /** @param types how many sample types there are */
  constructor(types: number) {
    this.#types = types;
    this.#root = { frame: -1, children: new Map(), totals: new Float64Array(types) };
  }

  /** @param frames outermost first */
  add(frames: Iterable<number>, type: number, value: number): void {
    let node = this.#root;
    node.totals[type]! += value;
    for (const frame of frames) {
      let child = node.children.get(frame);
      if (!child) {
        child = { frame, children: new Map(), totals: new Float64Array(this.#types) };
        node.children.set(frame, child);
        this.#nodes++;
      }
      child.totals[type]! += value;
      node = child;
    }
  }

  /**
   * @param nameOf what siblings are sorted by
   * @param maxNodes where there are more, the smallest are left out, each with all that it called
   */
  finish(nameOf: (frame: number) => string, maxNodes: number): CallTree {
    const least = this.#nodes > maxNodes ? this.#shareOfNode(maxNodes) : -1;
    const tree = {
      frame: [] as number[],
      depth: [] as number[],
      totals: Array.from(this.#root.totals, () => [] as number[]),
    };
    // Without recursion: stacks may be deeper than JavaScript's own.
    const open: { node: Node; depth: number }[] = [{ node: this.#root, depth: 0 }];
    for (let next = open.pop(); next; next = open.pop()) {
      const { node, depth } = next;
      tree.frame.push(node.frame);
      tree.depth.push(depth);
      node.totals.forEach((total, type) => tree.totals[type]!.push(total));
      const children = [...node.children.values()].filter((child) => this.#share(child) > least);
      children.sort((a, b) => compare(nameOf(b.frame), nameOf(a.frame)));
      for (const child of children) open.push({ node: child, depth: depth + 1 });
    }
    return { ...tree, pruned: this.#nodes - tree.frame.length };
  }

  /** The largest share that a node has of any type. */
  #share(node: Node): number {
    let largest = 0;
    for (let type = 0; type < this.#types; type++) {
      const all = this.#root.totals[type]!;
      if (all > 0) largest = Math.max(largest, node.totals[type]! / all);
    }
    return largest;
  }

  /** The share that so many nodes exceed, at most. */
  #shareOfNode(count: number): number {
    const shares: number[] = [];
    const open = [this.#root];
    for (let node = open.pop(); node; node = open.pop()) {
      shares.push(this.#share(node));
      for (const child of node.children.values()) open.push(child);
    }
    return (
      Float64Array.from(shares)
        .sort()
        .at(-count - 1) ?? -1
    );
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
