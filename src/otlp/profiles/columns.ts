import { ParseError } from "#wire";
import type { IndexLists } from "./model.ts";

/** Growing columns of tables. Each hands out a view of what it holds; growing later leaves the view behind. */

/** Halves of 64-bit numbers are stored as the machine stores them; there is no big-endian Node. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
if (!LITTLE_ENDIAN) throw new Error("profiles need a little-endian machine");

export class Int32Column {
  values: Int32Array;
  length = 0;

  constructor(capacity = 16) {
    this.values = new Int32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.values.length) this.values = grown(this.values, new Int32Array(this.length * 2));
    this.values[this.length++] = value;
  }

  view(): Int32Array {
    return this.values.subarray(0, this.length);
  }
}

export class Uint8Column {
  values: Uint8Array;
  length = 0;

  constructor(capacity = 16) {
    this.values = new Uint8Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.values.length) this.values = grown(this.values, new Uint8Array(this.length * 2));
    this.values[this.length++] = value;
  }

  view(): Uint8Array {
    return this.values.subarray(0, this.length);
  }
}

/** 64-bit numbers as halves; signed or unsigned is the reader's choice. */
export class Int64Column {
  /** Low half of entry i at 2i, high half behind it. */
  halves: Int32Array;
  length = 0;

  constructor(capacity = 16) {
    this.halves = new Int32Array(capacity * 2);
  }

  push(low: number, high: number): void {
    const at = this.length++ * 2;
    if (at === this.halves.length) this.halves = grown(this.halves, new Int32Array(at * 2));
    this.halves[at] = low;
    this.halves[at + 1] = high;
  }

  pushBig(value: bigint): void {
    this.push(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Appends packed little-endian numbers. Their count must be whole. */
  pushFixed(bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const needed = this.length * 2 + (size >>> 2);
    if (needed > this.halves.length) {
      this.halves = grown(this.halves, new Int32Array(Math.max(needed, this.halves.length * 2)));
    }
    if (size <= 64) {
      // Views cost more than a few numbers do.
      let to = this.length * 2;
      for (let at = start; at < end; at += 4) {
        this.halves[to++] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      }
    } else new Uint8Array(this.halves.buffer, this.length * 8, size).set(bytes.subarray(start, end));
    this.length += size >>> 3;
  }

  signed(): BigInt64Array {
    return new BigInt64Array(this.halves.buffer, 0, this.length);
  }

  unsigned(): BigUint64Array {
    return new BigUint64Array(this.halves.buffer, 0, this.length);
  }
}

/** Lists of indexes: push values, then `close` the list. */
export class ListColumn {
  readonly offsets = new Int32Column();
  readonly values = new Int32Column();

  constructor() {
    this.offsets.push(0);
  }

  get length(): number {
    return this.offsets.length - 1;
  }

  close(): void {
    this.offsets.push(this.values.length);
  }

  pushAll(values: ArrayLike<number> | undefined): void {
    if (values) for (let at = 0; at < values.length; at++) this.values.push(values[at]!);
  }

  /** Appends the values of a list, each by its new index. */
  pushMapped({ offsets, values }: IndexLists, list: number, map: Int32Array): void {
    const end = offsets[list + 1]!;
    for (let at = offsets[list]!; at < end; at++) this.values.push(map[values[at]!]!);
  }

  view(): IndexLists {
    return { length: this.length, offsets: this.offsets.view(), values: this.values.view() };
  }
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The error for a table with more entries than any real one. */
export function tooManyEntries(table: string, limit: number): ParseError {
  return new ParseError(`more than ${limit} entries`, table);
}
