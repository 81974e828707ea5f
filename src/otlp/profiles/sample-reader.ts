import { ParseError, Reader, Writer } from "#wire";
import { Int32Column } from "./columns.ts";
import { EntryField, layoutFields, roleOf, type LayoutFields } from "./fields.ts";
import type { FindingKind, Findings } from "./findings.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import type { Samples } from "./model.ts";
import type { AdoptedIndexes, ModelBuilder } from "./model-builder.ts";
import { SampleFields } from "./sample-fields.ts";
import { SamplesBuilder } from "./samples-builder.ts";
import { ABSENT } from "./table-reader.ts";
import type { IndexRules } from "./table-resolver.ts";

/** Profile.sample, in every layout, and its tag. */
const SAMPLES = 2;
const SAMPLE_TAG = 0x12;

/** Locations that all slices of a request may cover together, beyond four times what the slices are cut from. */
const SPARE_LOCATIONS = 1 << 20;

/** Keys that stand twice are looked for in the first samples of a profile, among so many neighbors. */
const SAMPLES_COMPARED = 1024;
const KEYS_COMPARED = 16;

/** What the samples of one profile refer to. */
export interface SampleContext {
  readonly rules: IndexRules;
  /** Where the profile's own tables are in the model's; undefined where the request has one dictionary. */
  readonly adopted: AdoptedIndexes | undefined;
  /** Profile.location_indices, raw (E to D7). */
  readonly locationIndices: Int32Column;
  /** How many sample types there are: up to D7 a sample has as many values. */
  readonly types: number;
  /** Samples that there are, as far as known: room is made for them. */
  readonly count: number;
  readonly place: () => string;
}

/** The samples of a profile, and how many of those sent could not be kept. */
export interface SamplesRead {
  readonly samples: Samples;
  readonly lost: number;
}

/** Reads the samples of profiles, of one layout. Stacks that E to D7 tell as slices are interned. */
export class SampleReader {
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #fields: LayoutFields;
  readonly #findings: Findings;
  readonly #builder: ModelBuilder;
  readonly #hasStacks: boolean;
  readonly #outer = new Reader();
  readonly #label = new Reader();
  /** The samples of the profile at hand. Keeps its memory from one to the next. */
  readonly #collected = new SamplesBuilder();
  readonly #sample: SampleFields;
  /** The profile at hand, its samples so far, and the stacks of its slices. */
  #context: SampleContext | undefined;
  #index = 0;
  /** Where the sample at hand starts. */
  #start = 0;
  readonly #slices = new Map<number, number>();
  /** Locations that slices may still cover; what is sent small must not become large without bound. */
  #budget = SPARE_LOCATIONS;

  /** @param builder interns stacks and labels */
  constructor(bytes: Uint8Array, layout: Layout, builder: ModelBuilder, findings: Findings) {
    this.#bytes = bytes;
    this.#layout = layout;
    this.#fields = layoutFields(layout);
    this.#builder = builder;
    this.#findings = findings;
    this.#hasStacks = layoutOrder(layout) >= layoutOrder("D8");
    this.#sample = new SampleFields(bytes, layout, this.#collected, (reader, known) => this.#odd(reader, known));
  }

  /** @param ranges start and end of each piece of the profile */
  read(ranges: readonly number[], context: SampleContext): SamplesRead | ParseError {
    const collected = this.#collected;
    if (this.#layout === "E") collected.stacktraceId ??= new Int32Column();
    this.#slices.clear();
    this.#context = context;
    this.#sample.attributeTable = context.rules.attributes.elements(context.adopted?.attributes);
    this.#budget += context.locationIndices.length * 4;
    this.#index = 0;
    collected.begin(context.count);
    for (let piece = 0; piece < ranges.length; piece += 2) {
      this.#piece(ranges[piece]!, ranges[piece + 1]!, context);
      if (this.#budget < 0) {
        collected.take();
        return new ParseError("slices cover far more locations than there are");
      }
    }
    const lost = this.#index - collected.length;
    return { samples: collected.take(), lost };
  }

  /** Reads the samples in one piece of a profile; those with short lengths are found without a `Reader`. */
  #piece(start: number, end: number, context: SampleContext): void {
    const bytes = this.#bytes;
    const collected = this.#collected;
    for (let at = start | 0; at < end && this.#budget >= 0; this.#index++) {
      let first = at + 2;
      let length = bytes[at + 1]!;
      if (length >= 0x80) {
        first++;
        const high = bytes[at + 2]!;
        length = high < 0x80 ? (length & 0x7f) + (high << 7) : Infinity;
      }
      if (bytes[at] !== SAMPLE_TAG || !(first + length <= end)) {
        const outer = this.#outer;
        outer.reset(bytes, at, end);
        if (!outer.nextOf(SAMPLES)) return;
        first = outer.start;
        length = outer.end - first;
      }
      at = first + length;
      this.#start = first;
      if (!this.#read(first, at, context)) collected.abandon();
    }
  }

  /** Reads one sample. False where it cannot be kept. */
  #read(start: number, end: number, context: SampleContext): boolean {
    const samples = this.#collected;
    const sample = this.#sample;
    const firstAttribute = samples.attributes.length;
    const firstValue = samples.values.length;
    const firstTimestamp = samples.timestamps.length;
    if (!sample.read(start, end)) return this.#report("malformed", "sample", context);
    const stack = this.#hasStacks ? stackOf(sample.stack, context.rules) : this.#slice(context);
    if (stack < 0) {
      return this.#report("index-out-of-range", this.#hasStacks ? "Sample.stack_index" : "Sample.locations", context);
    }
    this.#checkAttributes(firstAttribute, context);
    if (sample.labels.length > 0) this.#labels(context);
    this.#checkValues(samples.values.length - firstValue, samples.timestamps.length - firstTimestamp, context);
    if (samples.stacktraceId) samples.stacktraceId.push(this.#string(sample.stacktrace, context));
    samples.close(stack, this.#link(sample.link, context));
    return true;
  }

  /** Tells of attributes that there are none of, and of keys that stand twice, as far as that is looked for. */
  #checkAttributes(first: number, context: SampleContext): void {
    if (this.#sample.lostAttributes > 0) {
      this.#report("index-out-of-range", "Sample.attribute_indices", context);
    }
    if (this.#index >= SAMPLES_COMPARED) return;
    const { values, length } = this.#collected.attributes;
    const keys = this.#builder.columns.attributes.key.values;
    for (let at = first + 1; at < length; at++) {
      const key = keys[values[at]!];
      for (let before = Math.max(first, at - KEYS_COMPARED); before < at; before++) {
        if (keys[values[before]!] !== key) continue;
        this.#report("duplicate-attribute-key", "Sample.attribute_indices", context);
        return;
      }
    }
  }

  #link(raw: number, context: SampleContext): number {
    const { rules, adopted } = context;
    if (raw === ABSENT) {
      if (this.#layout === "E" && rules.links.count > 0 && rules.links.scalar(0) > 0) {
        this.#report("ambiguous-zero", "Sample.link", context);
      }
      return 0;
    }
    const link = rules.links.scalar(raw);
    if (link < 0) {
      this.#report("index-out-of-range", "Sample.link", context);
      return 0;
    }
    return adopted ? adopted.links[link]! : link;
  }

  /** E to D7: the stack that a slice of the location indices is, or in E a list of its own; -1 if out of range. */
  #slice(context: SampleContext): number {
    const { start, length, direct } = this.#sample;
    if (length === 0) return direct.length === 0 ? 0 : this.#intern(direct, 0, direct.length, context);
    if (start < 0 || length < 0) return -1;
    // Both are below 2^26 (see the check), so the key is exact.
    const whole = this.#layout === "E" && context.locationIndices.length === 0;
    const available = whole ? context.rules.locations.count : context.locationIndices.length;
    if (start + length > available || available > 1 << 26) return -1;
    const key = start * 0x4000000 + length;
    let stack = this.#slices.get(key);
    if (stack === undefined) {
      // Text of 1.3 can be read as: without location indices a slice is one of the location table.
      stack = this.#intern(whole ? undefined : context.locationIndices, start, length, context);
      this.#slices.set(key, stack);
    }
    return stack;
  }

  #intern(from: Int32Column | undefined, start: number, length: number, context: SampleContext): number {
    this.#budget -= length;
    if (this.#budget < 0) return -1;
    const { locations } = this.#builder.columns.stacks;
    const rule = context.rules.locations;
    const map = context.adopted?.locations;
    for (let at = start; at < start + length; at++) {
      const element = rule.element(from ? from.values[at]! : at);
      if (element < 0) {
        locations.values.length = locations.offsets.values[locations.offsets.length - 1]!;
        return -1;
      }
      locations.values.push(map ? map[element]! : element);
    }
    locations.close();
    return this.#builder.internStack();
  }

  /** Labels (E) become attributes behind the others. */
  #labels(context: SampleContext): void {
    const { labels } = this.#sample;
    for (let at = 0; at < labels.length; at += 2) {
      const label = this.#labelAttribute(labels[at]!, labels[at + 1]!, context);
      if (label > 0) this.#collected.attributes.push(label);
    }
  }

  /** A pprof label as attribute; 0 if it has no key. */
  #labelAttribute(start: number, end: number, context: SampleContext): number {
    const reader = this.#label;
    let key = 0;
    let text = 0;
    let unit = 0;
    const value = new Writer(16);
    let number = 0n;
    reader.reset(this.#bytes, start, end);
    while (reader.next()) {
      const role = roleOf(this.#fields.label, reader.field, reader.wireType);
      if (role === EntryField.KEY) key = this.#string(reader.low, context);
      else if (role === EntryField.STRING) text = this.#string(reader.low, context);
      else if (role === EntryField.UNIT) unit = this.#string(reader.low, context);
      else if (role === EntryField.NUMBER) number = reader.int64();
    }
    if (reader.failed || key === 0) return 0;
    if (text !== 0) value.bytes(1, this.#builder.columns.strings.bytes(text));
    else value.varint64(3, number);
    return this.#builder.encodedAttribute(key, value.finish(), text === 0 ? unit : 0, 1);
  }

  #string(raw: number, { rules, adopted, place }: SampleContext): number {
    const string = rules.strings.scalar(raw);
    if (string < 0) this.#findings.add("index-out-of-range", "string index", this.#start, place);
    return string <= 0 ? 0 : adopted ? adopted.strings[string]! : string;
  }

  #checkValues(values: number, timestamps: number, context: SampleContext): void {
    if (this.#hasStacks) {
      if (values === timestamps ? values > 0 : values === 0 || timestamps === 0) {
        if (timestamps > 0 || values === 1) return;
      }
      this.#report("unpaired-values", "Sample.values", context);
    } else if (values !== context.types) {
      this.#report("values-per-type", "Sample.value", context);
    }
  }

  #odd(reader: Reader, known: boolean): void {
    const { length, unknown } = this.#collected;
    if (known) {
      this.#report("wrong-wire-type", "sample", this.#context!);
      return;
    }
    const joined = this.#findings.keepUnknown(unknown.get(length), reader);
    if (joined) unknown.set(length, joined);
  }

  /** Always false. Apart from the hot functions: a closure in them costs on every call. */
  #report(kind: FindingKind, field: string, { place }: SampleContext): false {
    const index = this.#index;
    this.#findings.add(kind, field, this.#start, () => `${place()}sample[${index}]`);
    return false;
  }
}

function stackOf(raw: number, { stacks, badStacks }: IndexRules): number {
  const stack = stacks.element(raw);
  return stack >= 0 && badStacks?.[stack] === 1 ? -1 : stack;
}
