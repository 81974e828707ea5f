import { StringBlock } from "../flame/index.ts";

/** Tells distinct byte strings apart and numbers them as they come. Nothing becomes a string of JavaScript. */
export class ByteInterner {
  #bytes = new Uint8Array(64 << 10);
  #offsets = new Uint32Array(1024);
  #hashes = new Int32Array(1024);
  /** Number + 1 by hash; 0 is free. At most half are taken. */
  #slots = new Int32Array(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The number of `from[start, end)`. */
  intern(from: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ from[at]!, 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let known = this.#slots[slot]! - 1; known >= 0; known = this.#slots[slot]! - 1) {
      if (this.#hashes[known] === hash && this.#equals(known, from, start, end)) return known;
      slot = (slot + 1) & mask;
    }
    return this.#add(from, start, end, hash, slot);
  }

  finish(): StringBlock {
    return new StringBlock(this.#bytes.slice(0, this.#offsets[this.#length]), this.#offsets.slice(0, this.#length + 1));
  }

  #equals(known: number, from: Uint8Array, start: number, end: number): boolean {
    const first = this.#offsets[known]!;
    if (this.#offsets[known + 1]! - first !== end - start) return false;
    for (let at = 0; at < end - start; at++) if (this.#bytes[first + at] !== from[start + at]) return false;
    return true;
  }

  #add(from: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const number = this.#length++;
    if (this.#length + 1 > this.#offsets.length) {
      const offsets = new Uint32Array(this.#offsets.length * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
      const hashes = new Int32Array(this.#hashes.length * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    const first = this.#offsets[number]!;
    const last = first + end - start;
    if (last > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(last, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    // Names are short: a loop beats a view and its copy.
    for (let at = start; at < end; at++) this.#bytes[first + at - start] = from[at]!;
    this.#offsets[number + 1] = last;
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
    return number;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#length; number++) {
      let slot = this.#hashes[number]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}
