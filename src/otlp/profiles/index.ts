/**
 * OTLP profiles in every released layout: which one bytes have, reading them into one model, building models from
 * anything else, and describing them. Start with `detectLayout`, `readProfiles` and `ProfilesModel`.
 *
 *     const detection = detectLayout(bytes, { userAgent });
 *     if (detection instanceof Refusal) return refuse(detection.message);
 *     const model = readProfiles(bytes, detection.layout);
 *     if (model instanceof ParseError) return refuse(model.message);
 *     console.log(JSON.stringify(describeProfiles(model, detection)));
 *
 * A process that only passes profiles on loads none of this: see `loadProfiles`.
 */
export { decodeAnyValue, decodeKeyValues, type KeyedValue, type TypedValue } from "./any-value.ts";
export { describeProfiles, describeRefusal } from "./describe-profiles.ts";
export type { Json, JsonObject } from "./describe-tables.ts";
export { DictionaryColumns } from "./dictionary-columns.ts";
export { detectLayout } from "./detect-layout.ts";
export {
  layoutOfPrior,
  Refusal,
  type Confidence,
  type Detection,
  type DetectionPrior,
  type RefusalReason,
} from "./detection.ts";
export type { Finding, FindingKind } from "./findings.ts";
export { LAYOUT_RELEASES, layoutOrder, LAYOUTS, type Layout } from "./layout.ts";
export {
  BuildIdKind,
  MappingHas,
  Temporality,
  type AttributeTable,
  type Dictionary,
  type FunctionTable,
  type IndexLists,
  type LinkTable,
  type LocationTable,
  type MappingTable,
  type ProfileRecord,
  type ProfilesModel,
  type ResourceRecord,
  type Samples,
  type ScopeRecord,
  type ValueTypeRecord,
} from "./model.ts";
export {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  halvesOf,
  ModelBuilder,
  type AdoptedIndexes,
  type LocationEntry,
  type MappingEntry,
} from "./model-builder.ts";
export { readProfiles } from "./read-profiles.ts";
export { meaningOf, type SampleMeaning } from "./sample-totals.ts";
export { SamplesBuilder } from "./samples-builder.ts";
