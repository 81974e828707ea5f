import type { AttributeValue, Dictionary, ProfileRecord, ResourceRecord } from "#otlp";
import { Writer } from "#wire";
import { attributeKey, attributeValue, isList, resourceAttributes, valueText } from "./attributes.ts";
import type { PprofStrings } from "./pprof-strings.ts";
import { LabelField, SampleField } from "./pprof-schema.ts";

/** The labels of samples, encoded once for each distinct set and numbered. */
export class PprofLabelSets {
  readonly #dictionary: Dictionary;
  readonly #strings: PprofStrings;
  readonly #withResources: boolean;
  readonly #sets = new Map<string, number>();
  readonly #encoded: Uint8Array[] = [];
  /** Labels of each attribute. */
  readonly #ofAttribute = new Map<number, Uint8Array>();
  readonly #resources = new Map<string, number>();
  readonly #ofResource: Uint8Array[] = [new Uint8Array(0)];
  #resource = 0;

  constructor(dictionary: Dictionary, strings: PprofStrings, withResources: boolean) {
    this.#dictionary = dictionary;
    this.#strings = strings;
    this.#withResources = withResources;
  }

  /** Samples from here on are those of this resource. */
  enterResource(record: ResourceRecord): void {
    if (!this.#withResources) return;
    const writer = new Writer(256);
    for (const [key, value] of resourceAttributes(record.resource, this.#dictionary.strings)) {
      this.#writeLabels(writer, this.#strings.text(key), value, 0);
    }
    const bytes = writer.finish();
    const id = Buffer.from(bytes).toString("latin1");
    const known = this.#resources.get(id);
    this.#resource = known ?? this.#ofResource.push(bytes) - 1;
    this.#resources.set(id, this.#resource);
  }

  /** The number of the set that a sample has. */
  of({ samples, attributes: ofProfile }: ProfileRecord, sample: number): number {
    const start = samples.attributeOffsets[sample]!;
    const end = samples.attributeOffsets[sample + 1]!;
    const link = samples.link[sample]!;
    const inherited = this.#withResources && ofProfile.length > 0 ? ofProfile.join() : "";
    const id = `${this.#resource};${link};${inherited};${samples.attributes.subarray(start, end).join()}`;
    let set = this.#sets.get(id);
    if (set === undefined) {
      const parts = [this.#ofResource[this.#resource]!];
      if (inherited !== "") for (const index of ofProfile) parts.push(this.#inheritedLabels(index));
      for (let at = start; at < end; at++) parts.push(this.#attributeLabels(samples.attributes[at]!));
      if (link !== 0) parts.push(this.#linkLabels(link));
      set = this.#encoded.push(Buffer.concat(parts)) - 1;
      this.#sets.set(id, set);
    }
    return set;
  }

  /** The fields of Sample that hold a set. */
  encoded(set: number): Uint8Array {
    return this.#encoded[set]!;
  }

  /** Attributes of profiles, but for those that have their own field in pprof. */
  #inheritedLabels(index: number): Uint8Array {
    if (attributeKey(this.#dictionary, index).startsWith("pprof.")) return new Uint8Array(0);
    return this.#attributeLabels(index);
  }

  #attributeLabels(index: number): Uint8Array {
    let bytes = this.#ofAttribute.get(index);
    if (!bytes) {
      const { key, unit } = this.#dictionary.attributes;
      const writer = new Writer(32);
      const value = attributeValue(this.#dictionary, index);
      this.#writeLabels(writer, this.#strings.index(key[index] ?? 0), value, this.#strings.index(unit[index] ?? 0));
      bytes = writer.finish();
      this.#ofAttribute.set(index, bytes);
    }
    return bytes;
  }

  #linkLabels(link: number): Uint8Array {
    const { traceIds, spanIds } = this.#dictionary.links;
    const writer = new Writer(64);
    this.#writeLabels(writer, this.#strings.text("trace_id"), traceIds.bytes(link), 0);
    this.#writeLabels(writer, this.#strings.text("span_id"), spanIds.bytes(link), 0);
    return writer.finish();
  }

  /** Integers become numbers with a unit, lists a label for each element, everything else text. */
  #writeLabels(writer: Writer, key: number, value: AttributeValue, unit: number): void {
    if (isList(value)) {
      for (const one of value) this.#writeLabels(writer, key, one, unit);
      return;
    }
    writer.open(SampleField.LABEL);
    writer.varint(LabelField.KEY, key);
    if (typeof value === "bigint") writer.varint64(LabelField.NUM, value);
    else writer.varint(LabelField.STR, this.#strings.text(valueText(value)));
    if (unit !== 0) writer.varint(LabelField.NUM_UNIT, unit);
    writer.close();
  }
}
