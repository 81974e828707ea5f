import type { StackSource } from "./stack-source.ts";
import { StackTree } from "./stack-tree.ts";

/** A tree that is made path by path, each path once: for callers of a function, who stand the other way round. */
export class CallerTree {
  #parent = new Int32Array(1024);
  #function = new Int32Array(1024);
  #value = new Float64Array(1024);
  #slots = new Int32Array(4096);
  #length = 1;

  /** The node of a function below another one, which is appended where it is new. */
  child(parent: number, called: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(parent, called) & mask;
    for (let node = this.#slots[slot]!; node !== 0; node = this.#slots[slot]!) {
      if (this.#function[node] === called && this.#parent[node] === parent) return node;
      slot = (slot + 1) & mask;
    }
    const node = this.#length++;
    if (node === this.#parent.length) this.#grow();
    this.#function[node] = called;
    this.#parent[node] = parent;
    if (node * 2 > mask) this.#rehash();
    else this.#slots[slot] = node;
    return node;
  }

  add(node: number, value: number): void {
    this.#value[node]! += value;
  }

  /** What was added, as a source. Not to be used afterwards. */
  source(): StackSource {
    const called = this.#function;
    const values = this.#value.subarray(0, this.#length);
    const tree = StackTree.of({ parent: this.#parent, length: this.#length }, Uint32Array.from(values.keys()), values);
    return { tree, side: "first", under: -1, functionOf: (node) => called[node]! };
  }

  #grow(): void {
    const capacity = this.#parent.length * 2;
    const [parent, called, value] = [this.#parent, this.#function, this.#value];
    (this.#parent = new Int32Array(capacity)).set(parent);
    (this.#function = new Int32Array(capacity)).set(called);
    (this.#value = new Float64Array(capacity)).set(value);
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let node = 1; node < this.#length; node++) {
      let slot = hash(this.#parent[node]!, this.#function[node]!) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = node;
    }
  }
}

/** Both numbers are ours, dense and small, so nobody can make them collide on purpose. */
function hash(parent: number, called: number): number {
  let mixed = Math.imul(parent ^ Math.imul(called, 0x9e3779b1), 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae3d);
  return mixed ^ (mixed >>> 13);
}
