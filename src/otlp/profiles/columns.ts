import type { IndexLists } from "./model.ts";

/** Growing columns of tables. Each hands out a view of what it holds; growing later leaves the view behind. */

/** Halves of 64-bit numbers are stored as the machine stores them; there is no big-endian Node. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
if (!LITTLE_ENDIAN) throw new Error("profiles need a little-endian machine");

/** Empty columns share these: there may be very many. */
const NO_INTS: Int32Array = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_SIGNED = new BigInt64Array(0);
const NO_UNSIGNED = new BigUint64Array(0);
const MIN_CAPACITY = 16;

export class Int32Column {
  values: Int32Array = NO_INTS;
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) this.#grow(this.length + 1);
    this.values[this.length++] = value;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.values.byteLength;
  }

  /** Makes room in `values` for so many more, to be written there directly. */
  reserve(more: number): void {
    if (this.length + more > this.values.length) this.#grow(this.length + more);
  }

  view(): Int32Array {
    return this.length === 0 ? NO_INTS : this.values.subarray(0, this.length);
  }

  /** Begins anew, with room for exactly so many: filled, it is handed out without copying. */
  begin(capacity: number): void {
    this.values = new Int32Array(capacity);
    this.length = 0;
  }

  /** What it holds in memory of its own; forgets it. */
  take(): Int32Array {
    let taken = NO_INTS;
    if (this.length === this.values.length) {
      taken = this.values;
      this.values = NO_INTS;
    } else if (this.length > 0) taken = this.values.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  #grow(needed: number): void {
    this.values = grown(this.values, new Int32Array(nextCapacity(this.values.length, needed)));
  }
}

export class Uint8Column {
  values: Uint8Array = NO_BYTES;
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      this.values = grown(this.values, new Uint8Array(nextCapacity(this.length, 0)));
    }
    this.values[this.length++] = value;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.values.byteLength;
  }

  view(): Uint8Array {
    return this.length === 0 ? NO_BYTES : this.values.subarray(0, this.length);
  }
}

/** 64-bit numbers as halves; signed or unsigned is the reader's choice. */
export class Int64Column {
  /** Low half of entry i at 2i, high half behind it. */
  halves: Int32Array = NO_INTS;
  length = 0;

  push(low: number, high: number): void {
    const at = this.length++ * 2;
    if (at === this.halves.length) this.#grow(at + 2);
    this.halves[at] = low;
    this.halves[at + 1] = high;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.halves.byteLength;
  }

  /** Makes room in `halves` for so many more numbers, to be written there directly. */
  reserve(more: number): void {
    const needed = (this.length + more) * 2;
    if (needed > this.halves.length) this.#grow(needed);
  }

  pushBig(value: bigint): void {
    this.push(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Appends packed little-endian numbers, from `view[start, end)`. Their count must be whole. */
  pushFixed(view: DataView, start: number, end: number): void {
    const count = (end - start) >>> 3;
    this.reserve(count);
    const { halves } = this;
    let to = this.length * 2;
    for (let at = start; at < end; at += 4) halves[to++] = view.getInt32(at, true);
    this.length += count;
  }

  signed(): BigInt64Array {
    return this.length === 0 ? NO_SIGNED : new BigInt64Array(this.halves.buffer, 0, this.length);
  }

  unsigned(): BigUint64Array {
    return this.length === 0 ? NO_UNSIGNED : new BigUint64Array(this.halves.buffer, 0, this.length);
  }

  /** A copy of what it holds, which it forgets. */
  take(): ArrayBuffer {
    const taken = this.halves.buffer.slice(0, this.length * 8) as ArrayBuffer;
    this.length = 0;
    return taken;
  }

  #grow(needed: number): void {
    this.halves = grown(this.halves, new Int32Array(nextCapacity(this.halves.length, needed)));
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

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.offsets.memoryBytes + this.values.memoryBytes;
  }

  reset(): void {
    this.values.length = this.offsets.length = 0;
    this.offsets.push(0);
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

/** Small ones grow faster: there are dozens a request, most of some thousand entries. */
export function nextCapacity(now: number, needed: number): number {
  return Math.max(MIN_CAPACITY, needed, now * (now < 2048 ? 4 : 2));
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
