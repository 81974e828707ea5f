import { IntList } from "#wire";
import type { StackNodes } from "../profile-store.ts";
import { FreeNodes } from "./free-nodes.ts";
import { HashCache } from "./hash-cache.ts";
import { grown, nextCapacity } from "./text-table.ts";

/** Stacks that are remembered whole: 13 MB. */
const REMEMBERED = 1 << 20;
/** Share of the slots that may be taken. */
const MAX_LOAD = 0.8;
const FIRST_SLOTS = 1 << 12;
/** About 1 ms. */
const NODES_A_STEP = 1 << 14;
/** Nodes that there is address space for from the start. Memory is taken when they are written, and never copied. */
const RESERVED = 1 << 24;

/**
 * All stacks of a store as paths of one tree, each path once; callers are numbered ahead of what they call, and 0 is the
 * root. Numbers stay below 2^31: above it other Parquet readers misread what DuckDB writes.
 *
 * Most nodes have one child, made right after them and so numbered next: those need no index, and a new stack is written to
 * memory that lies together. All others are hashed by parent and frame. Whole stacks are remembered by a hash of their
 * frames, since one look-up is much cheaper than one a frame.
 */
export class StackStore implements StackNodes {
  parent: Uint32Array<ArrayBuffer>;
  /** 0 where a number stands for nothing. */
  frame: Uint32Array<ArrayBuffer>;
  /** A bit a node: its stack is marked as truncated. */
  #marked: Uint32Array<ArrayBuffer>;
  /** Nodes whose number doesn't follow their parent's, by parent and frame. */
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_SLOTS);
  #hashed = 0;
  #length = 1;
  #free: FreeNodes;
  /** Keeps reads that are made for their effect on the processor's cache from being optimized away. */
  touched = 0;
  /** Numbers that were free and stand for nodes since, in that order. */
  readonly reused = new IntList();
  readonly #most: number;
  readonly #isMark: (frame: number) => boolean;
  /** Leaves by the hash of all frames of a stack. */
  readonly whole = new HashCache(REMEMBERED);

  /**
   * @param most nodes at most
   * @param isMark whether a frame right below a process says that the stack is truncated
   */
  constructor(most: number, isMark: (frame: number) => boolean) {
    this.#most = most;
    this.#isMark = isMark;
    this.#free = new FreeNodes(most + 1);
    const capacity = Math.min(most, RESERVED) + 1;
    this.parent = new Uint32Array(capacity);
    this.frame = new Uint32Array(capacity);
    this.#marked = new Uint32Array(wordsOf(capacity));
  }

  /** The first number that was never used. */
  get length(): number {
    return this.#length;
  }

  /** Numbers that stand for a node. */
  get used(): number {
    return this.#length - 1 - this.#free.length;
  }

  /** Share of the nodes that there may be. */
  get load(): number {
    return this.used / this.#most;
  }

  /** Bytes of memory. */
  get size(): number {
    return Math.ceil(this.#length * 8.125) + this.#slots.byteLength + this.whole.size;
  }

  /** Makes room for numbers below `length`, free until `set` gives them a meaning; `index` is to be called then. */
  reserve(length: number): void {
    this.#grow(length);
    this.#length = Math.max(this.#length, length);
  }

  /** Gives a number below `length` its meaning. */
  set(node: number, parent: number, frame: number): void {
    this.parent[node] = parent;
    this.frame[node] = frame;
  }

  /** Makes what was `set` be found, some thousand nodes a step. To be run once, before any question about children. */
  *index(): Generator<void> {
    const { parent, frame } = this;
    const length = this.#length;
    // There may be more than are allowed now.
    this.#free = new FreeNodes(Math.max(this.#most + 1, length));
    let hashed = 0;
    for (let node = 1; node < length; node++) if (frame[node] !== 0 && parent[node] !== node - 1) hashed++;
    this.#slots = new Uint32Array(Math.max(FIRST_SLOTS, Math.ceil((hashed / MAX_LOAD) * 1.25)));
    for (let node = 1; node < length; node++) {
      if (frame[node] === 0) this.#free.add(node);
      else this.#insert(node);
      if (node % NODES_A_STEP === 0) yield;
    }
  }

  /** Gives a number that stands for nothing its meaning. */
  add(node: number, parent: number, frame: number): void {
    if (node < this.#length) {
      this.#free.remove(node);
      this.reused.push(node);
    } else {
      for (let between = this.#length; between < node; between++) this.#free.add(between);
      this.reserve(node + 1);
    }
    this.set(node, parent, frame);
    this.#insert(node);
  }

  /** The node of a frame called by that node, made where it is new; 0 where there is no room for it. */
  child(parent: number, frame: number): number {
    return this.#find(parent, frame) || this.#make(parent, frame);
  }

  /**
   * Follows some dozen paths at once as far as they are known, each a step further in turn: like `HashCache.getAll`, so that
   * the memory of all is asked for before one is looked at.
   *
   * @param frames of all paths, the outermost first
   * @param positions in it where the frames of each path begin; those of the first that isn't known, afterwards
   * @param ends in it where they end
   * @param nodes where each path begins; where it ends, afterwards
   */
  follow(frames: Int32Array, positions: Int32Array, ends: Int32Array, nodes: Int32Array, count: number): void {
    const { parent: parents, frame: known } = this;
    const slots = this.#slots;
    const going = new Int32Array(count);
    let left = 0;
    for (let path = 0; path < count; path++) if (positions[path]! < ends[path]!) going[left++] = path;
    while (left > 0) {
      const all = left;
      let touched = 0;
      for (let at = 0; at < all; at++) {
        const node = nodes[going[at]!]!;
        const slot = this.#slotOf(node, frames[positions[going[at]!]!]!);
        touched ^= known[node + 1]! ^ parents[node + 1]! ^ slots[slot]!;
      }
      for (let at = 0; at < all; at++) {
        const node = slots[this.#slotOf(nodes[going[at]!]!, frames[positions[going[at]!]!]!)]!;
        touched ^= known[node]! ^ parents[node]!;
      }
      this.touched ^= touched;
      left = 0;
      for (let at = 0; at < all; at++) {
        const path = going[at]!;
        const node = this.#find(nodes[path]!, frames[positions[path]!]!);
        if (node === 0) continue;
        nodes[path] = node;
        positions[path]!++;
        if (positions[path]! < ends[path]!) going[left++] = path;
      }
    }
  }

  /** Whether the stack of a node is marked as truncated. */
  isMarked(node: number): boolean {
    return (this.#marked[node >>> 5]! & (1 << (node & 31))) !== 0;
  }

  /** The process that the stack of a node begins with, or the mark below it that says that it's truncated. */
  outermost(node: number): number {
    const { parent } = this;
    const end = this.isMarked(node) ? 2 : 1;
    let [outer, above] = [node, node];
    for (let level = 1; parent[above] !== 0; level++) {
      above = parent[above]!;
      if (level >= end) outer = parent[outer]!;
    }
    return outer;
  }

  /** The node of a frame called by that node; 0 where there is none. */
  #find(parent: number, frame: number): number {
    const { parent: parents, frame: frames } = this;
    if (frames[parent + 1] === frame && parents[parent + 1] === parent) return parent + 1;
    const slots = this.#slots;
    let slot = this.#slotOf(parent, frame);
    for (let node = slots[slot]!; node !== 0; node = slots[slot]!) {
      if (frames[node] === frame && parents[node] === parent) return node;
      if (++slot === slots.length) slot = 0;
    }
    return 0;
  }

  #make(parent: number, frame: number): number {
    let node = this.#free.take(parent);
    if (node === 0) {
      if (this.#length > this.#most) return 0;
      node = this.#length;
      this.reserve(node + 1);
    } else this.reused.push(node);
    this.set(node, parent, frame);
    this.#insert(node);
    return node;
  }

  #grow(length: number): void {
    if (length <= this.parent.length) return;
    const capacity = Math.max(length, nextCapacity(this.parent.length));
    this.parent = grown(this.parent, capacity);
    this.frame = grown(this.frame, capacity);
    this.#marked = grown(this.#marked, wordsOf(capacity));
  }

  #insert(node: number): void {
    const parent = this.parent[node]!;
    if (parent !== 0) {
      const isMarked = this.parent[parent] === 0 ? this.#isMark(this.frame[node]!) : this.isMarked(parent);
      const bit = 1 << (node & 31);
      if (isMarked) this.#marked[node >>> 5]! |= bit;
      else this.#marked[node >>> 5]! &= ~bit;
    }
    if (parent === node - 1) return;
    if (++this.#hashed > this.#slots.length * MAX_LOAD) this.#rehash();
    this.#hash(node);
  }

  #rehash(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(Math.ceil(old.length * 1.5));
    for (const node of old) if (node !== 0) this.#hash(node);
  }

  #hash(node: number): void {
    const slots = this.#slots;
    let slot = this.#slotOf(this.parent[node]!, this.frame[node]!);
    while (slots[slot] !== 0) if (++slot === slots.length) slot = 0;
    slots[slot] = node;
  }

  /** Both numbers are ours, dense and small, so nobody can make them collide on purpose. */
  #slotOf(parent: number, frame: number): number {
    let mixed = Math.imul(parent ^ Math.imul(frame, 0x9e3779b1), 0x85ebca77);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
    // The hash's share of 2^32, of the slots: their number needn't be a power of two.
    return Math.floor(((mixed ^ (mixed >>> 13)) >>> 0) * (this.#slots.length / 2 ** 32));
  }
}

/** Words that have a bit for each. */
function wordsOf(bits: number): number {
  return (bits + 31) >>> 5;
}
