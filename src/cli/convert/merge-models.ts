import {
  type AttributeMap,
  type AttributeValue,
  type InstrumentationScope,
  ModelBuilder,
  type ProfileRecord,
  type ProfilesModel,
  type ResourceRecord,
  type ScopeRecord,
  type ValueTypeRecord,
} from "#otlp";
import { Reader } from "#wire";
import { type ModelResource, modelResources } from "../inspect/model-resources.ts";

type Indexes = ReturnType<ModelBuilder["adopt"]>;

/**
 * Puts models of layout D10 without references to strings (as an upgrade leaves them) into one. Equal resources and
 * scopes become one with all profiles, in order of their first appearance. The models' bytes must outlive the result.
 */
export class ModelMerger {
  readonly #builder = new ModelBuilder();
  readonly #resources = new Map<string, { readonly record: ResourceRecord; readonly scopes: Map<string, Scope> }>();

  add(model: ProfilesModel): void {
    const indexes = this.#builder.adopt(model.dictionary);
    const decoded = modelResources(model);
    for (const [at, record] of model.resources.entries()) {
      const key = keyOf(record.resource, decoded[at]!, record.schemaUrl, record.unknown);
      let resource = this.#resources.get(key);
      if (!resource) this.#resources.set(key, (resource = { record, scopes: new Map<string, Scope>() }));
      for (const [inside, scope] of record.scopes.entries()) {
        const scopeKey = keyOf(scope.scope, decoded[at]!.scopes[inside]!, scope.schemaUrl, scope.unknown);
        let merged = resource.scopes.get(scopeKey);
        if (!merged) resource.scopes.set(scopeKey, (merged = { record: scope, profiles: [] }));
        for (const profile of scope.profiles) merged.profiles.push(movedProfile(profile, indexes));
      }
    }
  }

  /** The one model. The merger is not to be used afterwards. */
  finish(): ProfilesModel {
    return this.#builder.finish(
      [...this.#resources.values()].map(({ record, scopes }) => ({
        ...record,
        scopes: [...scopes.values()].map(({ record: scope, profiles }) => ({ ...scope, profiles })),
      })),
    );
  }
}

interface Scope {
  readonly record: ScopeRecord;
  readonly profiles: ProfileRecord[];
}

/**
 * Equal for resources, or scopes, that say the same, in whatever order. What is neither attribute nor name (dropped
 * counts, entity references) is compared as bytes.
 */
function keyOf(
  message: Uint8Array,
  decoded: ModelResource | InstrumentationScope,
  schemaUrl: string,
  unknown: Uint8Array | undefined,
): string {
  const attributes = [...decoded.attributes].map(([key, value]) => [key, comparable(value)] as const);
  attributes.sort(([a], [b]) => (a < b ? -1 : 1));
  const name = "name" in decoded ? [decoded.name, decoded.version] : [];
  return JSON.stringify([
    attributes,
    name,
    rest(message, name.length > 0 ? 3 : 1),
    schemaUrl,
    latin1(unknown ?? EMPTY),
  ]);
}

/** A value as JSON that differs for values that differ, also in their type. */
function comparable(value: AttributeValue): unknown {
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number") return { double: Object.is(value, -0) ? "-0" : String(value) };
  if (value instanceof Uint8Array) return { bytes: latin1(value) };
  if (value instanceof Map) return { map: [...(value as AttributeMap)].map(([key, one]) => [key, comparable(one)]) };
  return Array.isArray(value) ? (value as readonly AttributeValue[]).map(comparable) : value;
}

/** Fields above that number, as they are. */
function rest(message: Uint8Array, above: number): string {
  const reader = new Reader();
  let fields = "";
  reader.reset(message, 0, message.length);
  while (reader.next()) {
    if (reader.field > above) fields += latin1(message.subarray(reader.fieldStart, reader.position));
  }
  return fields;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The same profile with references into the merged tables. */
function movedProfile(profile: ProfileRecord, indexes: Indexes): ProfileRecord {
  const { strings, attributes, stacks, links } = indexes;
  const type = (from: ValueTypeRecord): ValueTypeRecord => ({
    type: strings[from.type]!,
    unit: strings[from.unit]!,
    temporality: from.temporality,
  });
  const { samples } = profile;
  return {
    ...profile,
    types: profile.types.map(type),
    periodType: type(profile.periodType),
    defaultType: strings[profile.defaultType]!,
    dropFrames: strings[profile.dropFrames]!,
    keepFrames: strings[profile.keepFrames]!,
    comments: moved(profile.comments, strings),
    attributes: moved(profile.attributes, attributes),
    samples: {
      ...samples,
      stack: moved(samples.stack, stacks),
      link: moved(samples.link, links),
      attributes: moved(samples.attributes, attributes),
      stacktraceId: samples.stacktraceId && moved(samples.stacktraceId, strings),
    },
  };
}

function moved(from: Int32Array, map: Int32Array): Int32Array {
  const to = new Int32Array(from.length);
  for (let at = 0; at < from.length; at++) to[at] = map[from[at]!]!;
  return to;
}

const EMPTY = new Uint8Array(0);
