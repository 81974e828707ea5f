import type { Dictionary, ProfileRecord, ProfilesModel, Samples, ValueTypeRecord } from "../profiles/model.ts";
import type { LossLog } from "./losses.ts";
import { DictionaryRebuilder } from "./rebuild-dictionary.ts";
import { ReferenceResolver } from "./references.ts";

/** A profile with a dictionary of its own, of what it uses: for the layouts that have tables in each profile. */
export function singleProfile(
  { dictionary, layout }: ProfilesModel,
  profile: ProfileRecord,
  losses: LossLog,
): { readonly profile: ProfileRecord; readonly dictionary: Dictionary } {
  const resolver = layout === "D10" ? new ReferenceResolver(dictionary.strings, losses) : undefined;
  const rebuilder = new DictionaryRebuilder(dictionary, losses, { style: "as it is", resolver, sparse: true });
  return { profile: profileWith(profile, rebuilder), dictionary: rebuilder.columns.view() };
}

/** A profile whose indexes are those of the new dictionary. */
export function profileWith(profile: ProfileRecord, rebuilder: DictionaryRebuilder): ProfileRecord {
  const valueType = (from: ValueTypeRecord): ValueTypeRecord => ({
    type: rebuilder.string(from.type),
    unit: rebuilder.string(from.unit),
    temporality: from.temporality,
  });
  return {
    ...profile,
    types: profile.types.map(valueType),
    defaultType: rebuilder.string(profile.defaultType),
    periodType: valueType(profile.periodType),
    attributes: profile.attributes.map((index) => rebuilder.attribute(index)),
    comments: profile.comments.map((index) => rebuilder.string(index)),
    dropFrames: rebuilder.string(profile.dropFrames),
    keepFrames: rebuilder.string(profile.keepFrames),
    samples: samplesWith(profile.samples, rebuilder),
  };
}

function samplesWith(samples: Samples, rebuilder: DictionaryRebuilder): Samples {
  return {
    ...samples,
    stack: samples.stack.map((index) => rebuilder.stack(index)),
    link: samples.link.map((index) => rebuilder.link(index)),
    attributes: samples.attributes.map((index) => rebuilder.attribute(index)),
    stacktraceId: samples.stacktraceId?.map((index) => rebuilder.string(index)),
  };
}
