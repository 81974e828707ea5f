import type { Dictionary, ProfileRecord, Samples } from "../profiles/model.ts";
import { halvesOf } from "../profiles/model-builder.ts";
import { type TableContext, writeIndex, writePacked } from "./write-tables.ts";

/** Writes the samples of a profile as fields of the Profile that is open; `location_indices` too, up to D7. */
export function writeSamples(context: TableContext, dictionary: Dictionary, profile: ProfileRecord): void {
  const { samples } = profile;
  const slices = context.numbers.sample.stack === 0 ? new StackSlices(dictionary) : undefined;
  const values = halvesOf(samples.values);
  const timestamps = halvesOf(samples.timestamps);
  for (let at = 0; at < samples.length; at++) {
    context.writer.open(context.numbers.profile.samples);
    writeSample(context, samples, at, slices);
    writeValues(context, samples, at, values);
    writeTimestamps(context, samples, at, timestamps);
    const unknown = samples.unknown.size > 0 ? samples.unknown.get(at) : undefined;
    if (unknown && context.keepUnknown) context.writer.raw(unknown);
    else if (unknown) context.losses.add("unknown-fields");
    context.writer.close();
  }
  if (slices) {
    const { locationIndices } = context.numbers.profile;
    writePacked(context.writer, locationIndices, Int32Array.from(slices.locations), 0, slices.locations.length);
  }
}

function writeSample(context: TableContext, samples: Samples, at: number, slices: StackSlices | undefined): void {
  const { writer, numbers } = context;
  const field = numbers.sample;
  if (slices) {
    const stack = samples.stack[at]!;
    writeIndex(writer, field.start, slices.startOf(stack));
    writeIndex(writer, field.length, slices.lengthOf(stack));
  } else writeIndex(writer, field.stack, samples.stack[at]!);
  writePacked(
    writer,
    field.attributes,
    samples.attributes,
    samples.attributeOffsets[at]!,
    samples.attributeOffsets[at + 1]!,
  );
  writeIndex(writer, field.link, samples.link[at]!);
  if (samples.stacktraceId) {
    if (field.stacktrace !== 0) writeIndex(writer, field.stacktrace, samples.stacktraceId[at]!);
    else if (samples.stacktraceId[at] !== 0) context.losses.add("stack-hash");
  }
}

function writeValues({ writer, numbers }: TableContext, samples: Samples, at: number, halves: Int32Array): void {
  const from = samples.valueOffsets[at]!;
  const to = samples.valueOffsets[at + 1]!;
  if (from === to) {
    // Up to D7 a sample has a value for each type: as many as its timestamps, each of which counts one.
    const count = samples.timestampOffsets[at + 1]! - samples.timestampOffsets[at]!;
    if (numbers.sample.stack !== 0 || count === 0) return;
    writer.open(numbers.sample.values);
    writer.rawVarint(count);
    writer.close();
    return;
  }
  writer.open(numbers.sample.values);
  for (let value = from; value < to; value++) writer.rawVarintHalves(halves[value * 2]!, halves[value * 2 + 1]!);
  writer.close();
}

function writeTimestamps({ writer, numbers }: TableContext, samples: Samples, at: number, halves: Int32Array): void {
  const from = samples.timestampOffsets[at]!;
  const to = samples.timestampOffsets[at + 1]!;
  if (from === to) return;
  writer.open(numbers.sample.timestamps);
  if (numbers.sample.fixedTimestamps) {
    for (let one = from; one < to; one++) writer.rawFixed64Halves(halves[one * 2]!, halves[one * 2 + 1]!);
  } else {
    for (let one = from; one < to; one++) writer.rawVarintHalves(halves[one * 2]!, halves[one * 2 + 1]!);
  }
  writer.close();
}

/** Stacks as slices of one list of locations, each stack once. */
class StackSlices {
  readonly locations: number[] = [];
  readonly #dictionary: Dictionary;
  readonly #starts = new Map<number, number>();

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  lengthOf(stack: number): number {
    const { offsets } = this.#dictionary.stacks;
    return offsets[stack + 1]! - offsets[stack]!;
  }

  startOf(stack: number): number {
    const { offsets, values } = this.#dictionary.stacks;
    if (this.lengthOf(stack) === 0) return 0;
    let start = this.#starts.get(stack);
    if (start === undefined) {
      this.#starts.set(stack, (start = this.locations.length));
      for (let at = offsets[stack]!; at < offsets[stack + 1]!; at++) this.locations.push(values[at]!);
    }
    return start;
  }
}
