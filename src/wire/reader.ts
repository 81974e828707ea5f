import { ParseError } from "./parse-error.ts";

/** Protobuf wire types (protobuf.dev, "Encoding"). END_GROUP is never handed out: it ends its group or is an error. */
export const WireType = { VARINT: 0, FIXED64: 1, LEN: 2, GROUP: 3, END_GROUP: 4, FIXED32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

/** How deep groups may nest inside each other before the message is refused. */
const MAX_GROUP_DEPTH = 32;
/** Bytes of the longest varint: ceil(64 / 7). */
const MAX_VARINT_BYTES = 10;

/**
 * Walks the fields of one message in place. One object serves many messages (`reset`), allocates nothing while it
 * walks, and never throws: when the bytes are broken `next` returns false and `failed` is set.
 *
 * Accepts what parsers must accept: any field order, unknown fields, varints padded up to 10 bytes, groups (handed out
 * whole, to be skipped). Refuses field number 0, wire types 6 and 7, stray ends of groups, and whatever runs past
 * the end.
 *
 *     reader.reset(bytes, 0, bytes.length);
 *     while (reader.next()) if (reader.field === 1 && reader.wireType === WireType.LEN) use(reader.start, reader.end);
 *     if (reader.failed) return reader.error();
 */
export class Reader {
  bytes: Uint8Array = EMPTY;
  /** Number of the current field. */
  field = 0;
  wireType: WireType = WireType.VARINT;
  /** First byte of the current field's tag. */
  fieldStart = 0;
  /** First byte of the current field's length prefix (LEN), else of its value. */
  prefixStart = 0;
  /** The value: content without prefix (LEN, GROUP), the bytes of the number otherwise. */
  start = 0;
  end = 0;
  /** First byte behind the current field. */
  position = 0;
  /** Halves of the current VARINT, each as a signed 32-bit integer. */
  low = 0;
  high = 0;
  /** End of the message. */
  limit = 0;
  failed = false;
  #problem = "";
  #problemNumber = -1;

  /** Begins a message at `bytes[start, end)`. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.position = start;
    this.limit = end;
    this.failed = false;
  }

  /** Steps to the next field. False at the end of the message, or when it is broken (`failed`). */
  next(): boolean {
    const { bytes, limit } = this;
    let at = this.position;
    if (at >= limit || this.failed) return false;
    this.fieldStart = at;
    let tag = bytes[at++]!;
    if (tag >= 0x80) {
      at = this.#varint(at - 1);
      if (at < 0) return false;
      if (this.high !== 0) return this.#fail("tag has more than 32 bits");
      tag = this.low >>> 0;
    }
    this.field = tag >>> 3;
    this.prefixStart = at;
    if (tag < 8) return this.#fail("field number 0");
    switch (tag & 7) {
      case WireType.LEN: {
        this.wireType = WireType.LEN;
        if (at >= limit) return this.#fail("ends inside a field");
        let length = bytes[at]!;
        if (length < 0x80) at++;
        else {
          at = this.#varint(at);
          if (at < 0) return false;
          length = this.low;
          // Kept apart from the good path: a length that is no small integer would make every position a double.
          if (this.high !== 0 || length < 0) return this.#fail("length # runs past the end", this.uint());
        }
        if (length > limit - at) return this.#fail("length # runs past the end", length);
        this.start = at;
        this.position = this.end = at + length;
        return true;
      }
      case WireType.VARINT:
        this.wireType = WireType.VARINT;
        this.start = at;
        if (at < limit && bytes[at]! < 0x80) {
          this.low = bytes[at++]!;
          this.high = 0;
        } else {
          at = this.#varint(at);
          if (at < 0) return false;
        }
        this.position = this.end = at;
        return true;
      case WireType.FIXED64:
        return this.#fixed(WireType.FIXED64, at, 8);
      case WireType.FIXED32:
        return this.#fixed(WireType.FIXED32, at, 4);
      case WireType.GROUP:
        return this.#group(at);
      default:
        return this.#fail("wire type #", tag & 7);
    }
  }

  /**
   * Steps to the next LEN field of that number and passes over all others, several times faster than `next` where
   * tags have one byte and lengths one or two. For finding a few fields among tens of thousands.
   */
  nextOf(field: number): boolean {
    if (this.failed) return false;
    const { bytes } = this;
    const wanted = (field << 3) | WireType.LEN;
    const limit = this.limit | 0;
    const last = limit - 3;
    let at = this.position | 0;
    while (at <= last) {
      const tag = bytes[at]!;
      const length = bytes[at + 1]!;
      let start = at + 2;
      let end = start + length;
      if (length >= 0x80) {
        const high = bytes[at + 2]!;
        if (high >= 0x80) break;
        start = at + 3;
        end = start + (length & 0x7f) + (high << 7);
      }
      if (end > limit || tag < 8 || tag >= 0x80 || (tag & 7) !== WireType.LEN) break;
      if (tag === wanted) {
        this.field = field;
        this.wireType = WireType.LEN;
        this.fieldStart = at;
        this.prefixStart = at + 1;
        this.start = start;
        this.position = this.end = end;
        return true;
      }
      at = end;
    }
    this.position = at;
    while (this.next()) if (this.field === field && this.wireType === WireType.LEN) return true;
    return false;
  }

  /** The current VARINT or FIXED64 as a signed integer; exact below 2^53. */
  int(): number {
    this.#loadFixed();
    return this.high * 0x100000000 + (this.low >>> 0);
  }

  /** The current VARINT or FIXED64 as an unsigned integer; exact below 2^53. */
  uint(): number {
    this.#loadFixed();
    return (this.high >>> 0) * 0x100000000 + (this.low >>> 0);
  }

  /** The current VARINT or FIXED64 as a signed 64-bit integer. */
  int64(): bigint {
    this.#loadFixed();
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  /** The current VARINT or FIXED64 as an unsigned 64-bit integer. */
  uint64(): bigint {
    return BigInt.asUintN(64, this.int64());
  }

  /** The current FIXED64 as a double. */
  double(): number {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getFloat64(this.start, true);
  }

  /** The current LEN as text; invalid UTF-8 becomes U+FFFD. */
  string(): string {
    return decodeText(this.bytes, this.start, this.end);
  }

  /** A part of the current LEN that holds packed varints: reads the one at `at` into `low`/`high`; -1 when broken. */
  packedVarint(at: number): number {
    const next = this.#varint(at);
    if (next < 0) return -1;
    if (next > this.end) {
      this.#fail("ends inside a packed number");
      return -1;
    }
    return next;
  }

  /** Why the walk stopped. Only when `failed`. */
  error(): ParseError {
    return new ParseError(this.#problem.replace("#", String(this.#problemNumber)));
  }

  #loadFixed(): void {
    if (this.wireType !== WireType.FIXED64) return;
    const { bytes, start } = this;
    this.low = bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24);
    this.high = bytes[start + 4]! | (bytes[start + 5]! << 8) | (bytes[start + 6]! << 16) | (bytes[start + 7]! << 24);
  }

  #fixed(wireType: WireType, at: number, size: number): boolean {
    this.wireType = wireType;
    if (this.limit - at < size) return this.#fail("ends inside a field");
    this.start = at;
    this.position = this.end = at + size;
    return true;
  }

  /** Skips a group with everything in it. Uses no recursion: hostile bytes must not reach the stack's end. */
  #group(at: number): boolean {
    const { field, fieldStart, prefixStart } = this;
    const open = [field];
    this.position = at;
    while (open.length > 0) {
      if (this.position >= this.limit) return this.#fail("group # has no end", field);
      const tagEnd = this.#varint(this.position);
      if (tagEnd < 0) return false;
      if (this.high !== 0) return this.#fail("tag has more than 32 bits");
      if ((this.low & 7) === WireType.END_GROUP) {
        if (this.low >>> 3 !== open.pop()) return this.#fail("group # ends as another one", field);
        this.start = at;
        this.end = this.position;
        this.position = tagEnd;
      } else if ((this.low & 7) === WireType.GROUP) {
        if (this.low >>> 3 === 0) return this.#fail("field number 0");
        if (open.length === MAX_GROUP_DEPTH) return this.#fail("groups nest deeper than #", MAX_GROUP_DEPTH);
        open.push(this.low >>> 3);
        this.position = tagEnd;
      } else if (!this.next()) return false;
    }
    this.field = field;
    this.wireType = WireType.GROUP;
    this.fieldStart = fieldStart;
    this.prefixStart = prefixStart;
    return true;
  }

  /** Reads a varint at `at` into `low` and `high`; returns the position behind it, or -1. */
  #varint(at: number): number {
    const { bytes, limit } = this;
    let low = 0;
    let high = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      if (at >= limit) {
        this.#fail("ends inside a number");
        return -1;
      }
      const byte = bytes[at++]!;
      const bits = byte & 0x7f;
      // Bits 0..27 in the first four bytes, the fifth byte straddles the halves, the rest goes to the high half.
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 0x80) {
        this.low = low;
        this.high = high;
        return at;
      }
    }
    this.#fail("number is longer than # bytes", MAX_VARINT_BYTES);
    return -1;
  }

  /** Always false, so that `next` can return it. */
  #fail(problem: string, number = -1): false {
    this.failed = true;
    this.#problem = problem;
    this.#problemNumber = number;
    return false;
  }
}

const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** `bytes[start, end)` as text; invalid UTF-8 becomes U+FFFD, a byte order mark stays. Short ASCII takes a fast path. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 24) {
    let text = "";
    for (let at = start; ; at++) {
      if (at === end) return text;
      const byte = bytes[at]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
  }
  return decoder.decode(bytes.subarray(start, end));
}
