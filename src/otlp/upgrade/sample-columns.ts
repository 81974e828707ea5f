import type { Samples } from "../profiles/model.ts";

/**
 * Samples made from others, in columns that have room for as many: faster than a `SamplesBuilder`, whose columns grow.
 * Push a sample's attributes and numbers, then `close` it.
 */
export class SampleColumns {
  readonly #stack: Int32Array;
  readonly #link: Int32Array;
  readonly #attributeOffsets: Int32Array;
  readonly #attributes: Int32Array;
  readonly #valueOffsets: Int32Array;
  /** Halves, low first. */
  readonly #values: Int32Array;
  readonly #timestampOffsets: Int32Array;
  readonly #timestamps: Int32Array;
  #length = 0;
  #attributeCount = 0;
  #valueCount = 0;
  #timestampCount = 0;

  /** @param all all values may go in here, else at most one for each sample */
  constructor(from: Samples, all: boolean) {
    const { length } = from;
    this.#stack = new Int32Array(length);
    this.#link = new Int32Array(length);
    this.#attributeOffsets = new Int32Array(length + 1);
    this.#attributes = new Int32Array(from.attributes.length);
    this.#valueOffsets = new Int32Array(length + 1);
    this.#values = new Int32Array((all ? from.values.length : length) * 2);
    this.#timestampOffsets = new Int32Array(length + 1);
    this.#timestamps = new Int32Array(from.timestamps.length * 2);
  }

  pushAttributes(attributes: readonly number[]): void {
    for (let at = 0; at < attributes.length; at++) this.#attributes[this.#attributeCount++] = attributes[at]!;
  }

  pushValue(low: number, high: number): void {
    const at = this.#valueCount++ * 2;
    this.#values[at] = low;
    this.#values[at + 1] = high;
  }

  pushSum(sum: bigint): void {
    this.pushValue(Number(BigInt.asIntN(32, sum)), Number(BigInt.asIntN(32, sum >> 32n)));
  }

  pushTimestamp(low: number, high: number): void {
    const at = this.#timestampCount++ * 2;
    this.#timestamps[at] = low;
    this.#timestamps[at + 1] = high;
  }

  close(stack: number, link: number): void {
    this.#stack[this.#length] = stack;
    this.#link[this.#length] = link;
    const end = ++this.#length;
    this.#attributeOffsets[end] = this.#attributeCount;
    this.#valueOffsets[end] = this.#valueCount;
    this.#timestampOffsets[end] = this.#timestampCount;
  }

  finish(): Samples {
    const length = this.#length;
    return {
      length,
      stack: this.#stack.subarray(0, length),
      link: this.#link.subarray(0, length),
      attributeOffsets: this.#attributeOffsets.subarray(0, length + 1),
      attributes: this.#attributes.subarray(0, this.#attributeCount),
      valueOffsets: this.#valueOffsets.subarray(0, length + 1),
      values: new BigInt64Array(this.#values.buffer, 0, this.#valueCount),
      timestampOffsets: this.#timestampOffsets.subarray(0, length + 1),
      timestamps: new BigUint64Array(this.#timestamps.buffer, 0, this.#timestampCount),
      stacktraceId: undefined,
      unknown: NONE,
    };
  }
}

const NONE: ReadonlyMap<number, Uint8Array> = new Map();
