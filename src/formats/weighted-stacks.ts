import type { AttributeValue, ProfilesModel, ResourceRecord } from "#otlp";
import { attributeKey, attributeValue, resourceAttributes, valueText } from "./attributes.ts";
import type { SampleTypeName } from "./format.ts";
import type { Frames } from "./frames.ts";
import { sampleTypeName } from "./sample-types.ts";
import { type PlacedProfile, profilesOf, sampleValue } from "./sample-values.ts";

/** Equal stacks under equal groups, added up. */
export interface WeightedStack {
  /** Frames that stand for groups, the outermost first. */
  readonly groups: readonly number[];
  readonly stack: number;
  readonly value: bigint;
}

/**
 * Adds up what all samples of one type count, by stack. `groupBy` names attributes (of the sample, else of its profile,
 * else of its resource) whose values keep stacks apart and become frames of `frames` ahead of them.
 */
export function weightedStacks(
  model: ProfilesModel,
  wanted: SampleTypeName,
  frames: Frames,
  groupBy: readonly string[] = [],
): WeightedStack[] {
  const found = new Map<string, { groups: readonly number[]; stack: number; value: bigint }>();
  const grouping = new Grouping(model, frames, groupBy);
  for (const placed of profilesOf(model)) {
    const { types, samples } = placed.profile;
    types.forEach((type, at) => {
      const name = sampleTypeName(model, type);
      if (name.type !== wanted.type || name.unit !== wanted.unit) return;
      for (let sample = 0; sample < samples.length; sample++) {
        const value = sampleValue(placed.profile, sample, at);
        const groups = grouping.of(placed, sample);
        const stack = samples.stack[sample]!;
        const key = groups.length === 0 ? String(stack) : `${groups.join()};${stack}`;
        const known = found.get(key);
        if (known) known.value += value;
        else found.set(key, { groups, stack, value });
      }
    });
  }
  return [...found.values()];
}

/** Finds the groups of a sample. */
class Grouping {
  readonly #model: ProfilesModel;
  readonly #frames: Frames;
  readonly #keys: readonly string[];
  #resource: ResourceRecord | undefined;
  #ofResource: ReadonlyMap<string, AttributeValue> = new Map();

  constructor(model: ProfilesModel, frames: Frames, keys: readonly string[]) {
    this.#model = model;
    this.#frames = frames;
    this.#keys = keys;
  }

  of({ resource, profile }: PlacedProfile, sample: number): readonly number[] {
    if (this.#keys.length === 0) return NO_GROUPS;
    if (resource !== this.#resource) {
      this.#resource = resource;
      this.#ofResource = resourceAttributes(resource.resource, this.#model.dictionary.strings);
    }
    const { attributes, attributeOffsets } = profile.samples;
    const ofSample = attributes.subarray(attributeOffsets[sample], attributeOffsets[sample + 1]);
    return this.#keys.map((key) =>
      this.#frames.group(
        this.#find(key, ofSample) ?? this.#find(key, profile.attributes) ?? valueText(this.#ofResource.get(key)),
      ),
    );
  }

  #find(key: string, attributes: Int32Array): string | undefined {
    const { dictionary } = this.#model;
    for (const index of attributes) {
      if (attributeKey(dictionary, index) === key) return valueText(attributeValue(dictionary, index));
    }
    return undefined;
  }
}

const NO_GROUPS: readonly number[] = [];
