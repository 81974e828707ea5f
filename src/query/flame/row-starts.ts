/** Who calls whom, as stores and parts of their trees have it: `parent[i] < i`, and 0 is the root. */
export interface Callers {
  readonly length: number;
  readonly parent: ArrayLike<number>;
}

/** What is known of a tree: a bit a node, up to a length. */
interface Known {
  bits: Int32Array;
  length: number;
}

const KNOWN = new WeakMap<Callers, Known>();

/**
 * Where the rows of a tree begin: a bit a node, set where it isn't called by the node numbered right before it. Looks at
 * nodes once, for those of a store keep their callers. A number that means nothing yet may get another one later: its bit
 * is set from the start, and only says that a row may begin there.
 */
export function rowStarts(nodes: Callers): Int32Array {
  const { parent, length } = nodes;
  let known = KNOWN.get(nodes);
  if (!known) KNOWN.set(nodes, (known = { bits: new Int32Array(wordsOf(length)), length: 0 }));
  if (known.length === length) return known.bits;
  if (known.bits.length < wordsOf(length)) {
    const bits = new Int32Array(Math.ceil(wordsOf(length) * 1.125));
    bits.set(known.bits);
    known.bits = bits;
  }
  const { bits } = known;
  for (let node = known.length; node < length; node++) {
    if (parent[node] !== node - 1) bits[node >>> 5]! |= 1 << (node & 31);
  }
  known.length = length;
  return bits;
}

/** Words of 32 bits that have one for each. */
export function wordsOf(bits: number): number {
  return (bits + 31) >>> 5;
}
