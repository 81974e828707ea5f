import type { FrameTable, StackNodes, StoredFrame } from "../profile-store.ts";

/**
 * All stacks of a store as paths of one tree, each path once; callers are numbered ahead of what they call, the root is
 * 0. Frames are interned by everything they show.
 */
export class StackTrie implements StackNodes, FrameTable {
  parent = new Uint32Array(1024);
  frame = new Uint32Array(1024);
  /** The child of the root that a node is below of: its process; or the mark of truncation below that. 0 for the root. */
  top = new Uint32Array(1024);
  readonly #frames: StoredFrame[] = [];
  readonly #frameNumbers = new Map<string, number>();
  /** Node by hash of parent and frame; 0 is a free slot, for the root is nobody's child. */
  #slots = new Uint32Array(4096);
  #length = 1;

  get length(): number {
    return this.#length;
  }

  at(index: number): StoredFrame {
    return this.#frames[index]!;
  }

  isMarked(node: number): boolean {
    return this.parent[this.top[node]!] !== 0;
  }

  intern(frame: StoredFrame): number {
    const { name, file, line, type, mapping, address } = frame;
    const key = `${name}\n${file}\n${line}\n${type}\n${mapping}\n${address}`;
    let number = this.#frameNumbers.get(key);
    if (number === undefined) {
      number = this.#frames.push(frame) - 1;
      this.#frameNumbers.set(key, number);
    }
    return number;
  }

  /** The node of a frame called by that node, which is appended where it is new. */
  child(parent: number, frame: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(parent, frame) & mask;
    for (let node = this.#slots[slot]!; node !== 0; node = this.#slots[slot]!) {
      if (this.frame[node] === frame && this.parent[node] === parent) return node;
      slot = (slot + 1) & mask;
    }
    if (this.#length === this.frame.length) this.#grow();
    const node = this.#length++;
    this.frame[node] = frame;
    this.parent[node] = parent;
    const isMark = parent !== 0 && this.parent[parent] === 0 && this.at(frame).type === "truncated";
    this.top[node] = parent === 0 || isMark ? node : this.top[parent]!;
    this.#insert(node);
    return node;
  }

  #grow(): void {
    const capacity = this.#length * 2;
    const grown = (from: Uint32Array): Uint32Array<ArrayBuffer> => {
      const to = new Uint32Array(capacity);
      to.set(from);
      return to;
    };
    this.frame = grown(this.frame);
    this.parent = grown(this.parent);
    this.top = grown(this.top);
    this.#slots = new Uint32Array(capacity * 4);
    for (let node = 1; node < this.#length; node++) this.#insert(node);
  }

  #insert(node: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(this.parent[node]!, this.frame[node]!) & mask;
    while (this.#slots[slot] !== 0) {
      if (this.#slots[slot] === node) return;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = node;
  }
}

/** Both numbers are ours, dense and small, so nobody can make them collide on purpose. */
function hash(parent: number, frame: number): number {
  let mixed = Math.imul(parent ^ Math.imul(frame, 0x9e3779b1), 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
  return mixed ^ (mixed >>> 13);
}
