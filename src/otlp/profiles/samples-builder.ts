import { Int32Column, Int64Column } from "./columns.ts";
import type { Samples } from "./model.ts";

/** Collects the samples of one profile. All indexes are those of the model's dictionary. */
export class SamplesBuilder {
  readonly stack = new Int32Column();
  readonly link = new Int32Column();
  readonly attributeOffsets = new Int32Column();
  readonly attributes = new Int32Column();
  readonly valueOffsets = new Int32Column();
  readonly values = new Int64Column();
  readonly timestampOffsets = new Int32Column();
  readonly timestamps = new Int64Column();
  stacktraceId: Int32Column | undefined;
  readonly unknown = new Map<number, Uint8Array>();

  get length(): number {
    return this.stack.length;
  }

  /** Adds a sample. `values` one for each type (or one for each timestamp), `timestamps` in epoch nanoseconds. */
  add(
    stack: number,
    attributes: ArrayLike<number>,
    link: number,
    values: readonly bigint[],
    timestamps: readonly bigint[],
  ): void {
    for (let at = 0; at < attributes.length; at++) this.attributes.push(attributes[at]!);
    for (const value of values) this.values.pushBig(value);
    for (const timestamp of timestamps) this.timestamps.pushBig(timestamp);
    this.close(stack, link);
  }

  /** Ends a sample whose attributes, values and timestamps were pushed to the columns. */
  close(stack: number, link: number): void {
    const { stack: stacks, link: links, attributeOffsets, valueOffsets, timestampOffsets } = this;
    const at = stacks.length;
    // The five grow alike, but offsets are one ahead.
    if (at === stacks.values.length) this.#grow();
    if (at === 0) attributeOffsets.values[0] = valueOffsets.values[0] = timestampOffsets.values[0] = 0;
    stacks.values[at] = stack;
    links.values[at] = link;
    attributeOffsets.values[at + 1] = this.attributes.length;
    valueOffsets.values[at + 1] = this.values.length;
    timestampOffsets.values[at + 1] = this.timestamps.length;
    stacks.length = links.length = at + 1;
    attributeOffsets.length = valueOffsets.length = timestampOffsets.length = at + 2;
  }

  /** Makes room for exactly so many samples, which are then not copied by `take`. Only when there are none. */
  begin(count: number): void {
    if (count === 0) return;
    for (const column of [this.stack, this.link]) column.begin(count);
    for (const column of [this.attributeOffsets, this.valueOffsets, this.timestampOffsets]) column.begin(count + 1);
  }

  #grow(): void {
    const more = this.stack.length + 16;
    for (const column of [this.stack, this.link]) column.reserve(more);
    for (const column of [this.attributeOffsets, this.valueOffsets, this.timestampOffsets]) column.reserve(more + 1);
  }

  /** Takes back what was pushed since the last `close`. */
  abandon(): void {
    this.attributes.length = this.attributeOffsets.values[this.length] ?? 0;
    this.values.length = this.valueOffsets.values[this.length] ?? 0;
    this.timestamps.length = this.timestampOffsets.values[this.length] ?? 0;
    this.unknown.delete(this.length);
  }

  /** The samples so far in memory of their own; begins anew in the memory there is. */
  take(): Samples {
    const { stack, link, attributeOffsets, attributes, valueOffsets, values, timestampOffsets, timestamps } = this;
    if (stack.length === 0) return NO_SAMPLES;
    const taken = {
      length: stack.length,
      stack: stack.take(),
      link: link.take(),
      attributeOffsets: attributeOffsets.take(),
      attributes: attributes.take(),
      valueOffsets: valueOffsets.take(),
      values: new BigInt64Array(values.take()),
      timestampOffsets: timestampOffsets.take(),
      timestamps: new BigUint64Array(timestamps.take()),
      stacktraceId: this.stacktraceId?.take(),
      unknown: new Map(this.unknown),
    };
    this.unknown.clear();
    return taken;
  }

  finish(): Samples {
    if (this.length === 0) return NO_SAMPLES;
    return {
      length: this.length,
      stack: this.stack.view(),
      link: this.link.view(),
      attributeOffsets: this.attributeOffsets.view(),
      attributes: this.attributes.view(),
      valueOffsets: this.valueOffsets.view(),
      values: this.values.signed(),
      timestampOffsets: this.timestampOffsets.view(),
      timestamps: this.timestamps.unsigned(),
      stacktraceId: this.stacktraceId?.view(),
      unknown: this.unknown,
    };
  }
}

const NO_INDEXES = new Int32Array(0);
const ZERO = new Int32Array(1);

/** No samples at all. Lists of none still have the offset at which the first would begin. */
export const NO_SAMPLES: Samples = {
  length: 0,
  stack: NO_INDEXES,
  link: NO_INDEXES,
  attributeOffsets: ZERO,
  attributes: NO_INDEXES,
  valueOffsets: ZERO,
  values: new BigInt64Array(0),
  timestampOffsets: ZERO,
  timestamps: new BigUint64Array(0),
  stacktraceId: undefined,
  unknown: new Map(),
};
