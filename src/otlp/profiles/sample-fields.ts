import { Reader, WireType } from "#wire";
import { Int32Column } from "./columns.ts";
import { isKnown, layoutFields, roleOf, SampleField, type FieldRoles } from "./fields.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import { pushInts, pushLongs } from "./packed.ts";
import type { SamplesBuilder } from "./samples-builder.ts";
import { ABSENT } from "./table-reader.ts";

/**
 * Decodes samples of one layout, one at a time: attributes (resolved), values and timestamps into the columns of a
 * `SamplesBuilder`, the rest as it is into the fields of this object. Most bytes of a request are samples, so short fields are decoded here, without a
 * `Reader`.
 */
export class SampleFields {
  stack = 0;
  /** Slice of the location indices (E to D7). */
  start = 0;
  length = 0;
  /** `ABSENT` where it was not written. */
  link = ABSENT;
  /** Attributes of the model by the index that samples give; 0 where there is none. To be set for each profile. */
  attributeTable: Int32Array = new Int32Array(0);
  /** How many of the sample's attributes there are none of. */
  lostAttributes = 0;
  /** Layout E: string, locations of its own, and ranges of labels. */
  stacktrace = 0;
  readonly direct = new Int32Column();
  readonly labels: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #samples: SamplesBuilder;
  readonly #fields: FieldRoles;
  /** Role by tag, of fields whose tag is one byte. */
  readonly #byTag = new Uint8Array(128);
  /** Behind the varint that `#short` read. */
  #behind = 0;
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
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#samples = samples;
    this.#odd = odd;
    this.#wide = layout === "E";
    this.#fixed = layoutOrder(layout) >= layoutOrder("D8");
    this.#fields = layoutFields(layout).sample;
    for (let tag = 0; tag < 128; tag++) this.#byTag[tag] = roleOf(this.#fields, tag >>> 3, (tag & 7) as 0);
  }

  /**
   * Decodes the sample at `bytes[start, end)`. False when it is broken. Nearly all of a request is read in here: fields
   * with tags of one byte and numbers of up to four, straight into the columns. At the first other one it hands over.
   */
  read(start: number, end: number): boolean {
    this.stack = this.start = this.length = this.stacktrace = 0;
    this.link = ABSENT;
    this.lostAttributes = 0;
    this.direct.length = 0;
    if (this.labels.length > 0) this.labels.length = 0;
    const { attributes, timestamps, values } = this.#samples;
    // No field can have more numbers than the sample has bytes.
    const size = end - start;
    attributes.reserve(size);
    timestamps.reserve(size);
    values.reserve(size);
    const bytes = this.#bytes;
    let at = start | 0;
    while (at < end) {
      const tag = bytes[at]!;
      const role = tag < 0x80 ? this.#byTag[tag]! : 0;
      if (role === 0 || (tag & 5) !== 0) break;
      let first = at + 2;
      let number = bytes[at + 1]!;
      if (number >= 0x80) {
        number = this.#short(at + 1);
        if (number < 0) break;
        first = this.#behind;
      }
      if ((tag & 2) === 0) {
        if (first > end) return false;
        if (role === SampleField.STACK) this.stack = number;
        else this.#number(role, number, 0);
        at = first;
        continue;
      }
      const last = first + number;
      if (last > end) return false;
      if (role === SampleField.TIMESTAMPS && this.#fixed) {
        if ((number & 7) !== 0) return false;
        timestamps.pushFixed(this.#view, first, last);
      } else if (role === SampleField.ATTRIBUTES) {
        if (!this.#indexes(attributes, first, last)) break;
      } else if (!this.#others(role, first, last)) break;
      at = last;
    }
    return at === end || this.#readSlowly(at, end);
  }

  /** The varint at `at` of up to four bytes, which ends before `#behind`; -1 where it is longer. */
  #short(at: number): number {
    const bytes = this.#bytes;
    const first = bytes[at]!;
    if (first < 0x80) {
      this.#behind = at + 1;
      return first;
    }
    const second = bytes[at + 1]!;
    if (second < 0x80) {
      this.#behind = at + 2;
      return (first & 0x7f) | (second << 7);
    }
    const third = bytes[at + 2]!;
    if (third < 0x80) {
      this.#behind = at + 3;
      return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
    }
    const fourth = bytes[at + 3]!;
    this.#behind = at + 4;
    return fourth < 0x80 ? (first & 0x7f) | ((second & 0x7f) << 7) | ((third & 0x7f) << 14) | (fourth << 21) : -1;
  }

  /** Resolves packed attributes, for which there is room. False where a number is long, with nothing taken. */
  #indexes(column: Int32Column, start: number, end: number): boolean {
    const bytes = this.#bytes;
    const table = this.attributeTable;
    const target = column.values;
    let to = column.length;
    let lost = 0;
    for (let at = start; at < end;) {
      let raw = bytes[at]!;
      if (raw < 0x80) at++;
      else {
        raw = this.#short(at);
        at = this.#behind;
        if (raw < 0 || at > end) return false;
      }
      const attribute = raw < table.length ? table[raw]! : 0;
      if (attribute > 0) target[to++] = attribute;
      else lost++;
    }
    column.length = to;
    this.lostAttributes += lost;
    return true;
  }

  /** Resolves attributes that were pushed raw, from `first` on. */
  #resolve(column: Int32Column, first: number): void {
    const { values, length } = column;
    const table = this.attributeTable;
    let to = first;
    for (let at = first; at < length; at++) {
      // Unsigned, so that one comparison covers negative ones.
      const raw = values[at]! >>> 0;
      const attribute = raw < table.length ? table[raw]! : 0;
      if (attribute > 0) values[to++] = attribute;
      else this.lostAttributes++;
    }
    column.length = to;
  }

  /** Packed numbers of other fields. False where something is wrong with them, which `#readSlowly` finds again. */
  #others(role: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (role === SampleField.LABELS) {
      this.labels.push(start, end);
      return true;
    }
    if (role === SampleField.VALUES || role === SampleField.TIMESTAMPS) {
      const reader = this.#reader;
      reader.reset(bytes, start, end);
      reader.wireType = WireType.LEN;
      reader.start = start;
      reader.end = end;
      const { values, timestamps } = this.#samples;
      return pushLongs(reader, role === SampleField.VALUES ? values : timestamps, false);
    }
    for (let at = start; at < end; at++) if (bytes[at]! >= 0x80) return false;
    for (let at = start; at < end; at++) this.#number(role, bytes[at]!, 0);
    return true;
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
      case SampleField.ATTRIBUTES: {
        const { attributes } = this.#samples;
        attributes.push(this.#wide && high !== 0 ? -1 : low);
        this.#resolve(attributes, attributes.length - 1);
        break;
      }
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
        case SampleField.ATTRIBUTES: {
          const first = samples.attributes.length;
          pushInts(reader, samples.attributes, this.#wide);
          this.#resolve(samples.attributes, first);
          break;
        }
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
