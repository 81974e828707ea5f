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
  /** Sums of the children that are too light to be nodes. */
  lightTotal = new Float64Array(START);
  lightOther = new Float64Array(START);
  /** Nodes that were kept, in that order. The root is the first. */
  readonly kept: number[] = [];
  /** Source nodes that kept nodes are made of. */
  keptParts = 0;
  #length = 1;
  readonly #sources: readonly StackSource[];
  /** Source nodes of node i are those from `#firstPart[i]` to `#firstPart[i + 1]`. */
  #firstPart = new Int32Array(START);
  #partSource = new Int32Array(START);
  #partNode = new Int32Array(START);
  readonly #callees = new Callees();

  constructor(sources: readonly StackSource[]) {
    this.#sources = sources;
    for (const source of sources) {
      const column = source.side === "second" ? this.other : this.total;
      column[0]! += source.tree.totalOf(0);
    }
  }

  get length(): number {
    return this.#length;
  }

  weight(node: number): number {
    return this.total[node]! + this.other[node]!;
  }

  /**
   * Keeps a node and finds its children, of which those become nodes that are heavy enough. The root comes first.
   *
   * @param least weight of a node
   * @param floor nodes weigh more
   */
  keep(node: number, least: number, floor: number): void {
    this.kept.push(node);
    const callees = this.#callees;
    callees.begin();
    if (node === 0) this.#meetRoots();
    else {
      const end = this.#firstPart[node + 1]!;
      for (let part = this.#firstPart[node]!; part < end; part++) {
        const caller = this.#partNode[part]!;
        this.#meetCallees(this.#partSource[part]!, caller);
        // What sources are below is no node of theirs.
        if (caller !== 0) this.keptParts++;
      }
    }
    for (let callee = 0; callee < callees.length; callee++) {
      const total = callees.total[callee]!;
      const other = callees.other[callee]!;
      const weight = total + other;
      if (weight >= least && weight > floor) this.#make(node, callee);
      else {
        callees.place[callee] = LIGHT;
        this.lightTotal[node]! += total;
        this.lightOther[node]! += other;
      }
    }
    this.#placeParts();
  }

  #meetRoots(): void {
    for (const [at, { tree, under }] of this.#sources.entries()) {
      if (tree.totalOf(0) === 0) continue;
      if (under < 0) this.#meetCallees(at, 0);
      else this.#callees.meet(under, at, 0, tree.totalOf(0), this.#sources[at]!.side === "second");
    }
  }

  #meetCallees(at: number, caller: number): void {
    const { tree, functionOf, side } = this.#sources[at]!;
    const callees = this.#callees;
    const isSecond = side === "second";
    for (let cursor = tree.first(caller); cursor !== 0; cursor = tree.next(cursor)) {
      const node = tree.node(cursor);
      callees.meet(functionOf(node), at, node, tree.total(cursor), isSecond);
    }
  }

  #make(parent: number, callee: number): void {
    const callees = this.#callees;
    const node = this.#length++;
    // There is one more, for the end of the last one's parts.
    if (node + 2 > this.parent.length) this.#growNodes(node * 2);
    this.parent[node] = parent;
    this.function[node] = callees.function[callee]!;
    this.total[node] = callees.total[callee]!;
    this.other[node] = callees.other[callee]!;
    const first = this.#firstPart[node]!;
    callees.place[callee] = first;
    this.#firstPart[node + 1] = first + callees.parts[callee]!;
  }

  /** Puts the source nodes that were met to the nodes that they are part of. */
  #placeParts(): void {
    const { place, partCallee, partSource, partNode, partsLength } = this.#callees;
    const needed = this.#firstPart[this.#length]!;
    if (needed > this.#partNode.length) this.#growParts(Math.max(needed, this.#partNode.length * 2));
    for (let part = 0; part < partsLength; part++) {
      const callee = partCallee[part]!;
      const to = place[callee]!;
      if (to === LIGHT) continue;
      place[callee] = to + 1;
      this.#partSource[to] = partSource[part]!;
      this.#partNode[to] = partNode[part]!;
    }
  }

  #growNodes(capacity: number): void {
    this.parent = longer(this.parent, new Int32Array(capacity));
    this.function = longer(this.function, new Int32Array(capacity));
    this.total = longer(this.total, new Float64Array(capacity));
    this.other = longer(this.other, new Float64Array(capacity));
    this.lightTotal = longer(this.lightTotal, new Float64Array(capacity));
    this.lightOther = longer(this.lightOther, new Float64Array(capacity));
    this.#firstPart = longer(this.#firstPart, new Int32Array(capacity));
  }

  #growParts(capacity: number): void {
    this.#partSource = longer(this.#partSource, new Int32Array(capacity));
    this.#partNode = longer(this.#partNode, new Int32Array(capacity));
  }
}

/** In the place of a callee's parts: they are not kept. */
const LIGHT = -1;

/** So many callees are told apart without a table. */
const FEW = 8;

/** What one node calls, merged by function; and the source nodes that were met, in their order. Serves one node after another. */
class Callees {
  length = 0;
  function = new Int32Array(START);
  total = new Float64Array(START);
  other = new Float64Array(START);
  /** Source nodes by callee. */
  parts = new Int32Array(START);
  /** Where the next of them goes, or `LIGHT`. */
  place = new Int32Array(START);
  partsLength = 0;
  partCallee = new Int32Array(START);
  partSource = new Int32Array(START);
  partNode = new Int32Array(START);
  /** By function: the callee that it is if it was met, or else any number. */
  #calleeOf = new Int32Array(START);

  /** Forgets what was met. */
  begin(): void {
    this.length = 0;
    this.partsLength = 0;
  }

  meet(called: number, source: number, node: number, value: number, isSecond: boolean): void {
    const callee = this.length <= FEW ? this.#findAmongFew(called) : this.#find(called);
    if (isSecond) this.other[callee]! += value;
    else this.total[callee]! += value;
    this.parts[callee]!++;
    const part = this.partsLength++;
    if (part === this.partNode.length) this.#growParts(part * 2);
    this.partCallee[part] = callee;
    this.partSource[part] = source;
    this.partNode[part] = node;
  }

  /** Looks at each: they are in the processor's caches, which all functions aren't. */
  #findAmongFew(called: number): number {
    const { length, function: functions } = this;
    for (let callee = 0; callee < length; callee++) if (functions[callee] === called) return callee;
    this.#add(called);
    if (length === FEW) for (let callee = 0; callee <= length; callee++) this.#note(functions[callee]!, callee);
    return length;
  }

  #find(called: number): number {
    const callee = called < this.#calleeOf.length ? this.#calleeOf[called]! : 0;
    if (callee < this.length && this.function[callee] === called) return callee;
    const added = this.#add(called);
    this.#note(called, added);
    return added;
  }

  #note(called: number, callee: number): void {
    if (called >= this.#calleeOf.length) {
      const capacity = Math.max(this.#calleeOf.length * 2, called + 1);
      this.#calleeOf = longer(this.#calleeOf, new Int32Array(capacity));
    }
    this.#calleeOf[called] = callee;
  }

  #add(called: number): number {
    const callee = this.length++;
    if (callee === this.function.length) this.#grow(callee * 2);
    this.function[callee] = called;
    this.total[callee] = 0;
    this.other[callee] = 0;
    this.parts[callee] = 0;
    return callee;
  }

  #grow(capacity: number): void {
    this.function = longer(this.function, new Int32Array(capacity));
    this.total = longer(this.total, new Float64Array(capacity));
    this.other = longer(this.other, new Float64Array(capacity));
    this.parts = longer(this.parts, new Int32Array(capacity));
    this.place = longer(this.place, new Int32Array(capacity));
  }

  #growParts(capacity: number): void {
    this.partCallee = longer(this.partCallee, new Int32Array(capacity));
    this.partSource = longer(this.partSource, new Int32Array(capacity));
    this.partNode = longer(this.partNode, new Int32Array(capacity));
  }
}

function longer<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
