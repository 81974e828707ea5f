/** Above this, doubles skip integers. */
const EXACT = 2 ** 53;

/**
 * Reads numbers one after the other from bytes that may be anybody's. Past the end everything is 0 and `good` turns
 * false, for good: whoever reads checks it once, behind the last number.
 */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Index of the next byte. */
  at: number;
  /** Nothing is read from here on. */
  readonly end: number;
  good = true;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = Math.min(end, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  s8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getInt8(at);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  s16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getInt16(at, true);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  s32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getInt32(at, true);
  }

  /** Exact below 2^53, and beyond it at least as large. */
  u64(): number {
    const low = this.u32();
    return low + this.u32() * 2 ** 32;
  }

  s64(): number {
    const low = this.u32();
    return low + this.s32() * 2 ** 32;
  }

  /** LEB128. One that doubles can't hold exactly is an error. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale >= EXACT) break;
    }
    if (value >= EXACT || scale >= EXACT) this.good = false;
    return this.good ? value : 0;
  }

  sleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        if ((byte & 0x40) !== 0) value -= scale;
        break;
      }
      if (scale >= EXACT) break;
    }
    if (Math.abs(value) >= EXACT || scale > EXACT) this.good = false;
    return this.good ? value : 0;
  }

  /** Passes over bytes. */
  skip(count: number): void {
    this.#take(count);
  }

  #take(count: number): number {
    const { at } = this;
    if (!this.good || !(count >= 0) || count > this.end - at) {
      this.good = false;
      this.at = this.end;
      return -1;
    }
    this.at = at + count;
    return at;
  }
}
