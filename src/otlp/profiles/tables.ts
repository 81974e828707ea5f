import { decodeText } from "#wire";
import { nextCapacity } from "./columns.ts";
import { hashBytes } from "./intern-index.ts";

/** Entries of one table at most, in all profiles together; far above any real request. */
export const MAX_TABLE_ENTRIES = 4 << 20;

const NO_OFFSETS = new Int32Array(0);

/**
 * Byte strings by index. Those found in the request stay there and are two integers each; others are held. Grows by
 * `addRange` and `add` until the model is handed out.
 */
export class ByteTable {
  #source: Uint8Array;
  #starts = NO_OFFSETS;
  #ends = NO_OFFSETS;
  /** Entries that are not in `source`: their start is -1, their end the position in here. */
  #held: Uint8Array[] | undefined;
  #length = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  /** What ranges refer to. */
  get source(): Uint8Array {
    return this.#source;
  }

  /** Bytes of memory, without those of entries that are held. */
  get memoryBytes(): number {
    return this.#starts.byteLength + this.#ends.byteLength;
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

  /** Where the entry starts in `source`; -1 for entries that are not in it. */
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
    if (bytes.length === 0) return this.addRange(0, 0);
    this.#held ??= [];
    this.#held.push(bytes);
    return this.addRange(-1, this.#held.length - 1);
  }

  /** Adds an entry of another table. */
  addFrom(other: ByteTable, index: number): number {
    const start = other.start(index);
    if (start >= 0 && other.source === this.#source) return this.addRange(start, start + other.size(index));
    return this.add(other.bytes(index));
  }

  /** Makes an entry empty. */
  clear(index: number): void {
    this.#starts[index] = 0;
    this.#ends[index] = 0;
  }

  /** Forgets all entries, to be filled anew. */
  reset(source: Uint8Array = this.#source): void {
    this.#source = source;
    this.#length = 0;
    this.#held = undefined;
  }

  /** Takes back the last entry. */
  pop(): void {
    this.#length--;
    if (this.#starts[this.#length]! < 0) this.#held!.pop();
  }

  hash(index: number): number {
    const start = this.#starts[index]!;
    const end = this.#ends[index]!;
    if (start >= 0) return hashBytes(this.#source, start, end);
    const held = this.#held![end]!;
    return hashBytes(held, 0, held.length);
  }

  same(a: number, b: number): boolean {
    const size = this.size(a);
    if (size !== this.size(b)) return false;
    const left = this.#starts[a]! < 0 ? this.#held![this.#ends[a]!]! : this.#source;
    const right = this.#starts[b]! < 0 ? this.#held![this.#ends[b]!]! : this.#source;
    const from = Math.max(0, this.#starts[a]!);
    const to = Math.max(0, this.#starts[b]!);
    for (let at = 0; at < size; at++) if (left[from + at] !== right[to + at]) return false;
    return true;
  }

  #grow(): void {
    const starts = new Int32Array(nextCapacity(this.#starts.length, 0));
    const ends = new Int32Array(starts.length);
    starts.set(this.#starts);
    ends.set(this.#ends);
    this.#starts = starts;
    this.#ends = ends;
  }
}

/** Strings by index, decoded when first asked for. */
export class StringTable extends ByteTable {
  readonly #texts: (string | undefined)[] = [];

  override reset(source?: Uint8Array): void {
    super.reset(source);
    this.#texts.length = 0;
  }

  /** The text of an entry, invalid UTF-8 as U+FFFD; empty for an index outside of the table. */
  text(index: number): string {
    let text = this.#texts[index];
    if (text !== undefined) return text;
    const bytes = this.bytes(index);
    text = decodeText(bytes, 0, bytes.length);
    if (index >= 0 && index < this.length) this.#texts[index] = text;
    return text;
  }
}

const EMPTY = new Uint8Array(0);
