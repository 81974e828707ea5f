import { type ListColumns, listColumns } from "./callee-lists.ts";

/** Columns of a tree, one number a node. */
export interface TreeColumns {
  /** All 0 when it is taken. */
  readonly total: Float64Array<ArrayBuffer>;
  readonly lists: ListColumns;
}

/** Unused columns go after so long. */
const KEPT_MS = 30_000;
/** Columns are made longer than asked for, since trees of stores grow. */
const SLACK = 1.125;

/**
 * The columns of the largest tree, kept from one question to the next: a system takes ten times as long to hand out fresh
 * memory as a question takes to fill it. One set, for questions that come together are rare, and get columns of their own.
 */
export class TreeMemory {
  #kept: TreeColumns | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Columns of that length, which may be views of longer ones. Who took them gives them back, and forgets them. */
  take(length: number): TreeColumns {
    const kept = this.#kept;
    this.#forget();
    if (kept && kept.total.length >= length) {
      const columns = viewOf(kept, length);
      columns.total.fill(0);
      columns.lists.head.fill(0);
      return columns;
    }
    const capacity = Math.ceil(length * SLACK);
    return viewOf({ total: new Float64Array(capacity), lists: listColumns(capacity) }, length);
  }

  /** Takes columns back. */
  give({ total, lists: { head, entries } }: TreeColumns): void {
    const whole = {
      total: new Float64Array(total.buffer),
      lists: { head: new Int32Array(head.buffer), entries },
    };
    if (this.#kept && this.#kept.total.length >= whole.total.length) return;
    this.#forget();
    this.#kept = whole;
    this.#timer = setTimeout(() => this.#forget(), KEPT_MS).unref();
  }

  #forget(): void {
    clearTimeout(this.#timer);
    this.#kept = undefined;
  }
}

function viewOf({ total, lists: { head, entries } }: TreeColumns, length: number): TreeColumns {
  return { total: total.subarray(0, length), lists: { head: head.subarray(0, length), entries } };
}
