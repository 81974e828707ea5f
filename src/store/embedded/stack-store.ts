import type { StackNodes } from "../profile-store.ts";
import { HashCache } from "./hash-cache.ts";
import { grown } from "./text-table.ts";

/** Stacks that are remembered whole: 25 MB. */
const REMEMBERED = 1 << 21;

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
  /** Leaves by the hash of all frames of a stack. */
  readonly whole = new HashCache(REMEMBERED);

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
    return (this.parent.length * 2 + this.#slots.length) * 4 + this.whole.size;
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
