import type { BufferPool, MessageBuffer } from "./buffer-pool.ts";
import { WireType } from "./reader.ts";
import { writeVarint, writeVarint64, writeVarintHalves } from "./varint.ts";

const encoder = new TextEncoder();

/**
 * Builds messages field by field in one growing buffer. Nested messages are opened and closed; their length is put in
 * when they close. Values are written as told, defaults included: leaving them out is the caller's choice.
 */
export class Writer {
  #bytes: Uint8Array;
  #at = 0;
  /** For each open field: where its tag and where its content begins. */
  #open: number[] = [];
  readonly #maxBytes: number;

  /**
   * @param capacity bytes to start with; doubles when full
   * @param maxBytes a longer message is a `WriterFullError`; for results whose size somebody else decides
   */
  constructor(capacity = 256, maxBytes = Infinity) {
    this.#bytes = new Uint8Array(Math.min(capacity, maxBytes + RESERVE));
    this.#maxBytes = maxBytes;
  }

  /** Bytes written. */
  get length(): number {
    return this.#at;
  }

  /** Forgets what was written; keeps the memory. */
  reset(): void {
    this.#at = 0;
    this.#open.length = 0;
  }

  /** The tag of a field whose value is written next with the `raw` methods. */
  tag(field: number, wireType: WireType): void {
    this.#reserve(0);
    this.#at = writeVarint(this.#bytes, this.#at, field * 8 + wireType);
  }

  /** A VARINT field of a non-negative integer below 2^53, a bool (0, 1) or an enum. */
  varint(field: number, value: number): void {
    this.tag(field, WireType.VARINT);
    this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  /** A VARINT field of 64 bits; negative numbers take 10 bytes. */
  varint64(field: number, value: bigint): void {
    this.tag(field, WireType.VARINT);
    this.#at = writeVarint64(this.#bytes, this.#at, value);
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, WireType.FIXED64);
    this.rawFixed64(value);
  }

  fixed32(field: number, value: number): void {
    this.tag(field, WireType.FIXED32);
    this.rawFixed32(value);
  }

  double(field: number, value: number): void {
    this.tag(field, WireType.FIXED64);
    this.rawDouble(value);
  }

  /** A LEN field of bytes or of an already encoded message. */
  bytes(field: number, value: Uint8Array): void {
    this.#reserve(value.length);
    this.tag(field, WireType.LEN);
    this.#at = writeVarint(this.#bytes, this.#at, value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  string(field: number, value: string): void {
    this.open(field);
    // UTF-8 takes at most 3 bytes for each UTF-16 unit.
    this.#reserve(value.length * 3);
    this.#at += encoder.encodeInto(value, this.#bytes.subarray(this.#at)).written;
    this.close();
  }

  /** Begins a LEN field whose content is written next: a message, or packed numbers. */
  open(field: number): void {
    this.#open.push(this.#at);
    this.tag(field, WireType.LEN);
    // One byte for the length, which is enough for most; `close` makes room where it is not.
    this.#at++;
    this.#open.push(this.#at);
  }

  /** Ends the field begun last. */
  close(): void {
    const start = this.#open.pop();
    if (start === undefined) throw new Error("no open field to close");
    this.#open.pop();
    const length = this.#at - start;
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    this.#reserve(0);
    const prefix = writeVarint(SCRATCH, 0, length);
    this.#bytes.copyWithin(start - 1 + prefix, start, this.#at);
    this.#bytes.set(SCRATCH.subarray(0, prefix), start - 1);
    this.#at += prefix - 1;
  }

  /** Takes back the field begun last, with what was written in it. */
  abandon(): void {
    this.#open.pop();
    const tagStart = this.#open.pop();
    if (tagStart === undefined) throw new Error("no open field to abandon");
    this.#at = tagStart;
  }

  /** A bare varint of 64 bits: an element of a packed field. */
  rawVarint64(value: bigint): void {
    this.#reserve(0);
    this.#at = writeVarint64(this.#bytes, this.#at, value);
  }

  /** A bare varint of 64 bits, given as 32-bit halves: an element of a packed field, without a bigint. */
  rawVarintHalves(low: number, high: number): void {
    this.#reserve(0);
    this.#at = writeVarintHalves(this.#bytes, this.#at, low, high);
  }

  /** A bare varint below 2^53: an element of a packed field. */
  rawVarint(value: number): void {
    this.#reserve(0);
    this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  /** A bare little-endian 32-bit number. */
  rawFixed32(value: number): void {
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#at++] = value >>> shift;
  }

  /** A bare little-endian 64-bit number: an element of a packed field. */
  rawFixed64(value: bigint): void {
    this.#reserve(8);
    SCRATCH_VIEW.setBigUint64(0, BigInt.asUintN(64, value), true);
    this.#bytes.set(SCRATCH.subarray(0, 8), this.#at);
    this.#at += 8;
  }

  /** A bare little-endian 64-bit number, given as 32-bit halves: an element of a packed field, without a bigint. */
  rawFixed64Halves(low: number, high: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = low;
    bytes[at++] = low >>> 8;
    bytes[at++] = low >>> 16;
    bytes[at++] = low >>> 24;
    bytes[at++] = high;
    bytes[at++] = high >>> 8;
    bytes[at++] = high >>> 16;
    bytes[at++] = high >>> 24;
    this.#at = at;
  }

  /** A bare double: an element of a packed field. */
  rawDouble(value: number): void {
    this.#reserve(8);
    SCRATCH_VIEW.setFloat64(0, value, true);
    this.#bytes.set(SCRATCH.subarray(0, 8), this.#at);
    this.#at += 8;
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** What was written, as a copy. */
  finish(): Uint8Array {
    if (this.#open.length > 0) throw new Error(`${this.#open.length / 2} fields are still open`);
    return this.#bytes.slice(0, this.#at);
  }

  /** What was written, in a pooled buffer with one reference. */
  toBuffer(pool: BufferPool): MessageBuffer {
    if (this.#open.length > 0) throw new Error(`${this.#open.length / 2} fields are still open`);
    return pool.copyOf(this.#bytes.subarray(0, this.#at));
  }

  /** Room for `length` bytes and the tag and numbers around them (5 + 10 + 10). */
  #reserve(length: number): void {
    const needed = this.#at + length + RESERVE;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#maxBytes + RESERVE) throw new WriterFullError(this.#maxBytes);
    const grown = new Uint8Array(Math.max(needed, Math.min(this.#bytes.length * 2, this.#maxBytes + RESERVE)));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

/** Thrown by a `Writer` whose message would become longer than it may. */
export class WriterFullError extends Error {
  constructor(maxBytes: number) {
    super(`message is longer than ${maxBytes} bytes`);
    this.name = "WriterFullError";
  }
}

/** A tag and two numbers. */
const RESERVE = 25;
const SCRATCH = new Uint8Array(16);
const SCRATCH_VIEW = new DataView(SCRATCH.buffer);
