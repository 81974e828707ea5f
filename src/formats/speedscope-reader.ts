import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  ModelBuilder,
  SamplesBuilder,
  type ProfileRecord,
  type ProfilesModel,
} from "#otlp";
import { ParseError } from "#wire";
import { Key } from "./conventions.ts";
import type { ReadOptions, SampleTypeName } from "./format.ts";
import { inflate } from "./inflate.ts";
import { isArray, isObject, type JsonObject, numberOf, parseJson, textOf } from "./json.ts";

/** Frames of all stacks together, at most: 64 MiB of indexes. Events that only open frames would need the square. */
const MAX_STACK_FRAMES = 16 << 20;
/** Deeper stacks are an error: no profiler records them. */
const MAX_DEPTH = 1 << 16;

/** What one of a unit is in the model's unit. Times become nanoseconds, as the model counts in whole numbers. */
const UNITS: Readonly<Record<string, { readonly name: SampleTypeName; readonly factor: number }>> = {
  nanoseconds: { name: { type: "time", unit: "nanoseconds" }, factor: 1 },
  microseconds: { name: { type: "time", unit: "nanoseconds" }, factor: 1e3 },
  milliseconds: { name: { type: "time", unit: "nanoseconds" }, factor: 1e6 },
  seconds: { name: { type: "time", unit: "nanoseconds" }, factor: 1e9 },
  bytes: { name: { type: "space", unit: "bytes" }, factor: 1 },
  none: { name: { type: "samples", unit: "count" }, factor: 1 },
};

/**
 * Reads speedscope's JSON, sampled and evented profiles. Each becomes a profile with the attribute
 * `speedscope.profile.name`; an event's stack counts until the next event. Weights are rounded to whole nanoseconds,
 * bytes or counts.
 */
export function readSpeedscope(bytes: Uint8Array, options: ReadOptions = {}): ProfilesModel | ParseError {
  const plain = inflate(bytes, options.maxInflatedBytes);
  return plain instanceof ParseError ? plain : parseSpeedscope(plain, options.sampleType);
}

/** As `readSpeedscope`, without compression: runs in a browser as well. */
export function parseSpeedscope(plain: Uint8Array, sampleType?: SampleTypeName): ProfilesModel | ParseError {
  const json = parseJson(plain);
  return json instanceof ParseError ? json : new SpeedscopeReader(sampleType).read(json.value);
}

class SpeedscopeReader {
  readonly #builder = new ModelBuilder();
  readonly #type: SampleTypeName | undefined;
  /** Locations by index of the frame. */
  #frames: Int32Array = new Int32Array(0);
  #stackFrames = 0;

  constructor(type: SampleTypeName | undefined) {
    this.#type = type;
  }

  read(file: unknown): ProfilesModel | ParseError {
    if (!isObject(file) || !isObject(file["shared"])) return new ParseError("is no object", "shared");
    const { frames } = file["shared"];
    if (!isArray(frames)) return new ParseError("is no list", "shared.frames");
    const problem = this.#readFrames(frames);
    if (problem) return problem;
    if (!isArray(file["profiles"])) return new ParseError("is no list", "profiles");
    const profiles: ProfileRecord[] = [];
    for (const [at, profile] of file["profiles"].entries()) {
      const record = isObject(profile) ? this.#profile(profile) : new ParseError("is no object");
      if (record instanceof ParseError) return record.within(`profiles[${at}]`);
      profiles.push(record);
    }
    return this.#builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles }] }]);
  }

  #readFrames(frames: readonly unknown[]): ParseError | undefined {
    const builder = this.#builder;
    this.#frames = new Int32Array(frames.length);
    for (const [at, frame] of frames.entries()) {
      if (!isObject(frame) || typeof frame["name"] !== "string") {
        return new ParseError("has no name", `shared.frames[${at}]`);
      }
      const line = wholeLine(frame, "line");
      const called = builder.function(builder.string(frame["name"]), 0, builder.string(textOf(frame, "file")), line);
      const lines = [{ function: called, line, column: wholeLine(frame, "col") }];
      this.#frames[at] = builder.location({ lines });
    }
    return undefined;
  }

  #profile(profile: JsonObject): ProfileRecord | ParseError {
    const unit = UNITS[textOf(profile, "unit") || "none"];
    if (!unit) return new ParseError(`${JSON.stringify(profile["unit"])} is no unit of speedscope`, "unit");
    const samples = new SamplesBuilder();
    const type = profile["type"];
    let problem: ParseError | undefined;
    if (type === "sampled") problem = this.#sampled(profile, unit.factor, samples);
    else if (type === "evented") problem = this.#evented(profile, unit.factor, samples);
    else problem = new ParseError(`${JSON.stringify(type)} is neither sampled nor evented`, "type");
    if (problem) return problem;
    const builder = this.#builder;
    const name = this.#type ?? unit.name;
    const title = textOf(profile, "name");
    const attributes = title === "" ? [] : [builder.attribute(builder.string(Key.SPEEDSCOPE_NAME), title)];
    return {
      ...EMPTY_PROFILE,
      types: [{ type: builder.string(name.type), unit: builder.string(name.unit), temporality: 0 }],
      attributes: Int32Array.from(attributes),
      samples: samples.finish(),
    };
  }

  #sampled(profile: JsonObject, factor: number, samples: SamplesBuilder): ParseError | undefined {
    const { samples: stacks, weights } = profile;
    if (!isArray(stacks)) return new ParseError("is no list", "samples");
    if (!isArray(weights)) return new ParseError("is no list", "weights");
    if (stacks.length !== weights.length) {
      return new ParseError(`${weights.length} weights for ${stacks.length} samples`, "weights");
    }
    for (const [at, stack] of stacks.entries()) {
      const weight = scaled(weights[at], factor);
      if (weight === undefined) return new ParseError("is no number", `weights[${at}]`);
      if (!isArray(stack)) return new ParseError("is no list", `samples[${at}]`);
      const locations = new Int32Array(stack.length);
      for (let depth = 0; depth < stack.length; depth++) {
        const location = this.#location(stack[depth]);
        if (location instanceof ParseError) return location.within(`samples[${at}][${depth}]`);
        locations[stack.length - 1 - depth] = location;
      }
      const problem = this.#add(samples, locations, weight);
      if (problem) return problem.within(`samples[${at}]`);
    }
    return undefined;
  }

  /** Opens and closes frames; the time between two events belongs to the stack that is open. */
  #evented(profile: JsonObject, factor: number, samples: SamplesBuilder): ParseError | undefined {
    const { events } = profile;
    if (!isArray(events)) return new ParseError("is no list", "events");
    const open: number[] = [];
    let last = numberOf(profile, "startValue") ?? 0;
    const until = (at: number): ParseError | undefined => {
      const weight = scaled(at - last, factor);
      last = at;
      if (open.length === 0 || weight === undefined || weight === 0n) return undefined;
      return this.#add(samples, open.toReversed(), weight);
    };
    for (const [index, event] of events.entries()) {
      const place = `events[${index}]`;
      const at = isObject(event) ? numberOf(event, "at") : undefined;
      if (!isObject(event) || at === undefined) return new ParseError("has no time", place);
      if (at < last) return new ParseError(`is at ${at}, before ${last}`, place);
      const location = this.#location(event["frame"]);
      if (location instanceof ParseError) return location.within(`${place}.frame`);
      const problem = until(at);
      if (problem) return problem.within(place);
      if (event["type"] === "O") open.push(location);
      else if (event["type"] !== "C") return new ParseError("neither opens nor closes a frame", place);
      else if (open.pop() !== location)
        return new ParseError("closes a frame that is not the innermost open one", place);
    }
    return until(Math.max(last, numberOf(profile, "endValue") ?? last));
  }

  #location(frame: unknown): number | ParseError {
    const location = typeof frame === "number" ? this.#frames[frame] : undefined;
    return location ?? new ParseError(`frame ${JSON.stringify(frame)} does not exist`);
  }

  /** @param locations leaf first */
  #add(samples: SamplesBuilder, locations: ArrayLike<number>, weight: bigint): ParseError | undefined {
    if (locations.length > MAX_DEPTH) return new ParseError(`more than ${MAX_DEPTH} frames`);
    this.#stackFrames += locations.length;
    if (this.#stackFrames > MAX_STACK_FRAMES) return new ParseError(`stacks have more than ${MAX_STACK_FRAMES} frames`);
    samples.add(this.#builder.stack(locations), [], 0, [weight], []);
    return undefined;
  }
}

function wholeLine(frame: JsonObject, key: string): bigint {
  const value = numberOf(frame, key);
  return value !== undefined && Number.isSafeInteger(value) ? BigInt(value) : 0n;
}

/** A weight in the model's unit; undefined where it is no number that fits. */
function scaled(value: unknown, factor: number): bigint | undefined {
  if (typeof value !== "number") return undefined;
  const whole = Math.round(value * factor);
  return Math.abs(whole) < 2 ** 63 ? BigInt(whole) : undefined;
}
