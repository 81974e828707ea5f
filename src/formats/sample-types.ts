import type { ProfilesModel, ValueTypeRecord } from "#otlp";
import { scopeAttributes } from "./attributes.ts";
import { Key } from "./conventions.ts";
import type { SampleTypeName } from "./format.ts";
import { profilesOf } from "./sample-values.ts";

/** Type and unit in words. */
export function sampleTypeName(model: ProfilesModel, { type, unit }: ValueTypeRecord): SampleTypeName {
  const { strings } = model.dictionary;
  return { type: strings.text(type), unit: strings.text(unit) };
}

/** Every type that samples are counted in, in order of first appearance, the one to show first in front. */
export function sampleTypes(model: ProfilesModel): readonly SampleTypeName[] {
  const found = new Map<string, SampleTypeName>();
  let first: string | undefined;
  for (const { scope, profile } of profilesOf(model)) {
    for (const type of profile.types) {
      const name = sampleTypeName(model, type);
      found.set(JSON.stringify(name), name);
    }
    if (first !== undefined) continue;
    const told = scopeAttributes(scope.scope, model.dictionary.strings).get(Key.DEFAULT_SAMPLE_TYPE);
    if (typeof told === "string" && told !== "") first = told;
    else if (profile.defaultType !== 0) first = model.dictionary.strings.text(profile.defaultType);
  }
  return [...found.values()].sort((a, b) => Number(b.type === first) - Number(a.type === first));
}

/** The type called `wanted` (`cpu`, or with its unit `cpu/nanoseconds`), or the one to show first. */
export function chooseSampleType(model: ProfilesModel, wanted: string | undefined): SampleTypeName | undefined {
  const types = sampleTypes(model);
  if (wanted === undefined) return types[0];
  return types.find(({ type, unit }) => type === wanted || `${type}/${unit}` === wanted);
}
