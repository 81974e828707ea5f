import type { DecodedMessage, DecodedValue } from "#otlp";
import type { BoundedText } from "./bounded-text.ts";
import { messageOf, messagesOf, numberOf, showScalar, showTime } from "./values.ts";

/** Stacks shown of a profile, and frames shown of a stack. */
const TOP_STACKS = 5;
const TOP_FRAMES = 24;

/** Looks strings, functions and locations up in the dictionary of a request; what is missing is shown as such. */
export class Dictionary {
  readonly #strings: readonly unknown[];
  readonly #functions: readonly DecodedMessage[];
  readonly #locations: readonly DecodedMessage[];
  readonly #mappings: readonly DecodedMessage[];
  readonly #stacks: readonly DecodedMessage[];

  constructor(dictionary: DecodedMessage) {
    this.#strings = Array.isArray(dictionary["stringTable"]) ? (dictionary["stringTable"] as readonly unknown[]) : [];
    this.#functions = messagesOf(dictionary["functionTable"]);
    this.#locations = messagesOf(dictionary["locationTable"]);
    this.#mappings = messagesOf(dictionary["mappingTable"]);
    this.#stacks = messagesOf(dictionary["stackTable"]);
  }

  string(index: number): string {
    const text = this.#strings[index];
    return typeof text === "string" ? text : `(string ${index} is missing)`;
  }

  /** The frames of a stack, leaf first; functions that the compiler inlined are frames of their own. */
  frames(stack: number): string[] {
    const found = this.#stacks[stack];
    if (!found) return [`(stack ${stack} is missing)`];
    const indices = found["locationIndices"];
    return (Array.isArray(indices) ? (indices as readonly number[]) : []).flatMap((index) => this.#framesAt(index));
  }

  #framesAt(index: number): string[] {
    const location = this.#locations[index];
    if (!location) return [`(location ${index} is missing)`];
    const lines = messagesOf(location["lines"]);
    return lines.length > 0 ? lines.map((line) => this.#lineFrame(line)) : [this.#addressFrame(location)];
  }

  #lineFrame(line: DecodedMessage): string {
    const index = numberOf(line["functionIndex"]);
    const called = this.#functions[index];
    if (!called) return `(function ${index} is missing)`;
    const name = this.string(numberOf(called["nameStrindex"]) || numberOf(called["systemNameStrindex"]));
    const file = this.string(numberOf(called["filenameStrindex"]));
    const at = numberOf(line["line"]);
    return `${name || "(no name)"}${file ? ` ${file}${at > 0 ? `:${at}` : ""}` : ""}`;
  }

  #addressFrame(location: DecodedMessage): string {
    const mapping = this.#mappings[numberOf(location["mappingIndex"])];
    const file = mapping ? this.string(numberOf(mapping["filenameStrindex"])) : "";
    const address = location["address"];
    return `${file || "(no file)"}+0x${typeof address === "bigint" ? address.toString(16) : "0"}`;
  }
}

/** Writes a profile's types, time and heaviest stacks. Reads it as the newest layout. */
export function describeProfile(
  text: BoundedText,
  depth: number,
  profile: DecodedMessage,
  dictionary: Dictionary,
): void {
  const type = (value: DecodedMessage): string =>
    `${dictionary.string(numberOf(value["typeStrindex"]))}/${dictionary.string(numberOf(value["unitStrindex"]))}`;
  text.line(depth, `sample type: ${type(messageOf(profile["sampleType"]))}`);
  text.line(depth, `period: ${numberOf(profile["period"])} of ${type(messageOf(profile["periodType"]))}`);
  const time = profile["timeUnixNano"];
  const seconds = numberOf(profile["durationNano"]) / 1e9;
  text.line(depth, `time: ${typeof time === "bigint" ? showTime(time) : "(unset)"}, ${seconds.toFixed(3)} s`);
  if (profile["profileId"] instanceof Uint8Array) text.line(depth, `profile id: ${showScalar(profile["profileId"])}`);

  const { weights, total } = weighStacks(messagesOf(profile["samples"]));
  text.line(depth, `${total} in ${weights.length} stacks`);
  for (const { stack, weight } of weights.slice(0, TOP_STACKS)) {
    if (text.full) return;
    text.line(depth, `${weight} (${((100 * weight) / (total || 1)).toFixed(1)} %), leaf first:`);
    const frames = dictionary.frames(stack);
    for (const frame of frames.slice(0, TOP_FRAMES)) text.line(depth + 1, frame);
    if (frames.length > TOP_FRAMES) text.line(depth + 1, `… ${frames.length - TOP_FRAMES} more`);
  }
  if (weights.length > TOP_STACKS) text.line(depth, `… ${weights.length - TOP_STACKS} more stacks`);
}

/** What each stack weighs, the heaviest first: the sum of its values, or one for each timestamp without values. */
function weighStacks(samples: readonly DecodedMessage[]): {
  readonly weights: readonly { readonly stack: number; readonly weight: number }[];
  readonly total: number;
} {
  const byStack = new Map<number, number>();
  let total = 0;
  for (const sample of samples) {
    const stack = numberOf(sample["stackIndex"]);
    let weight = 0;
    for (const value of listOf(sample["values"])) weight += Number(value);
    if (sample["values"] === undefined) weight = listOf(sample["timestampsUnixNano"]).length;
    total += weight;
    byStack.set(stack, (byStack.get(stack) ?? 0) + weight);
  }
  const weights = [...byStack].map(([stack, weight]) => ({ stack, weight })).sort((a, b) => b.weight - a.weight);
  return { weights, total };
}

function listOf(value: DecodedValue): readonly DecodedValue[] {
  return Array.isArray(value) ? (value as readonly DecodedValue[]) : [];
}
