import type { FrameTable, StoredFrame } from "../profile-store.ts";
import { HashCache } from "./hash-cache.ts";
import { grown, nextCapacity, NO_ROOM, TextTable } from "./text-table.ts";

/** Numbers of a frame: name, file, line, type, mapping, and the address's halves. */
export const FRAME_WORDS = 7;

/** Frames that are remembered whole: 6 MB. */
const REMEMBERED = 1 << 19;

/** All frames of a store, each once, numbered from 1; 0 is a frame that says nothing. */
export class FrameStore implements FrameTable {
  readonly texts: TextTable;
  readonly #most: number;
  /** Word j of frame i is at `i * FRAME_WORDS + j`. */
  words: Uint32Array<ArrayBuffer> = new Uint32Array(FRAME_WORDS << 10);
  #slots: Uint32Array<ArrayBuffer> = new Uint32Array(1 << 11);
  #length = 1;
  /** Frames by the hash of all that they say. */
  readonly whole = new HashCache(REMEMBERED);
  readonly #file = new LastText();
  readonly #type = new LastText();
  readonly #mapping = new LastText();
  /** Number of the type's text; 0 is not asked for yet. */
  #truncated = 0;

  /**
   * @param most frames at most
   * @param textBytes of their texts at most
   */
  constructor(most = Infinity, textBytes = Infinity) {
    this.#most = most;
    this.texts = new TextTable(textBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Share of the frames that there may be. */
  get load(): number {
    return (this.#length - 1) / this.#most;
  }

  /** Bytes of memory, without the texts. */
  get size(): number {
    return (this.words.length + this.#slots.length) * 4 + this.whole.size;
  }

  at(id: number): StoredFrame {
    const { words, texts } = this;
    const at = id * FRAME_WORDS;
    return {
      name: texts.text(words[at]!),
      file: this.#file.text(texts, words[at + 1]!),
      line: words[at + 2]!,
      type: this.#type.text(texts, words[at + 3]!),
      mapping: this.#mapping.text(texts, words[at + 4]!),
      address: (BigInt(words[at + 6]!) << 32n) | BigInt(words[at + 5]!),
    };
  }

  /** Takes over frames that were read from files; `words` may be longer. */
  restore(words: Uint32Array<ArrayBuffer>, length: number): void {
    this.words = words;
    this.#length = length;
    let slots = 1 << 11;
    while (slots < length * 2) slots *= 2;
    this.#slots = new Uint32Array(slots / 2);
    this.#rehash();
  }

  /** Whether a frame says that its stack is truncated. */
  isTruncated(frame: number): boolean {
    if (this.#truncated === 0) this.#truncated = this.texts.ownText("truncated");
    return this.words[frame * FRAME_WORDS + 3] === this.#truncated;
  }

  /** A frame that marks something: only a name and a type. 0 if there is no room for it. */
  mark(type: "process" | "truncated", name: string): number {
    return this.intern(this.texts.internText(name), 0, 0, this.texts.ownText(type), 0, 0, 0);
  }

  /** A mark with a name of ours, for which there always is room. */
  ownMark(type: "truncated", name: string): number {
    return this.intern(this.texts.ownText(name), 0, 0, this.texts.ownText(type), 0, 0, 0, Infinity);
  }

  /** The number here of what another table has under a number. There always is room: what is copied was taken already. */
  internFrom(other: FrameStore, id: number): number {
    const at = id * FRAME_WORDS;
    const text = (word: number): number => this.texts.internFrom(other.texts, other.words[at + word]!);
    const { words } = other;
    const [line, low, high] = [words[at + 2]!, words[at + 5]!, words[at + 6]!];
    return this.intern(text(0), text(1), line, text(3), text(4), low, high, Infinity);
  }

  /** The number of a frame; 0 if it would be beyond `most`. Texts are numbers of `texts`, or `NO_ROOM`. */
  intern(
    name: number,
    file: number,
    line: number,
    type: number,
    mapping: number,
    addressLow: number,
    addressHigh: number,
    most = this.#most,
  ): number {
    if (name === NO_ROOM || file === NO_ROOM || type === NO_ROOM || mapping === NO_ROOM) return 0;
    if (this.words.length < (this.#length + 1) * FRAME_WORDS) {
      this.words = grown(this.words, nextCapacity(this.#length) * FRAME_WORDS);
    }
    const { words } = this;
    const next = this.#length * FRAME_WORDS;
    // Written where it would be, so that comparing is the same loop as everywhere.
    words[next] = name;
    words[next + 1] = file;
    words[next + 2] = line;
    words[next + 3] = type;
    words[next + 4] = mapping;
    words[next + 5] = addressLow;
    words[next + 6] = addressHigh;
    const mask = this.#slots.length - 1;
    let slot = hashAt(words, next) & mask;
    for (let id = this.#slots[slot]!; id !== 0; id = this.#slots[slot]!) {
      if (isSame(words, id * FRAME_WORDS, next)) return id;
      slot = (slot + 1) & mask;
    }
    if (this.#length > most) return 0;
    const id = this.#length++;
    this.#slots[slot] = id;
    if (this.#length * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let id = 1; id < this.#length; id++) {
      let slot = hashAt(this.words, id * FRAME_WORDS) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

/** The text that was asked for last: of frames that come one after the other, most have the same. */
class LastText {
  #id = 0;
  #text = "";

  text(texts: TextTable, id: number): string {
    if (id !== this.#id) [this.#id, this.#text] = [id, texts.text(id)];
    return this.#text;
  }
}

function isSame(words: Uint32Array, a: number, b: number): boolean {
  for (let word = 0; word < FRAME_WORDS; word++) if (words[a + word] !== words[b + word]) return false;
  return true;
}

function hashAt(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let word = 0; word < FRAME_WORDS; word++) {
    hash = Math.imul(hash ^ words[at + word]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca77);
  return hash ^ (hash >>> 13);
}
