import { decodeText } from "#wire";

/** Entries of one table at most, in all profiles together; far above any real request. */
export const MAX_TABLE_ENTRIES = 4 << 20;

/**
 * Byte strings by index. Those found in the request stay there and are two integers each; others are held. Entry 0 is
 * empty. Grows by `addRange` and `add` until the model is handed out.
 */
export class ByteTable {
  readonly #source: Uint8Array;
  #starts = new Int32Array(16);
  #ends = new Int32Array(16);
  #held: Uint8Array[] | undefined;
  #length = 1;

  /** @param source the request that ranges refer to */
  constructor(source: Uint8Array) {
    this.#source = source;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes of an entry: a view, not a copy. Empty for an index outside of the table. */
  bytes(index: number): Uint8Array {
    if (!(index >= 0 && index < this.#length)) return EMPTY;
    const start = this.#starts[index]!;
    const end = this.#ends[index]!;
    return start < 0 ? this.#held![end]! : this.#source.subarray(start, end);
  }

  /** How many bytes an entry has, without making a view of them. */
  size(index: number): number {
    if (!(index >= 0 && index < this.#length)) return 0;
    const start = this.#starts[index]!;
    const end = this.#ends[index]!;
    return start < 0 ? this.#held![end]!.length : end - start;
  }

  /** Where the entry starts in the request; -1 for entries that are held apart from it. */
  start(index: number): number {
    return index >= 0 && index < this.#length ? this.#starts[index]! : -1;
  }

  /** Adds `source[start, end)` and returns its index. */
  addRange(start: number, end: number): number {
    const at = this.#length++;
    if (at === this.#starts.length) this.#grow();
    this.#starts[at] = start;
    this.#ends[at] = end;
    return at;
  }

  /** Adds bytes from elsewhere, which must not change any more. */
  add(bytes: Uint8Array): number {
    this.#held ??= [];
    this.#held.push(bytes);
    return this.addRange(-1, this.#held.length - 1);
  }

  #grow(): void {
    const starts = new Int32Array(this.#starts.length * 2);
    const ends = new Int32Array(starts.length);
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }
}

/** Strings by index, decoded when first asked for. Entry 0 is empty text. */
export class StringTable extends ByteTable {
  readonly #texts: (string | undefined)[] = [""];

  /** The text of an entry, invalid UTF-8 as U+FFFD; empty for an index outside of the table. */
  text(index: number): string {
    let text = this.#texts[index];
    if (text !== undefined) return text;
    const bytes = this.bytes(index);
    text = decodeText(bytes, 0, bytes.length);
    if (index > 0 && index < this.length) this.#texts[index] = text;
    return text;
  }

  /** Adds a text and returns its index; the same text twice gives two entries (see `ModelBuilder.string`). */
  addText(text: string): number {
    const index = this.add(encoder.encode(text));
    this.#texts[index] = text;
    return index;
  }
}

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
