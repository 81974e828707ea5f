import type { Side, StackSource } from "./stack-source.ts";

/** Values by function, as columns that may be longer than there are functions. */
export interface FunctionTotals {
  /** Time in it or what it called, recursion counted once. */
  readonly total: Float64Array;
  readonly self: Float64Array;
}

/** Adds sources of one selection up by function. */
export function functionTotals(sources: readonly StackSource[], side: Side): FunctionTotals {
  const totals = new Totals();
  for (const source of sources) if (source.side === side) totals.add(source);
  return totals;
}

class Totals implements FunctionTotals {
  total = new Float64Array(1024);
  self = new Float64Array(1024);
  /** How often each function is on the path to the node that is looked at. */
  #active = new Uint32Array(1024);

  /** Walks a source from its root, callers ahead of what they call. */
  add({ tree, functionOf }: StackSource): void {
    /** Functions and cursors of the nodes on the path, the root's left out. */
    const path: number[] = [];
    const cursors: number[] = [];
    let at = tree.first(0);
    while (at !== 0) {
      const node = tree.node(at);
      const called = functionOf(node);
      if (called >= this.self.length) this.#grow(called);
      const value = tree.total(at);
      if (this.#active[called] === 0) this.total[called]! += value;
      this.self[called]! += value;
      const caller = path.at(-1);
      if (caller !== undefined) this.self[caller]! -= value;
      const below = tree.first(node);
      if (below !== 0) {
        this.#active[called]!++;
        path.push(called);
        cursors.push(at);
        at = below;
        continue;
      }
      at = tree.next(at);
      while (at === 0 && path.length > 0) {
        this.#active[path.pop()!]!--;
        at = tree.next(cursors.pop()!);
      }
    }
  }

  #grow(called: number): void {
    const { total, self } = this;
    const active = this.#active;
    const capacity = Math.max(self.length * 2, called + 1);
    (this.total = new Float64Array(capacity)).set(total);
    (this.self = new Float64Array(capacity)).set(self);
    (this.#active = new Uint32Array(capacity)).set(active);
  }
}

/** Calls `visit` for each node of such a function that has no caller of such a function. */
export function visitOutermost(
  { tree, functionOf }: StackSource,
  isWanted: (called: number) => boolean,
  visit: (node: number) => void,
): void {
  const cursors: number[] = [];
  let at = tree.first(0);
  while (at !== 0) {
    const node = tree.node(at);
    const isFound = isWanted(functionOf(node));
    if (isFound) visit(node);
    const below = isFound ? 0 : tree.first(node);
    if (below !== 0) {
      cursors.push(at);
      at = below;
      continue;
    }
    at = tree.next(at);
    while (at === 0 && cursors.length > 0) at = tree.next(cursors.pop()!);
  }
}
