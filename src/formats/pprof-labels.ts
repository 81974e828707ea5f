import type { AttributeValue, ModelBuilder } from "#otlp";
import { ParseError, Reader, WireType } from "#wire";
import { LabelField } from "./pprof-schema.ts";

interface Label {
  readonly key: number;
  /** A string of the model, or a number. */
  readonly value: number | bigint;
  readonly unit: number;
}

/**
 * Turns the labels of a sample into attributes: text, or an integer with a unit. pprof allows a key several times: its
 * values become a list, or stay apart where their units differ.
 */
export class PprofLabels {
  readonly #builder: ModelBuilder;
  /** Strings of the model by index in the file. */
  readonly #strings: Int32Array;
  readonly #inner = new Reader();
  readonly #labels: Label[] = [];
  /** Attributes by key, value and unit, as most labels come again and again. */
  readonly #known = new Map<string, number>();

  constructor(builder: ModelBuilder, strings: Int32Array) {
    this.#builder = builder;
    this.#strings = strings;
  }

  /** Reads the label that `entry` stands on. */
  read(entry: Reader): ParseError | undefined {
    const inner = this.#inner;
    inner.reset(entry.bytes, entry.start, entry.end);
    let key = 0;
    let text = 0;
    let number = 0n;
    let unit = 0;
    while (inner.next()) {
      if (inner.wireType !== WireType.VARINT) continue;
      if (inner.field === LabelField.NUM) number = inner.int64();
      else if (inner.field >= LabelField.KEY && inner.field <= LabelField.NUM_UNIT) {
        const index = inner.high === 0 && inner.low >= 0 ? (this.#strings[inner.low] ?? -1) : -1;
        if (index < 0) return this.#problem(new ParseError(`string ${inner.int64()} does not exist`));
        if (inner.field === LabelField.KEY) key = index;
        else if (inner.field === LabelField.STR) text = index;
        else unit = index;
      }
    }
    if (inner.failed) return this.#problem(inner.error());
    this.#labels.push(text === 0 ? { key, value: number, unit } : { key, value: text, unit });
    return undefined;
  }

  /** Ends a sample: appends its attributes to `into`. */
  finish(into: { push(value: number): void }): void {
    const labels = this.#labels;
    if (labels.length === 1) into.push(this.#attribute(labels));
    else if (labels.length > 1) {
      const byKey = Map.groupBy(labels, ({ key }) => key);
      for (const [, group] of byKey) {
        const { unit } = group[0]!;
        if (group.every((label) => label.unit === unit)) into.push(this.#attribute(group));
        else for (const label of group) into.push(this.#attribute([label]));
      }
    }
    labels.length = 0;
  }

  #attribute(labels: readonly Label[]): number {
    const { key, unit } = labels[0]!;
    const id = `${key} ${unit} ${labels.map(({ value }) => (typeof value === "bigint" ? value : `s${value}`)).join()}`;
    let attribute = this.#known.get(id);
    if (attribute === undefined) {
      const values = labels.map(({ value }) => this.#value(value));
      attribute = this.#builder.attribute(key, values.length === 1 ? values[0] : values, unit);
      this.#known.set(id, attribute);
    }
    return attribute;
  }

  #value(value: number | bigint): AttributeValue {
    return typeof value === "bigint" ? value : this.#builder.columns.strings.text(value);
  }

  #problem(problem: ParseError): ParseError {
    return problem.within(`label[${this.#labels.length}]`);
  }
}
