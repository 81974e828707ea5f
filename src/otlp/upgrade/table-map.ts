import { InternIndex } from "../profiles/intern-index.ts";

/** New index by old index of one table, and the index of its equal entries. */
export class TableMap {
  /** New index + 1 by old index; 0 where it was not copied yet. */
  readonly #map: Int32Array | undefined;
  readonly #sparse: Map<number, number> | undefined;
  readonly #table: Interned;
  readonly #index: InternIndex;

  constructor(length: number, table: Interned, sparse: boolean) {
    if (sparse) this.#sparse = new Map();
    else this.#map = new Int32Array(length);
    this.set(0, 0);
    this.#table = table;
    this.#index = new InternIndex(table);
    this.#index.intern(0, table.hash(0));
  }

  /** -1 where the entry was not copied yet. */
  get(index: number): number {
    return this.#map ? this.#map[index]! - 1 : (this.#sparse!.get(index) ?? -1);
  }

  set(index: number, mapped: number): number {
    if (this.#map) this.#map[index] = mapped + 1;
    else this.#sparse!.set(index, mapped);
    return mapped;
  }

  /** Interns the entry that was appended last, as the copy of `old`. */
  intern(old = -1): number {
    const last = this.#table.length - 1;
    const found = this.#index.intern(last, this.#table.hash(last));
    if (found !== last) this.#table.pop();
    if (old >= 0) this.set(old, found);
    return found;
  }
}

interface Interned {
  readonly length: number;
  hash(index: number): number;
  same(a: number, b: number): boolean;
  pop(): void;
}
