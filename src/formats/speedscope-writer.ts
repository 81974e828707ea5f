import type { ProfilesModel } from "#otlp";
import { attributeKey, attributeValue, resourceAttributes, valueText } from "./attributes.ts";
import { Key } from "./conventions.ts";
import type { WriteOptions } from "./format.ts";
import { Frames } from "./frames.ts";
import { sampleTypeName, sampleTypes } from "./sample-types.ts";
import { type PlacedProfile, profilesOf } from "./sample-values.ts";
import { subjectOf } from "./subject.ts";
import { timedSamples } from "./timed-samples.ts";

interface SpeedscopeFrame {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
}

/** Units that speedscope formats; all others are plain numbers there. */
const UNITS: ReadonlySet<string> = new Set(["nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]);

/**
 * Writes speedscope's JSON (www.speedscope.app/file-format-schema.json): a sampled profile for each profile and type,
 * named by its resource and type. Samples with timestamps are in their order, so that "time order" shows it. Weights are
 * doubles, exact up to 2^53; samples that count nothing, or less, are left out, as are labels.
 */
export function writeSpeedscope(model: ProfilesModel, options: WriteOptions = {}): Uint8Array {
  const frames = new Frames(model.dictionary);
  const shared = new SharedFrames(frames);
  const [first] = sampleTypes(model);
  const profiles: object[] = [];
  let active: number | undefined;
  for (const placed of profilesOf(model)) {
    placed.profile.types.forEach((type, at) => {
      const { type: typeName, unit } = sampleTypeName(model, type);
      if (options.sampleType !== undefined && options.sampleType !== typeName) return;
      const counted = timedSamples(placed.profile, at).filter(({ weight }) => weight > 0);
      const samples = counted.map(({ stack }) => shared.ofStack(stack));
      const weights = counted.map(({ weight }) => weight);
      if (active === undefined && typeName === first?.type && samples.length > 0) active = profiles.length;
      const endValue = weights.reduce((sum, weight) => sum + weight, 0);
      profiles.push({
        type: "sampled",
        name: profileName(model, placed, typeName, options.resources !== false),
        unit: UNITS.has(unit) ? unit : "none",
        startValue: 0,
        endValue,
        samples,
        weights,
      });
    });
  }
  const file = {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    exporter: "podflame",
    name: options.title ?? (model.resources.length === 1 ? resourceName(model) : "podflame"),
    activeProfileIndex: active ?? 0,
    shared: { frames: shared.list },
    profiles,
  };
  return Buffer.from(JSON.stringify(file));
}

/** Frames as speedscope tells them apart: by name, file and line. */
class SharedFrames {
  readonly list: SpeedscopeFrame[] = [];
  readonly #frames: Frames;
  readonly #ids = new Map<string, number>();
  readonly #stacks = new Map<number, readonly number[]>();

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  /** Outermost first. */
  ofStack(stack: number): readonly number[] {
    let ids = this.#stacks.get(stack);
    if (!ids) {
      ids = this.#frames.ofStack(stack).map((id) => this.#shared(id));
      this.#stacks.set(stack, ids);
    }
    return ids;
  }

  #shared(id: number): number {
    const { name, file, mapping, line } = this.#frames.list[id]!;
    const where = file || mapping;
    const key = JSON.stringify([name, where, line]);
    let index = this.#ids.get(key);
    if (index === undefined) {
      index = this.list.push({ name, ...(where !== "" && { file: where }), ...(line > 0 && { line }) }) - 1;
      this.#ids.set(key, index);
    }
    return index;
  }
}

function profileName(model: ProfilesModel, placed: PlacedProfile, type: string, withResource: boolean): string {
  const { dictionary } = model;
  for (const index of placed.profile.attributes) {
    if (attributeKey(dictionary, index) === Key.SPEEDSCOPE_NAME) return valueText(attributeValue(dictionary, index));
  }
  const subject = withResource ? subjectOf(resourceAttributes(placed.resource.resource, dictionary.strings)) : "";
  return [subject, type].filter((part) => part !== "").join(": ") || "profile";
}

function resourceName(model: ProfilesModel): string {
  return subjectOf(resourceAttributes(model.resources[0]!.resource, model.dictionary.strings)) || "podflame";
}
