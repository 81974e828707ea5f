/** Nodes to be taken in the order of their weight, the heaviest first; of equals the one that was there first. */
export class CandidateHeap {
  readonly #weight: (node: number) => number;
  readonly #nodes: number[] = [];

  constructor(weight: (node: number) => number) {
    this.#weight = weight;
  }

  push(node: number): void {
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

  #isAhead(a: number, b: number): boolean {
    const difference = this.#weight(a) - this.#weight(b);
    return difference > 0 || (difference === 0 && a < b);
  }
}
