/**
 * Nodes to be taken in the order of their weight, the heaviest first; of equals the one with the lower number, which must
 * be put in first. Holds no more than a few of those that will never be taken: most nodes of a large graph are such.
 */
export class CandidateHeap {
  readonly #weight: (node: number) => number;
  readonly #most: number;
  #nodes: number[] = [];
  /** There are `#most` nodes ahead of those that weigh this. */
  #floor = -Infinity;

  /** @param most nodes that are taken at most */
  constructor(weight: (node: number) => number, most: number) {
    this.#weight = weight;
    this.#most = most;
  }

  push(node: number): void {
    if (this.#weight(node) <= this.#floor) return;
    if (this.#nodes.length >= Math.max(1024, this.#most * 2)) this.#shorten();
    const nodes = this.#nodes;
    let at = nodes.push(node) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#isAhead(nodes[above]!, node)) break;
      nodes[at] = nodes[above]!;
      at = above;
    }
    nodes[at] = node;
  }

  /** The heaviest node, taken out; undefined where there is none. */
  pop(): number | undefined {
    const nodes = this.#nodes;
    const top = nodes[0];
    const last = nodes.pop();
    if (nodes.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= nodes.length) break;
      if (below + 1 < nodes.length && this.#isAhead(nodes[below + 1]!, nodes[below]!)) below++;
      if (this.#isAhead(last, nodes[below]!)) break;
      nodes[at] = nodes[below]!;
      at = below;
    }
    nodes[at] = last;
    return top;
  }

  #shorten(): void {
    // What is in order is a heap.
    const ordered = this.#nodes.sort((a, b) => this.#weight(b) - this.#weight(a) || a - b);
    this.#nodes = ordered.slice(0, this.#most);
    const last = this.#nodes.at(-1);
    if (last !== undefined) this.#floor = this.#weight(last);
  }

  #isAhead(a: number, b: number): boolean {
    const difference = this.#weight(a) - this.#weight(b);
    return difference > 0 || (difference === 0 && a < b);
  }
}
