import { FrameTable, type StringBlock } from "../flame/index.ts";

/** Words of a frame: name, file, mapping, type (texts by number) and line. */
const WORDS = 5;

/** Tells frames apart by their texts' numbers and numbers them as they come. */
export class FrameInterner {
  #words = new Uint32Array(1024 * WORDS);
  /** Number + 1 by hash; 0 is free. At most half are taken. */
  #slots = new Int32Array(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  intern(name: number, file: number, mapping: number, type: number, line: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(name, file, mapping, type, line) & mask;
    for (let known = this.#slots[slot]! - 1; known >= 0; known = this.#slots[slot]! - 1) {
      const at = known * WORDS;
      const words = this.#words;
      if (
        words[at] === name &&
        words[at + 1] === file &&
        words[at + 2] === mapping &&
        words[at + 3] === type &&
        words[at + 4] === line
      ) {
        return known;
      }
      slot = (slot + 1) & mask;
    }
    const number = this.#length++;
    if (this.#length * WORDS > this.#words.length) {
      const words = new Uint32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
    }
    this.#words.set([name, file, mapping, type, line], number * WORDS);
    this.#slots[slot] = number + 1;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
    return number;
  }

  /** The frames, with the texts that their numbers are of. */
  finish(strings: StringBlock): FrameTable {
    const column = (word: number): Uint32Array =>
      Uint32Array.from({ length: this.#length }, (_, frame) => this.#words[frame * WORDS + word]!);
    return new FrameTable({
      strings,
      name: column(0),
      file: column(1),
      mapping: column(2),
      type: column(3),
      line: column(4),
    });
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#length; number++) {
      const at = number * WORDS;
      const words = this.#words;
      let slot = hash(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, words[at + 4]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function hash(name: number, file: number, mapping: number, type: number, line: number): number {
  let mixed = Math.imul(name, 0x9e3779b1) ^ Math.imul(file + 1, 0x85ebca77) ^ Math.imul(line + 1, 0xc2b2ae3d);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ Math.imul(mapping, 31) ^ (type << 7), 0x27d4eb2f);
  return mixed ^ (mixed >>> 13);
}
