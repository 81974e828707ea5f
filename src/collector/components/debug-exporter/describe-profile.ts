import {
  type Dictionary,
  detectLayout,
  LAYOUT_RELEASES,
  type Payload,
  type ProfileRecord,
  type ProfilesModel,
  ParseError,
  readProfiles,
  Refusal,
  type Transcoder,
  type ValueTypeRecord,
} from "#otlp";
import type { BoundedText } from "./bounded-text.ts";
import { showScalar, showTime } from "./values.ts";

/** Stacks shown of a profile, and frames shown of a stack. */
const TOP_STACKS = 5;
const TOP_FRAMES = 24;

/** Reads a request in whatever layout it has, and says which. Undefined where it cannot be read; the text says why. */
export function readForPeople(text: BoundedText, { bytes, origin }: Payload): ProfilesModel | undefined {
  const { profilesService: service, profilesDevelopmentVersion: developmentVersion, userAgent } = origin;
  const detection = detectLayout(bytes, {
    ...(service !== undefined && { service }),
    ...(developmentVersion !== undefined && { developmentVersion }),
    ...(userAgent !== undefined && { userAgent }),
  });
  if (detection instanceof Refusal) {
    text.line(0, `samples cannot be shown: ${detection.message}`);
    return undefined;
  }
  const { layout, confidence, evidence } = detection;
  text.line(0, `Layout: ${LAYOUT_RELEASES[layout]} (${layout}), ${confidence}: ${evidence.join("; ")}`);
  const model = readProfiles(bytes, layout);
  if (!(model instanceof ParseError)) return model;
  text.line(0, `samples cannot be shown: ${model.message}`);
  return undefined;
}

/** Writes what is odd about a request, a line for each kind. */
export function describeOddities(text: BoundedText, { findings, lostProfiles }: ProfilesModel): void {
  if (lostProfiles > 0) text.line(0, `Profiles that could not be read: ${lostProfiles}`);
  for (const { count, kind, field, place } of findings) {
    text.line(
      0,
      `Odd: ${kind} ${field}, ${count === 1 ? "once" : `${count} times`}${place === "" ? "" : `, first in ${place}`}`,
    );
  }
}

/** Writes a profile's types, time and heaviest stacks by its first type. */
export function describeProfile(
  text: BoundedText,
  depth: number,
  profile: ProfileRecord,
  model: ProfilesModel,
  transcoder: Transcoder,
): void {
  const { strings } = model.dictionary;
  const type = (value: ValueTypeRecord): string => `${strings.text(value.type)}/${strings.text(value.unit)}`;
  text.line(depth, `sample type: ${profile.types.map(type).join(", ") || "(none)"}`);
  text.line(depth, `period: ${profile.period} of ${type(profile.periodType)}`);
  const seconds = Number(profile.durationNano) / 1e9;
  text.line(
    depth,
    `time: ${profile.timeUnixNano > 0n ? showTime(profile.timeUnixNano) : "(unset)"}, ${seconds.toFixed(3)} s`,
  );
  if (profile.profileId.length > 0) text.line(depth, `profile id: ${showScalar(profile.profileId)}`);
  if (profile.lostSamples > 0) text.line(depth, `left out, because their stack is missing: ${profile.lostSamples}`);

  const { weights, total } = weighStacks(profile, model, transcoder);
  const frames = new FrameNames(model.dictionary);
  text.line(depth, `${total} in ${weights.length} stacks`);
  for (const { stack, weight } of weights.slice(0, TOP_STACKS)) {
    if (text.full) return;
    const percent = (100 * Number(weight)) / (Number(total) || 1);
    text.line(depth, `${weight} (${percent.toFixed(1)} %), leaf first:`);
    const names = frames.ofStack(stack);
    for (const name of names.slice(0, TOP_FRAMES)) text.line(depth + 1, name);
    if (names.length > TOP_FRAMES) text.line(depth + 1, `… ${names.length - TOP_FRAMES} more`);
  }
  if (weights.length > TOP_STACKS) text.line(depth, `… ${weights.length - TOP_STACKS} more stacks`);
}

/** What each stack weighs by the profile's first type, the heaviest first. */
function weighStacks(
  profile: ProfileRecord,
  { layout }: ProfilesModel,
  { meaningOf }: Transcoder,
): {
  readonly weights: readonly { readonly stack: number; readonly weight: bigint }[];
  readonly total: bigint;
} {
  const byStack = new Map<number, bigint>();
  let total = 0n;
  for (let sample = 0; sample < profile.samples.length; sample++) {
    const weight = meaningOf(profile, layout, sample).totals[0] ?? 0n;
    const stack = profile.samples.stack[sample]!;
    total += weight;
    byStack.set(stack, (byStack.get(stack) ?? 0n) + weight);
  }
  const weights = [...byStack].map(([stack, weight]) => ({ stack, weight }));
  return { weights: weights.sort((a, b) => (a.weight === b.weight ? 0 : a.weight > b.weight ? -1 : 1)), total };
}

/** Names frames by function, file and line, or by file and address where nobody named them. */
class FrameNames {
  readonly #dictionary: Dictionary;

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  /** Leaf first; functions that the compiler inlined are frames of their own. */
  ofStack(stack: number): string[] {
    const { stacks, locations } = this.#dictionary;
    const names: string[] = [];
    for (let at = stacks.offsets[stack]!; at < stacks.offsets[stack + 1]!; at++) {
      const location = stacks.values[at]!;
      const [first, end] = [locations.lineOffsets[location]!, locations.lineOffsets[location + 1]!];
      if (first === end) names.push(this.#address(location));
      for (let line = first; line < end; line++) names.push(this.#line(line));
    }
    return names;
  }

  #line(at: number): string {
    const { functions, locations, strings } = this.#dictionary;
    const called = locations.lines.function[at]!;
    const name = strings.text(functions.name[called]! || functions.systemName[called]!);
    const file = strings.text(functions.filename[called]!);
    const line = locations.lines.line[at]!;
    return `${name || "(no name)"}${file ? ` ${file}${line > 0n ? `:${line}` : ""}` : ""}`;
  }

  #address(location: number): string {
    const { locations, mappings, strings } = this.#dictionary;
    const file = strings.text(mappings.filename[locations.mapping[location]!]!);
    return `${file || "(no file)"}+0x${locations.address[location]!.toString(16)}`;
  }
}
