import type { StackNodes } from "../profile-store.ts";
import { HashCache } from "./hash-cache.ts";
import { grown, nextCapacity } from "./text-table.ts";

/** Stacks that are remembered whole: 25 MB. */
const REMEMBERED = 1 << 21;
/** Children that are found by going through them; further ones are hashed. */
const MAX_LISTED = 4;
/** In what is held of a node: how many of its children are listed, and that its stack is marked as truncated. */
const LISTED = 0x0f;
const MARKED = 0x80;
/** Share of the slots that may be taken. */
const MAX_LOAD = 0.7;
const FIRST_SLOTS = 1 << 12;
const FIRST_NODES = 1 << 12;

/**
 * All stacks of a store as paths of one tree, each path once; callers are numbered ahead of what they call, and 0 is the
 * root. Numbers stay below 2^31: above it other Parquet readers misread what DuckDB writes.
 *
 * Most nodes have one child, made right after them. Those are lists, so that a new stack is written to memory that lies
 * together; what many callers share is hashed. Whole stacks are remembered by a hash of their frames, since one look-up is
 * much cheaper than one a frame.
 */
export class StackStore implements StackNodes {
  parent: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_NODES);
  frame: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_NODES);
  /** Of node i: its first child at 2i, its next sibling behind it. */
  #links: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_NODES * 2);
  #flags: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_NODES);
  /** Nodes that are not listed, by parent and frame. */
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_SLOTS);
  #hashed = 0;
  #length = 1;
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
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= this.#most;
  }

  /** Bytes of memory. */
  get size(): number {
    return this.parent.length * 17 + this.#slots.byteLength + this.whole.size;
  }

  /** Takes over nodes that were read from files; the columns may be longer. */
  restore(parent: Uint32Array<ArrayBuffer>, frame: Uint32Array<ArrayBuffer>, length: number): void {
    this.parent = parent;
    this.frame = frame;
    this.#links = new Uint32Array(parent.length * 2);
    this.#flags = new Uint8Array(parent.length);
    this.#slots = new Uint32Array(FIRST_SLOTS);
    this.#hashed = 0;
    this.#length = length;
    for (let node = 1; node < length; node++) this.#insert(node);
  }

  /** The node of a frame called by that node; 0 where it is new and there is no room. */
  child(parent: number, frame: number): number {
    const { frame: frames } = this;
    const links = this.#links;
    for (let node = links[parent * 2]!; node !== 0; node = links[node * 2 + 1]!) {
      if (frames[node] === frame) return node;
    }
    if ((this.#flags[parent]! & LISTED) === MAX_LISTED) {
      const slots = this.#slots;
      const mask = slots.length - 1;
      let slot = hash(parent, frame) & mask;
      for (let node = slots[slot]!; node !== 0; node = slots[slot]!) {
        if (frames[node] === frame && this.parent[node] === parent) return node;
        slot = (slot + 1) & mask;
      }
    }
    if (this.isFull) return 0;
    const node = this.#length++;
    if (node === this.parent.length) this.#grow();
    this.parent[node] = parent;
    this.frame[node] = frame;
    this.#insert(node);
    return node;
  }

  /** Whether the stack of a node is marked as truncated. */
  isMarked(node: number): boolean {
    return (this.#flags[node]! & MARKED) !== 0;
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

  #grow(): void {
    const capacity = Math.min(nextCapacity(this.parent.length), this.#most + 1);
    this.parent = grown(this.parent, capacity);
    this.frame = grown(this.frame, capacity);
    this.#links = grown(this.#links, capacity * 2);
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
  }

  #insert(node: number): void {
    const parent = this.parent[node]!;
    const flags = this.#flags;
    if (parent !== 0) {
      const isMarked = this.parent[parent] === 0 ? this.#isMark(this.frame[node]!) : (flags[parent]! & MARKED) !== 0;
      if (isMarked) flags[node]! |= MARKED;
    }
    if ((flags[parent]! & LISTED) < MAX_LISTED) {
      flags[parent]!++;
      this.#links[node * 2 + 1] = this.#links[parent * 2]!;
      this.#links[parent * 2] = node;
      return;
    }
    if (++this.#hashed > this.#slots.length * MAX_LOAD) this.#rehash();
    this.#hash(node);
  }

  #rehash(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (const node of old) if (node !== 0) this.#hash(node);
  }

  #hash(node: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(this.parent[node]!, this.frame[node]!) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = node;
  }
}

/** Both numbers are ours, dense and small, so nobody can make them collide on purpose. */
function hash(parent: number, frame: number): number {
  let mixed = Math.imul(parent ^ Math.imul(frame, 0x9e3779b1), 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
  return mixed ^ (mixed >>> 13);
}
