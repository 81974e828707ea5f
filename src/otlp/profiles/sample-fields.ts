import { Reader } from "#wire";
import { Int32Column } from "./columns.ts";
import { isKnown, layoutFields, roleOf, SampleField, type FieldRoles } from "./fields.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import { pushInts, pushLongs } from "./packed.ts";
import type { SamplesBuilder } from "./samples-builder.ts";
import { ABSENT } from "./table-reader.ts";

/**
 * Decodes samples of one layout, one at a time: numbers as they are into the columns of a `SamplesBuilder`, the rest
 * into the fields of this object. Most bytes of a request are samples, so short fields are decoded here, without a
 * `Reader`.
 */
export class SampleFields {
  stack = 0;
  /** Slice of the location indices (E to D7). */
  start = 0;
  length = 0;
  /** `ABSENT` where it was not written. */
  link = ABSENT;
  /** Layout E: string, locations of its own, and ranges of labels. */
  stacktrace = 0;
  readonly direct = new Int32Column();
  readonly labels: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #samples: SamplesBuilder;
  readonly #fields: FieldRoles;
  /** Role by tag, of fields whose tag is one byte. */
  readonly #byTag = new Uint8Array(128);
  /** Layout E has 64-bit indexes. */
  readonly #wide: boolean;
  /** From D8 on timestamps are fixed64. */
  readonly #fixed: boolean;
  readonly #reader = new Reader();
  readonly #odd: (reader: Reader, known: boolean) => void;

  /** @param odd is told of fields that have no role: unknown, or known with a wire type they cannot have */
  constructor(
    bytes: Uint8Array,
    layout: Layout,
    samples: SamplesBuilder,
    odd: (reader: Reader, known: boolean) => void,
  ) {
    this.#bytes = bytes;
    this.#samples = samples;
    this.#odd = odd;
    this.#wide = layout === "E";
    this.#fixed = layoutOrder(layout) >= layoutOrder("D8");
    this.#fields = layoutFields(layout).sample;
    for (let tag = 0; tag < 128; tag++) this.#byTag[tag] = roleOf(this.#fields, tag >>> 3, (tag & 7) as 0);
  }

  /** Decodes the sample at `bytes[start, end)`. False when it is broken. */
  read(start: number, end: number): boolean {
    this.stack = this.start = this.length = this.stacktrace = 0;
    this.link = ABSENT;
    this.direct.length = this.labels.length = 0;
    const bytes = this.#bytes;
    let at = start | 0;
    while (at + 1 < end) {
      const tag = bytes[at]!;
      const role = tag < 0x80 ? this.#byTag[tag]! : 0;
      const next = bytes[at + 1]!;
      const isNumber = (tag & 7) === 0;
      if (role === 0 || next >= 0x80 || (!isNumber && (tag & 7) !== 2)) return this.#readSlowly(at, end);
      at += 2;
      if (isNumber) this.#number(role, next, 0);
      else {
        const last = at + next;
        if (last > end || !this.#packed(role, at, last)) return this.#readSlowly(at - 2, end);
        at = last;
      }
    }
    return at === end || this.#readSlowly(at, end);
  }

  #number(role: number, low: number, high: number): void {
    switch (role) {
      case SampleField.STACK:
        this.stack = low;
        break;
      case SampleField.LINK:
        this.link = this.#wide && high !== 0 ? -1 : low;
        break;
      case SampleField.START:
        this.start = this.#wide && high !== 0 ? -1 : low;
        break;
      case SampleField.LENGTH:
        this.length = this.#wide && high !== 0 ? -1 : low;
        break;
      case SampleField.STACKTRACE:
        this.stacktrace = low;
        break;
      case SampleField.ATTRIBUTES:
        this.#samples.attributes.push(this.#wide && high !== 0 ? -1 : low);
        break;
      case SampleField.LOCATIONS:
        this.direct.push(this.#wide && high !== 0 ? -1 : low);
        break;
      case SampleField.VALUES:
        this.#samples.values.push(low, high);
        break;
      case SampleField.TIMESTAMPS:
        this.#samples.timestamps.push(low, high);
        break;
    }
  }

  /** Packed numbers of one byte each, and fixed ones. False where they are not, with nothing taken. */
  #packed(role: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (role === SampleField.TIMESTAMPS && this.#fixed) {
      if (((end - start) & 7) !== 0) return false;
      this.#samples.timestamps.pushFixed(bytes, start, end);
      return true;
    }
    if (role === SampleField.LABELS) {
      this.labels.push(start, end);
      return true;
    }
    for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return false;
    for (let at = start; at < end; at++) this.#number(role, bytes[at]!, 0);
    return true;
  }

  /** The fields from `start` on with everything that bytes may be. */
  #readSlowly(start: number, end: number): boolean {
    const reader = this.#reader;
    const samples = this.#samples;
    reader.reset(this.#bytes, start, end);
    let sound = true;
    while (reader.next()) {
      const role = roleOf(this.#fields, reader.field, reader.wireType);
      switch (role) {
        case 0:
          this.#odd(reader, isKnown(this.#fields, reader.field));
          break;
        case SampleField.ATTRIBUTES:
          pushInts(reader, samples.attributes, this.#wide);
          break;
        case SampleField.LOCATIONS:
          pushInts(reader, this.direct, this.#wide);
          break;
        case SampleField.VALUES:
          pushLongs(reader, samples.values, false);
          break;
        case SampleField.TIMESTAMPS:
          sound &&= pushLongs(reader, samples.timestamps, this.#fixed);
          break;
        case SampleField.LABELS:
          this.labels.push(reader.start, reader.end);
          break;
        default:
          this.#number(role, reader.low, reader.high);
      }
    }
    return sound && !reader.failed;
  }
}
