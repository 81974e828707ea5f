import { decodeText } from "#wire";

/** Of a text that there is no room for. */
export const NO_ROOM = -1;

/**
 * Texts, each once, as UTF-8 in one growing piece of memory; 0 is the empty one. Looked up by their bytes, so that
 * reading a request makes no strings.
 */
export class TextTable {
  readonly #most: number;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 16);
  #used = 0;
  /** Text i is `bytes[ends[i - 1], ends[i])`. */
  #ends: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 12);
  #hashes: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 12);
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 13);
  /** Keeps others from sending texts that all collide. */
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  #length = 1;

  /** @param most bytes of texts and of what it takes to find them */
  constructor(most = Infinity) {
    this.#most = most;
  }

  get length(): number {
    return this.#length;
  }

  /** Share of the bytes that there may be. */
  get load(): number {
    return (this.#used + this.#length * TEXT_BYTES) / this.#most;
  }

  /** Bytes of memory. */
  get size(): number {
    return this.#bytes.length + (this.#ends.length * 2 + this.#slots.length) * 4;
  }

  text(id: number): string {
    return id === 0 ? "" : decodeText(this.#bytes, this.#ends[id - 1]!, this.#ends[id]!);
  }

  /** The number of a text, or `NO_ROOM`. */
  internText(text: string): number {
    const bytes = Buffer.from(text, "utf8");
    return this.intern(bytes, 0, bytes.length);
  }

  /** The number of a text of ours, for which there always is room. */
  ownText(text: string): number {
    const bytes = Buffer.from(text, "utf8");
    return this.intern(bytes, 0, bytes.length, Infinity);
  }

  /** The number here of what another table has under a number. There always is room: what is copied was taken already. */
  internFrom(other: TextTable, id: number): number {
    if (id === 0) return 0;
    return this.intern(other.#bytes, other.#ends[id - 1]!, other.#ends[id]!, Infinity);
  }

  /** Gives a text the next number, also where another has it already: for reading back what was written. */
  append(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    const hash = this.#hash(bytes, 0, bytes.length);
    const id = this.#add(bytes, 0, bytes.length, hash);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = id;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
  }

  /** The number of `bytes[start, end)`, which are copied where they are new, or `NO_ROOM` beyond `most` bytes. */
  intern(bytes: Uint8Array, start: number, end: number, most = this.#most): number {
    if (start === end) return 0;
    const hash = this.#hash(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let id = this.#slots[slot]!; id !== 0; id = this.#slots[slot]!) {
      if (this.#hashes[id] === hash && this.#is(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
    if (this.#used + end - start + (this.#length + 1) * TEXT_BYTES > most) return NO_ROOM;
    const id = this.#add(bytes, start, end, hash);
    this.#slots[slot] = id;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const id = this.#length++;
    if (id === this.#ends.length) {
      this.#ends = grown(this.#ends, nextCapacity(id));
      this.#hashes = grown(this.#hashes, nextCapacity(id));
    }
    const needed = this.#used + end - start;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, nextCapacity(this.#bytes.length)));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes.subarray(start, end), this.#used);
    this.#used = this.#ends[id] = needed;
    this.#hashes[id] = hash;
    return id;
  }

  #is(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes;
    const from = this.#ends[id - 1]!;
    if (this.#ends[id]! - from !== end - start) return false;
    for (let at = start; at < end; at++) if (own[from + at - start] !== bytes[at]) return false;
    return true;
  }

  #hash(bytes: Uint8Array, start: number, end: number): number {
    let hash = this.#seed ^ (end - start);
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x9e3779b1) ^ (hash >>> 15);
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let id = 1; id < this.#length; id++) {
      let slot = this.#hashes[id]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

/** Bytes beside its own that a text takes at most: where it ends, its hash, up to four slots. */
const TEXT_BYTES = 24;

/** From here on tables grow by a quarter: twice as much would leave megabytes empty. */
const LARGE = 1 << 18;

/** The capacity of a full table's next, larger column. */
export function nextCapacity(capacity: number): number {
  return capacity < LARGE ? capacity * 2 : capacity + Math.ceil(capacity / 4);
}

/** A copy with room for `capacity` numbers. */
export function grown(from: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(capacity);
  to.set(from);
  return to;
}
