import type { StackSource } from "./stack-source.ts";

const START = 1024;

/**
 * Nodes of sources merged by function, as far as they were expanded: a node of the graph is all source nodes of one
 * function below one caller. Node 0 is the root; children are numbered behind their parents.
 */
export class MergedNodes {
  parent = new Int32Array(START);
  function = new Int32Array(START);
  /** With everything called, of the first and of the second selection. */
  total = new Float64Array(START);
  other = new Float64Array(START);
  isKept = new Uint8Array(START);
  /** Nodes that were kept, the root among them. */
  kept = 1;
  /** Source nodes that kept nodes are made of. */
  keptParts = 0;
  #length = 1;
  readonly #sources: readonly StackSource[];
  readonly #parts = new PartLists();
  /** Last part by node. */
  #lastPart = new Int32Array(START);
  /** By function: the node that was expanded when it was met last, and that one's child. */
  #metBelow = new Int32Array(START).fill(-1);
  #childOf = new Int32Array(START);

  constructor(sources: readonly StackSource[]) {
    this.#sources = sources;
    this.isKept[0] = 1;
    sources.forEach((source, at) => {
      const value = source.total[0]!;
      if (value === 0) return;
      this.#add(0, source, value);
      if (source.under < 0) this.#lastPart[0] = this.#parts.add(at, 0, this.#lastPart[0]!);
      else this.#meet(0, source.under, at, 0);
    });
    this.#expand(0);
  }

  get length(): number {
    return this.#length;
  }

  weight(node: number): number {
    return this.total[node]! + this.other[node]!;
  }

  /** Keeps a node and finds its children. */
  keep(node: number): void {
    this.isKept[node] = 1;
    this.kept++;
    this.#expand(node);
  }

  #expand(node: number): void {
    const { source, node: nodes, before } = this.#parts;
    for (let part = this.#lastPart[node]!; part !== 0; part = before[part]!) {
      // The arrays may be replaced by longer ones; what stands in these stays.
      const from = source[part]!;
      const { calls, functionOf } = this.#sources[from]!;
      for (let at = calls.first(nodes[part]!); at !== 0; at = calls.next(at)) {
        const called = calls.node(at);
        this.#meet(node, functionOf(called), from, called);
      }
      if (nodes[part] !== 0) this.keptParts++;
    }
  }

  /** Adds a source's node to the child of a function, which is made where it isn't there yet. */
  #meet(parent: number, called: number, source: number, node: number): void {
    if (called >= this.#metBelow.length) this.#growFunctions(called);
    if (this.#metBelow[called] !== parent) {
      this.#metBelow[called] = parent;
      this.#childOf[called] = this.#make(parent, called);
    }
    const child = this.#childOf[called]!;
    this.#lastPart[child] = this.#parts.add(source, node, this.#lastPart[child]!);
    const from = this.#sources[source]!;
    this.#add(child, from, from.total[node]!);
  }

  #make(parent: number, called: number): number {
    const node = this.#length++;
    if (node === this.parent.length) this.#growNodes(node * 2);
    this.parent[node] = parent;
    this.function[node] = called;
    return node;
  }

  #add(node: number, { side }: StackSource, value: number): void {
    const column = side === "second" ? this.other : this.total;
    column[node]! += value;
  }

  #growNodes(capacity: number): void {
    const { parent, function: functions, total, other, isKept } = this;
    const lastPart = this.#lastPart;
    (this.parent = new Int32Array(capacity)).set(parent);
    (this.function = new Int32Array(capacity)).set(functions);
    (this.total = new Float64Array(capacity)).set(total);
    (this.other = new Float64Array(capacity)).set(other);
    (this.isKept = new Uint8Array(capacity)).set(isKept);
    (this.#lastPart = new Int32Array(capacity)).set(lastPart);
  }

  #growFunctions(called: number): void {
    const metBelow = this.#metBelow;
    const childOf = this.#childOf;
    const capacity = Math.max(metBelow.length * 2, called + 1);
    (this.#metBelow = new Int32Array(capacity).fill(-1)).set(metBelow);
    (this.#childOf = new Int32Array(capacity)).set(childOf);
  }
}

/** Lists of source nodes, each linked from its last part to its first; 0 ends a list. */
class PartLists {
  source = new Int32Array(START);
  node = new Int32Array(START);
  before = new Int32Array(START);
  #length = 1;

  add(source: number, node: number, before: number): number {
    const part = this.#length++;
    if (part === this.source.length) {
      const { source: sources, node: nodes, before: befores } = this;
      (this.source = new Int32Array(part * 2)).set(sources);
      (this.node = new Int32Array(part * 2)).set(nodes);
      (this.before = new Int32Array(part * 2)).set(befores);
    }
    this.source[part] = source;
    this.node[part] = node;
    this.before[part] = before;
    return part;
  }
}
