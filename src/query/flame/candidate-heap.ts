/** Fewer are not worth being shortened. */
const LEAST_HELD = 1024;

/**
 * Nodes to be taken in the order of their weight, the heaviest first; of equals the one with the lower number, which must
 * be put in first. Holds no more than a few of those that will never be taken: most nodes of a large graph are such.
 */
export class CandidateHeap {
  /** How many may still be taken. */
  #most: number;
  #nodes = new Int32Array(LEAST_HELD);
  #weights = new Float64Array(LEAST_HELD);
  #length = 0;
  #floor = -Infinity;

  /** @param most nodes that are taken at most */
  constructor(most: number) {
    this.#most = most;
  }

  /** Nodes that weigh no more will not be taken: there are enough ahead of them. */
  get floor(): number {
    return this.#floor;
  }

  push(node: number, weight: number): void {
    if (this.#length >= Math.max(LEAST_HELD, this.#most * 2)) this.#shorten();
    if (weight <= this.#floor) return;
    if (this.#length === this.#nodes.length) this.#grow();
    const nodes = this.#nodes;
    const weights = this.#weights;
    let at = this.#length++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isAhead(weight, node, weights[above]!, nodes[above]!)) break;
      nodes[at] = nodes[above]!;
      weights[at] = weights[above]!;
      at = above;
    }
    nodes[at] = node;
    weights[at] = weight;
  }

  /** The heaviest node, taken out; undefined where there is none. */
  pop(): number | undefined {
    if (this.#length === 0) return undefined;
    this.#most--;
    const top = this.#nodes[0]!;
    const last = --this.#length;
    this.#sink(0, this.#nodes[last]!, this.#weights[last]!);
    return top;
  }

  /** Puts a node where it belongs below a position that is free. */
  #sink(from: number, node: number, weight: number): void {
    const nodes = this.#nodes;
    const weights = this.#weights;
    const length = this.#length;
    let at = from;
    for (let below = at * 2 + 1; below < length; below = at * 2 + 1) {
      const other = below + 1;
      if (other < length && isAhead(weights[other]!, nodes[other]!, weights[below]!, nodes[below]!)) below = other;
      if (isAhead(weight, node, weights[below]!, nodes[below]!)) break;
      nodes[at] = nodes[below]!;
      weights[at] = weights[below]!;
      at = below;
    }
    nodes[at] = node;
    weights[at] = weight;
  }

  /** Keeps as many as can be taken. */
  #shorten(): void {
    const nodes = this.#nodes;
    const weights = this.#weights;
    const length = this.#length;
    const floor = nthSmallest(weights.slice(0, length), length - this.#most);
    let [kept, equal] = [0, 0];
    const asHeavy = new Float64Array(length);
    for (let at = 0; at < length; at++) {
      const weight = weights[at]!;
      if (weight > floor) kept++;
      else if (weight === floor) asHeavy[equal++] = nodes[at]!;
    }
    // Of those that weigh the same, the ones with the lowest numbers.
    const lastNode = kept < this.#most ? nthSmallest(asHeavy.subarray(0, equal), this.#most - kept - 1) : -1;
    kept = 0;
    for (let at = 0; at < length; at++) {
      const weight = weights[at]!;
      if (weight < floor || (weight === floor && nodes[at]! > lastNode)) continue;
      nodes[kept] = nodes[at]!;
      weights[kept++] = weight;
    }
    this.#floor = floor;
    this.#length = kept;
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(at, nodes[at]!, weights[at]!);
  }

  #grow(): void {
    const [nodes, weights] = [this.#nodes, this.#weights];
    const capacity = nodes.length * 2;
    (this.#nodes = new Int32Array(capacity)).set(nodes);
    (this.#weights = new Float64Array(capacity)).set(weights);
  }
}

/** The value at a position, were the values in order. Puts them into some other one. */
function nthSmallest(values: Float64Array, position: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    // Below `less` all are smaller than the pivot, from there to `at` as large, behind `more` larger.
    let [less, at, more] = [low, low, high];
    while (at <= more) {
      const value = values[at]!;
      if (value === pivot) at++;
      else {
        const to = value < pivot ? less++ : more--;
        values[at] = values[to]!;
        values[to] = value;
        if (value < pivot) at++;
      }
    }
    if (position < less) high = less - 1;
    else if (position > more) low = more + 1;
    else return pivot;
  }
  return values[low]!;
}

function isAhead(weight: number, node: number, otherWeight: number, other: number): boolean {
  return weight > otherWeight || (weight === otherWeight && node < other);
}
