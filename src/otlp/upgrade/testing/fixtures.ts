import type { AttributeValue } from "../../attribute-value.ts";
import type { Layout } from "../../profiles/layout.ts";
import type { ProfileRecord, ProfilesModel } from "../../profiles/model.ts";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
} from "../../profiles/model-builder.ts";
import { SamplesBuilder } from "../../profiles/samples-builder.ts";

/** A sample in short: `stack` by name of its only function. */
export interface ShortSample {
  readonly stack?: string;
  readonly values?: readonly bigint[];
  readonly timestamps?: readonly bigint[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** A profile in short; what is left out is empty. */
export interface ShortProfile extends Partial<Omit<ProfileRecord, "types" | "samples" | "attributes" | "comments">> {
  /** `name/unit`. */
  readonly types?: readonly string[];
  readonly temporality?: number;
  readonly defaultTypeName?: string;
  readonly commentTexts?: readonly string[];
  readonly attributeValues?: Readonly<Record<string, AttributeValue>>;
  readonly samples?: readonly ShortSample[];
}

/** A model of one resource and one scope, as a reader would make it from that layout. */
export function shortModel(
  layout: Layout,
  profiles: readonly ShortProfile[],
  resource: Readonly<Record<string, AttributeValue>> = {},
): ProfilesModel {
  const builder = new ModelBuilder();
  const records = profiles.map((profile) => recordOf(profile, builder));
  const scope = { ...EMPTY_SCOPE, profiles: records };
  const encoded = encodeResource(Object.entries(resource));
  return builder.finish([{ ...EMPTY_RESOURCE, resource: encoded, scopes: [scope] }], layout);
}

function recordOf(short: ShortProfile, builder: ModelBuilder): ProfileRecord {
  const { types, temporality, defaultTypeName, commentTexts, attributeValues, samples, ...rest } = short;
  const collected = new SamplesBuilder();
  for (const { stack, values, timestamps, attributes } of samples ?? []) {
    const frame = builder.location({ lines: [{ function: builder.function(builder.string(stack ?? "main")) }] });
    collected.add(builder.stack([frame]), indexesOf(attributes, builder), 0, values ?? [], timestamps ?? []);
  }
  return {
    ...EMPTY_PROFILE,
    ...rest,
    types: (types ?? ["cpu/nanoseconds"]).map((text) => {
      const [type = "", unit = ""] = text.split("/");
      return { type: builder.string(type), unit: builder.string(unit), temporality: temporality ?? 0 };
    }),
    defaultType: builder.string(defaultTypeName ?? ""),
    comments: Int32Array.from(commentTexts ?? [], (text) => builder.string(text)),
    attributes: Int32Array.from(indexesOf(attributeValues, builder)),
    samples: collected.finish(),
  };
}

function indexesOf(values: Readonly<Record<string, AttributeValue>> = {}, builder: ModelBuilder): number[] {
  return Object.entries(values).map(([key, value]) => builder.attribute(builder.string(key), value));
}

/** The only resource's only scope's profiles. */
export function profilesOf(model: ProfilesModel): readonly ProfileRecord[] {
  return model.resources.flatMap(({ scopes }) => scopes.flatMap(({ profiles }) => profiles));
}

/** Values and timestamps of each sample of a profile. */
export function numbersOf({ samples }: ProfileRecord): readonly { values: bigint[]; timestamps: bigint[] }[] {
  return Array.from({ length: samples.length }, (_sample, at) => ({
    values: [...samples.values.subarray(samples.valueOffsets[at], samples.valueOffsets[at + 1])],
    timestamps: [...samples.timestamps.subarray(samples.timestampOffsets[at], samples.timestampOffsets[at + 1])],
  }));
}
