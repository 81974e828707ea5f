import { Columns } from "./column-memory.ts";
import { type Callers, rowStarts, wordsOf } from "./row-starts.ts";

/** What all views of a tree share. */
interface Shared {
  readonly parent: ArrayLike<number>;
  /** A bit a node: it has a value of its own, or calls a node that isn't numbered right behind it. The root is one. */
  readonly ends: Int32Array;
  /** By word of `ends`: how many bits are set in the words behind it. */
  readonly endsBehind: Int32Array;
  /** By segment: the total of its nodes. */
  readonly total: Float64Array;
  /**
   * By segment: where the list of those nodes begins that its last node calls, the one right behind it left out; 0 where
   * there is none. Inverted (`~`) if the one right behind it is called.
   */
  readonly list: Int32Array;
  /** By place in the lists, from 1: a node, inverted if it ends its list; and its total. */
  readonly called: Int32Array;
  readonly calledTotal: Float64Array;
}

/**
 * A tree of stacks whose callers are numbered ahead of what they call, 0 is the root; with the total values that follow
 * from those of some of its nodes. Nodes without a total are called by nobody, and are not to be asked for.
 *
 * Stores number a new stack's nodes in a row, so that most nodes call one node only, the next, and have its total. Such
 * rows are one segment here: they end where a node has a value of its own, or calls something else. A store's tree has ten
 * to twenty times as many nodes as segments; what is held a node is two bits, and nothing is written for it. What the end
 * of a segment calls lies together, since a walk that learns from one node where the next one is waits for memory each
 * time.
 *
 * Walked by cursors, which are no nodes: `for (let at = tree.first(node); at !== 0; at = tree.next(at))`, then
 * `tree.node(at)`. Nodes come in the order of their numbers.
 */
export class StackTree {
  /** Nodes that have a total, besides the root. */
  readonly used: number;
  readonly #shared: Shared;
  /** The nodes that the root calls here; without them it calls what it calls. */
  readonly #roots: readonly number[] | undefined;

  private constructor(shared: Shared, used: number, roots?: readonly number[]) {
    this.#shared = shared;
    this.used = used;
    this.#roots = roots;
  }

  /**
   * @param nodes of which some have values of their own: `leaves`, perhaps several times
   * @param values of these; those that aren't above 0 are left out
   * @param options `scale`: what values are multiplied by; `columns`: what the tree is laid out in, its own by default
   */
  static of(
    nodes: Callers,
    leaves: ArrayLike<number>,
    values: ArrayLike<number>,
    options: { readonly scale?: number; readonly columns?: Columns } = {},
  ): StackTree {
    const { scale = 1, columns = new Columns() } = options;
    const ends = columns.int32(wordsOf(nodes.length)).fill(0);
    ends[0] = 1;
    for (let at = 0; at < leaves.length; at++) {
      const leaf = leaves[at]!;
      if (values[at]! > 0) ends[leaf >>> 5]! |= 1 << (leaf & 31);
    }
    const endsBehind = columns.int32(ends.length);
    const { first, caller, used } = cutIntoSegments(nodes, ends, endsBehind, leaves.length, columns);
    const total = columns.float64(first.length).fill(0);
    for (let at = 0; at < leaves.length; at++) {
      const value = values[at]!;
      if (value > 0) total[segmentOf(ends, endsBehind, leaves[at]!)]! += value * scale;
    }
    const lists = addUp(first, caller, total, ends, endsBehind, columns);
    return new StackTree({ parent: nodes.parent, ends, endsBehind, total, ...lists }, used);
  }

  get parent(): ArrayLike<number> {
    return this.#shared.parent;
  }

  /** The value of a node with everything that it calls. */
  totalOf(node: number): number {
    if (node === 0 && this.#roots) return this.#roots.reduce((sum, root) => sum + this.totalOf(root), 0);
    const { total, ends, endsBehind } = this.#shared;
    return total[segmentOf(ends, endsBehind, node)]!;
  }

  /** The cursor of the first node that a node calls; 0 where there is none. */
  first(node: number): number {
    if (node === 0 && this.#roots) return this.#roots.length === 0 ? 0 : this.#shared.called.length;
    const { ends, endsBehind, list } = this.#shared;
    const word = node >>> 5;
    const from = ends[word]! >>> (node & 31);
    if ((from & 1) === 0) return -node - 1;
    const start = list[endsBehind[word]! + bitCount(from)]!;
    return start < 0 ? -node - 1 : start;
  }

  /** The cursor of the node that the same caller calls next; 0 where there is none. */
  next(cursor: number): number {
    const { called } = this.#shared;
    if (cursor > 0 && cursor < called.length) return called[cursor]! < 0 ? 0 : cursor + 1;
    return cursor < 0 ? this.#listOf(-cursor - 1) : this.#nextRoot(cursor);
  }

  /** The node that a cursor stands for. */
  node(cursor: number): number {
    const { called } = this.#shared;
    if (cursor < 0) return -cursor;
    if (cursor >= called.length) return this.#roots![cursor - called.length]!;
    const node = called[cursor]!;
    return node < 0 ? ~node : node;
  }

  /** The total of the node that a cursor stands for. */
  total(cursor: number): number {
    const { called, calledTotal } = this.#shared;
    return cursor > 0 && cursor < called.length ? calledTotal[cursor]! : this.totalOf(this.node(cursor));
  }

  /**
   * The same tree, but that the root calls these nodes and nothing else.
   * @param nodes none of them below another one
   */
  below(nodes: readonly number[]): StackTree {
    const used = nodes.reduce((sum, node) => sum + this.#countBelow(node), nodes.length);
    return new StackTree(this.#shared, used, nodes);
  }

  /** The first place in the list of a node that calls the one right behind it. */
  #listOf(node: number): number {
    const { ends, endsBehind, list } = this.#shared;
    const word = node >>> 5;
    const from = ends[word]! >>> (node & 31);
    return (from & 1) === 0 ? 0 : ~list[endsBehind[word]! + bitCount(from)]!;
  }

  /** Cursors behind all places in lists are positions in `#roots`. */
  #nextRoot(cursor: number): number {
    const next = cursor + 1;
    return next - this.#shared.called.length < this.#roots!.length ? next : 0;
  }

  /** How many nodes a node calls, directly or not. */
  #countBelow(node: number): number {
    const cursors: number[] = [];
    let count = 0;
    let at = this.first(node);
    while (at !== 0) {
      count++;
      const below = this.first(this.node(at));
      if (below !== 0) cursors.push(at);
      at = below !== 0 ? below : this.next(at);
      while (at === 0 && cursors.length > 0) at = this.next(cursors.pop()!);
    }
    return count;
  }
}

/** The segment that a node with a total is in. They are numbered from the last node on: 1 has the last node with a total. */
function segmentOf(ends: Int32Array, endsBehind: Int32Array, node: number): number {
  const word = node >>> 5;
  return endsBehind[word]! + bitCount(ends[word]! >>> (node & 31));
}

function bitCount(word: number): number {
  let pairs = word - ((word >>> 1) & 0x55555555);
  pairs = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((pairs + (pairs >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Finds out where segments begin, from the last node to the first, and sets the bits of nodes that call them.
 * @param guess how many there are, perhaps
 * @returns by segment its first node and what calls that
 */
function cutIntoSegments(nodes: Callers, ends: Int32Array, endsBehind: Int32Array, guess: number, columns: Columns) {
  const { parent } = nodes;
  const starts = rowStarts(nodes);
  // A segment has a node at least, and 0 is none.
  const capacity = Math.min(nodes.length + 1, guess + 1024);
  let first = columns.int32(capacity);
  let caller = columns.int32(capacity);
  let count = 0;
  let used = 0;
  /** First node of the row that the last segment is in, and what calls it. */
  let row = ends.length * 32;
  let callsRow = 0;
  for (let word = ends.length - 1; word >= 0; word--) {
    endsBehind[word] = count;
    // A caller is ahead of what it calls, so that no bit is set behind the one that is looked at.
    for (let ahead = -1, left = ends[word]!; left !== 0; left = ends[word]! & ahead) {
      const bit = 31 - Math.clz32(left);
      ahead = (1 << bit) - 1;
      const node = word * 32 + bit;
      if (node >= row) {
        first[count] = node + 1;
        caller[count] = node;
      } else {
        first[count] = row;
        caller[count] = callsRow;
        let at = word;
        // The bit itself, and those ahead of it. The root begins a row.
        let begun = starts[at]! & ((2 << bit) - 1);
        while (begun === 0) begun = starts[--at]!;
        row = at * 32 + 31 - Math.clz32(begun);
        callsRow = parent[row]!;
        used += node - row + 1;
        ends[callsRow >>> 5]! |= 1 << (callsRow & 31);
      }
      count++;
      if (count < first.length) continue;
      first = longer(first, columns);
      caller = longer(caller, columns);
    }
  }
  first[0] = 0;
  first[count] = 0;
  return { first: first.subarray(0, count + 1), caller, used: used - 1 };
}

/**
 * Adds what is called to its callers, and puts it into their lists.
 * @param total values of the segments' own, which are made totals
 */
function addUp(
  first: Int32Array,
  caller: Int32Array,
  total: Float64Array,
  ends: Int32Array,
  endsBehind: Int32Array,
  columns: Columns,
): Pick<Shared, "list" | "called" | "calledTotal"> {
  const root = first.length - 1;
  /** At first how many are listed, then minus where the list ends, then where it begins. */
  const list = columns.int32(root + 1).fill(0);
  let listed = 0;
  for (let segment = 1; segment < root; segment++) {
    const node = caller[segment]!;
    if (node === first[segment]! - 1) {
      total[segment + 1]! += total[segment]!;
      caller[segment] = 0;
      continue;
    }
    // From here on the segment.
    const by = segmentOf(ends, endsBehind, node);
    caller[segment] = by;
    total[by]! += total[segment]!;
    list[by]!++;
    listed++;
  }
  for (let segment = 1, end = 1; segment <= root; segment++) {
    end += list[segment]!;
    if (list[segment] !== 0) list[segment] = -end;
  }
  const called = columns.int32(listed + 1);
  const calledTotal = columns.float64(listed + 1);
  // Numbers of nodes fall: lists are filled from their ends, and what goes on comes last.
  for (let segment = 1; segment < root; segment++) {
    const by = caller[segment]!;
    if (by === 0) {
      list[segment + 1] = ~list[segment + 1]!;
      continue;
    }
    const isLast = list[by]! < 0;
    const at = Math.abs(list[by]!) - 1;
    list[by] = at;
    called[at] = isLast ? ~first[segment]! : first[segment]!;
    calledTotal[at] = total[segment]!;
  }
  return { list, called, calledTotal };
}

function longer(from: Int32Array, columns: Columns): Int32Array<ArrayBuffer> {
  const to = columns.int32(from.length * 2);
  to.set(from);
  return to;
}
