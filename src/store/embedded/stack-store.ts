import type { StackNodes } from "../profile-store.ts";
import { grown } from "./text-table.ts";

/** Entries looked at before one of them has to go. */
const WAYS = 4;
/** Words of an entry of the cache: two halves of the hash, the leaf. */
const ENTRY = 3;
const FIRST_CACHE = 1 << 14;
/** 2 million stacks, 25 MB. */
const MAX_CACHE = 1 << 21;

/**
 * All stacks of a store as paths of one tree, each path once; callers are numbered ahead of what they call, and 0 is the
 * root. Numbers stay below 2^31: above it other Parquet readers misread what DuckDB writes.
 *
 * Whole stacks are remembered by a hash of their frames, since one look-up is much cheaper than one a frame.
 */
export class StackStore implements StackNodes {
  parent: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 12);
  frame: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 12);
  readonly #most: number;
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 13);
  #length = 1;
  #cache: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_CACHE * ENTRY);
  #cached = 0;

  /** @param most nodes at most */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= this.#most;
  }

  /** Bytes of memory. */
  get size(): number {
    return (this.parent.length * 2 + this.#slots.length + this.#cache.length) * 4;
  }

  /** Takes over nodes that were read from files; the columns may be longer. */
  restore(parent: Uint32Array<ArrayBuffer>, frame: Uint32Array<ArrayBuffer>, length: number): void {
    this.parent = parent;
    this.frame = frame;
    this.#length = length;
    let slots = 1 << 13;
    while (slots < length * 2) slots *= 2;
    this.#slots = new Uint32Array(slots);
    for (let node = 1; node < length; node++) this.#insert(node);
  }

  /** The node of a frame called by that node; 0 where it is new and there is no room. */
  child(parent: number, frame: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const { parent: parents, frame: frames } = this;
    let slot = hash(parent, frame) & mask;
    for (let node = slots[slot]!; node !== 0; node = slots[slot]!) {
      if (frames[node] === frame && parents[node] === parent) return node;
      slot = (slot + 1) & mask;
    }
    if (this.isFull) return 0;
    const node = this.#length++;
    if (node === parents.length) {
      const capacity = Math.min(node * 2, this.#most + 1);
      this.parent = grown(parents, capacity);
      this.frame = grown(frames, capacity);
    }
    this.parent[node] = parent;
    this.frame[node] = frame;
    slots[slot] = node;
    if (this.#length * 2 > slots.length) {
      this.#slots = new Uint32Array(slots.length * 2);
      for (let at = 1; at < this.#length; at++) this.#insert(at);
    }
    return node;
  }

  /** The leaf of a stack seen before; 0 if it isn't known. */
  remembered(low: number, high: number): number {
    const cache = this.#cache;
    let at = this.#setOf(low);
    for (let way = 0; way < WAYS; way++, at += ENTRY) {
      if (cache[at] === low && cache[at + 1] === high) return cache[at + 2]!;
    }
    return 0;
  }

  /** The halves are unsigned. */
  remember(low: number, high: number, leaf: number): void {
    if (++this.#cached * 2 > this.#cache.length / ENTRY && this.#cache.length < MAX_CACHE * ENTRY) this.#growCache();
    this.#put(low, high, leaf);
  }

  #put(low: number, high: number, leaf: number): void {
    const cache = this.#cache;
    const set = this.#setOf(low);
    let at = set;
    while (at < set + WAYS * ENTRY && cache[at + 2] !== 0) at += ENTRY;
    // A full set loses one of its stacks, which is walked the next time.
    if (at === set + WAYS * ENTRY) at = set + (high % WAYS) * ENTRY;
    cache[at] = low;
    cache[at + 1] = high;
    cache[at + 2] = leaf;
  }

  #growCache(): void {
    const old = this.#cache;
    this.#cache = new Uint32Array(old.length * 4);
    for (let at = 0; at < old.length; at += ENTRY) {
      if (old[at + 2] !== 0) this.#put(old[at]!, old[at + 1]!, old[at + 2]!);
    }
  }

  #setOf(low: number): number {
    return (low & (this.#cache.length / ENTRY / WAYS - 1)) * WAYS * ENTRY;
  }

  #insert(node: number): void {
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
