import type { Samples } from "../profiles/model.ts";

/**
 * Samples made from others, in columns that have room for as many: faster than a `SamplesBuilder`, whose columns grow.
 * Push a sample's attributes and numbers, then `close` it.
 */
export class SampleColumns {
  /** All columns, one behind the other: one allocation instead of eight, of which small profiles have many. */
  readonly #store: Int32Array;
  readonly #values: number;
  readonly #timestamps: number;
  readonly #stack: number;
  readonly #link: number;
  readonly #attributeOffsets: number;
  readonly #valueOffsets: number;
  readonly #timestampOffsets: number;
  readonly #attributes: number;
  #length = 0;
  #attributeCount = 0;
  #valueCount = 0;
  #timestampCount = 0;

  /** @param all all values may go in here, else at most one for each sample */
  constructor(from: Samples, all: boolean) {
    const { length } = from;
    // Halves of 64-bit numbers come first, so that they are aligned.
    this.#values = 0;
    this.#timestamps = (all ? from.values.length : length) * 2;
    this.#stack = this.#timestamps + from.timestamps.length * 2;
    this.#link = this.#stack + length;
    this.#attributeOffsets = this.#link + length;
    this.#valueOffsets = this.#attributeOffsets + length + 1;
    this.#timestampOffsets = this.#valueOffsets + length + 1;
    this.#attributes = this.#timestampOffsets + length + 1;
    this.#store = new Int32Array(this.#attributes + from.attributes.length);
  }

  pushAttributes(attributes: readonly number[]): void {
    for (let at = 0; at < attributes.length; at++) {
      this.#store[this.#attributes + this.#attributeCount++] = attributes[at]!;
    }
  }

  pushValue(low: number, high: number): void {
    const at = this.#values + this.#valueCount++ * 2;
    this.#store[at] = low;
    this.#store[at + 1] = high;
  }

  pushSum(sum: bigint): void {
    this.pushValue(Number(BigInt.asIntN(32, sum)), Number(BigInt.asIntN(32, sum >> 32n)));
  }

  pushTimestamp(low: number, high: number): void {
    const at = this.#timestamps + this.#timestampCount++ * 2;
    this.#store[at] = low;
    this.#store[at + 1] = high;
  }

  close(stack: number, link: number): void {
    this.#store[this.#stack + this.#length] = stack;
    this.#store[this.#link + this.#length] = link;
    const end = ++this.#length;
    this.#store[this.#attributeOffsets + end] = this.#attributeCount;
    this.#store[this.#valueOffsets + end] = this.#valueCount;
    this.#store[this.#timestampOffsets + end] = this.#timestampCount;
  }

  finish(): Samples {
    const length = this.#length;
    const { buffer } = this.#store;
    const column = (start: number, count: number): Int32Array => new Int32Array(buffer, start * 4, count);
    return {
      length,
      stack: column(this.#stack, length),
      link: column(this.#link, length),
      attributeOffsets: column(this.#attributeOffsets, length + 1),
      attributes: column(this.#attributes, this.#attributeCount),
      valueOffsets: column(this.#valueOffsets, length + 1),
      values: new BigInt64Array(buffer, this.#values * 4, this.#valueCount),
      timestampOffsets: column(this.#timestampOffsets, length + 1),
      timestamps: new BigUint64Array(buffer, this.#timestamps * 4, this.#timestampCount),
      stacktraceId: undefined,
      unknown: NONE,
    };
  }
}

const NONE: ReadonlyMap<number, Uint8Array> = new Map();
