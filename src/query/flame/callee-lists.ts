/** Columns of lists, which grow as they need to, and serve one tree after another. */
export interface ListColumns {
  /** By node: its first entry; 0 where it has none. All 0 when they are taken. */
  readonly head: Int32Array<ArrayBuffer>;
  entries: ListEntries;
}

/** An entry each node that is in a list; 0 is none. */
interface ListEntries {
  /** Node of an entry. */
  readonly node: Int32Array<ArrayBuffer>;
  /** The entry behind it; 0 ends a list. */
  readonly next: Int32Array<ArrayBuffer>;
}

/** Columns for a tree of so many nodes. */
export function listColumns(length: number): ListColumns {
  return { head: new Int32Array(length), entries: listEntries(1024) };
}

/**
 * What each node of a tree calls, for trees whose callers are numbered ahead. A node that is numbered right behind its
 * caller is in no list, and these are most: a new stack's nodes get numbers in a row. The lists that remain are short
 * enough for the caches, so that a walk doesn't wait for one node to know the next.
 *
 * Walked by cursors, which are no nodes: `for (let at = calls.first(node); at !== 0; at = calls.next(at))`, then
 * `calls.node(at)`. Nodes come in the order of their numbers.
 */
export class CalleeLists {
  readonly #parent: ArrayLike<number>;
  readonly #total: Float64Array;
  readonly #columns: ListColumns;
  readonly #head: Int32Array;
  #node: Int32Array<ArrayBuffer>;
  #next: Int32Array<ArrayBuffer>;
  #length = 1;

  /** @param total of each node; those without a value are called by nobody */
  constructor(parent: ArrayLike<number>, total: Float64Array, columns: ListColumns) {
    this.#parent = parent;
    this.#total = total;
    this.#columns = columns;
    this.#head = columns.head;
    this.#node = columns.entries.node;
    this.#next = columns.entries.next;
  }

  /** Puts a node that isn't right behind its caller ahead of what its caller's list holds. */
  put(caller: number, node: number): void {
    if (this.#length === this.#node.length) this.#grow();
    const entry = this.#length++;
    this.#node[entry] = node;
    this.#next[entry] = this.#head[caller]!;
    this.#head[caller] = entry;
  }

  /** The cursor of the first node that a node calls; 0 where there is none. */
  first(node: number): number {
    const behind = node + 1;
    const isCalled = behind < this.#total.length && this.#parent[behind] === node && this.#total[behind] !== 0;
    return isCalled ? -behind : this.#head[node]!;
  }

  /** The cursor of the node that the same caller calls next; 0 where there is none. */
  next(cursor: number): number {
    return cursor < 0 ? this.#head[-cursor - 1]! : this.#next[cursor]!;
  }

  /** The node that a cursor stands for. */
  node(cursor: number): number {
    return cursor < 0 ? -cursor : this.#node[cursor]!;
  }

  #grow(): void {
    const { node, next } = listEntries(this.#length * 2);
    node.set(this.#node);
    next.set(this.#next);
    this.#columns.entries = { node, next };
    this.#node = node;
    this.#next = next;
  }
}

function listEntries(capacity: number): ListEntries {
  return { node: new Int32Array(capacity), next: new Int32Array(capacity) };
}
