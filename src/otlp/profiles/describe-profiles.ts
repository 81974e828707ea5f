import { createHash } from "node:crypto";
import { Reader, WireType } from "#wire";
import { decodeKeyValues } from "./any-value.ts";
import { jsonOfValue, sortByKey, TableDescriber, type Json, type JsonObject } from "./describe-tables.ts";
import type { Detection, Refusal } from "./detection.ts";
import { layoutOrder } from "./layout.ts";
import {
  Temporality,
  type ProfileRecord,
  type ProfilesModel,
  type ScopeRecord,
  type ValueTypeRecord,
} from "./model.ts";
import { meaningOf } from "./sample-totals.ts";
import type { StringTable } from "./tables.ts";

/** Version of the form. */
const SCHEMA = 1;

const DEFAULT_TYPE = "pprof.scope.default_sample_type";
const COMMENT = "pprof.profile.comment";

/**
 * Tells a request in one form for all layouts: what was measured, where, by whom, without the tables. The same
 * content gives the same description, whatever the order of tables, duplicates in them, and the layout's way to say
 * it. The form is that of testdata/otlp-profiles/README.md; 64-bit numbers are decimal strings. Builds everything as
 * objects: for people and tests, not for the data path.
 *
 * @param detection tells which layouts the bytes may have; without it there is one
 */
export function describeProfiles(model: ProfilesModel, detection?: Detection): JsonObject {
  const describer = new Describer(model);
  const resources = model.resources.map((resource) => ({
    ...describer.resource(resource.resource),
    schemaUrl: resource.schemaUrl,
    scopes: resource.scopes.map((scope) => describer.scope(scope)),
  }));
  const empty = model.resources.every(({ resource, schemaUrl, scopes }) => {
    return resource.length === 0 && schemaUrl === "" && scopes.length === 0;
  });
  const { tables, summary } = describer;
  return {
    frames: tables.frames,
    layout: model.layout,
    layouts: detection?.empty === true ? ["any"] : (detection?.candidates ?? [model.layout]),
    mappings: tables.mappings,
    resources,
    schema: SCHEMA,
    stacks: tables.stacks,
    summary: { ...summary },
    verdict: empty ? "empty" : "ok",
  };
}

/** The same form for a request that was refused. */
export function describeRefusal(refusal: Refusal): JsonObject {
  return { error: refusal.message, schema: SCHEMA, verdict: refusal.reason };
}

class Describer {
  readonly tables: TableDescriber;
  readonly summary = { profiles: 0, resources: 0, samples: 0, scopes: 0, timestamps: 0 };
  readonly #model: ProfilesModel;
  readonly #strings: StringTable;

  constructor(model: ProfilesModel) {
    this.#model = model;
    this.#strings = model.dictionary.strings;
    this.tables = new TableDescriber(model.dictionary);
  }

  resource(bytes: Uint8Array): JsonObject {
    this.summary.resources++;
    const reader = new Reader();
    reader.reset(bytes, 0, bytes.length);
    let droppedAttributesCount = 0;
    const entityRefs: JsonObject[] = [];
    while (reader.next()) {
      if (reader.field === 2 && reader.wireType === WireType.VARINT) droppedAttributesCount = reader.low >>> 0;
      else if (reader.field === 3 && reader.wireType === WireType.LEN) {
        entityRefs.push(entityRef(bytes.subarray(reader.start, reader.end)));
      }
    }
    return { attributes: this.#attributes(bytes, 1), droppedAttributesCount, entityRefs };
  }

  scope({ scope, schemaUrl, profiles }: ScopeRecord): JsonObject {
    this.summary.scopes++;
    const reader = new Reader();
    reader.reset(scope, 0, scope.length);
    let name = "";
    let version = "";
    let droppedAttributesCount = 0;
    while (reader.next()) {
      if (reader.field === 1 && reader.wireType === WireType.LEN) name = reader.string();
      else if (reader.field === 2 && reader.wireType === WireType.LEN) version = reader.string();
      else if (reader.field === 4 && reader.wireType === WireType.VARINT) droppedAttributesCount = reader.low >>> 0;
    }
    const attributes = this.#attributes(scope, 3);
    const told = attributes.find(({ key }) => key === DEFAULT_TYPE)?.["string"];
    const scopeDefault = typeof told === "string" ? told : null;
    return {
      attributes,
      droppedAttributesCount,
      name,
      profiles: profiles.map((profile) => this.#profile(profile, scopeDefault)),
      schemaUrl,
      version,
    };
  }

  #attributes(bytes: Uint8Array, field: number): readonly JsonObject[] {
    const pairs = decodeKeyValues(bytes, field, this.#strings);
    return sortByKey(pairs.map(({ key, value }) => ({ key, ...jsonOfValue(value) })));
  }

  #profile(profile: ProfileRecord, scopeDefault: string | null): JsonObject {
    this.summary.profiles++;
    const strings = this.#strings;
    const newest = layoutOrder(this.#model.layout) >= layoutOrder("D8");
    const comments = Array.from(profile.comments, (index) => strings.text(index));
    const attributes: JsonObject[] = [];
    for (const attribute of this.tables.attributeList(profile.attributes)) {
      const comment = newest ? commentsOf(attribute) : undefined;
      if (comment) comments.push(...comment);
      else attributes.push(attribute);
    }
    const sent = profile.samples.length + profile.lostSamples;
    this.summary.samples += sent;
    const ownDefault = profile.defaultType === 0 ? null : strings.text(profile.defaultType);
    return {
      attributes,
      comments,
      defaultType: newest ? scopeDefault : ownDefault,
      dropFrames: strings.text(profile.dropFrames),
      droppedAttributesCount: profile.droppedAttributesCount,
      durationNano: String(profile.durationNano),
      keepFrames: strings.text(profile.keepFrames),
      originalPayload: payloadOf(profile),
      period: String(profile.period),
      periodType: this.#periodType(profile.periodType),
      profileId: Buffer.from(profile.profileId).toString("hex"),
      samples: sent,
      stacks: this.#stacks(profile),
      timeUnixNano: String(profile.timeUnixNano),
      types: profile.types.map((type) => this.#valueType(type)),
    };
  }

  #valueType({ type, unit, temporality }: ValueTypeRecord): JsonObject {
    return {
      temporality: temporalityName(temporality),
      type: this.#strings.text(type),
      unit: this.#strings.text(unit),
    };
  }

  #periodType(type: ValueTypeRecord): Json {
    return type.type === 0 && type.unit === 0 ? null : this.#valueType(type);
  }

  /** Stacks in order of first use; inside, samples of the same attributes and link as one group. */
  #stacks(profile: ProfileRecord): readonly JsonObject[] {
    const { samples } = profile;
    const stacks = new Map<number, Map<string, Group>>();
    for (let index = 0; index < samples.length; index++) {
      const stack = this.tables.stack(samples.stack[index]!);
      let groups = stacks.get(stack);
      if (!groups) stacks.set(stack, (groups = new Map<string, Group>()));
      const indexes = samples.attributes.subarray(samples.attributeOffsets[index], samples.attributeOffsets[index + 1]);
      const attributes = this.tables.attributeSet(indexes);
      const link = this.tables.link(samples.link[index]!);
      const identity = `${attributes.identity} ${link.identity}`;
      let group = groups.get(identity);
      if (!group) groups.set(identity, (group = new Group(attributes.content, link.content, profile.types.length)));
      const meaning = meaningOf(profile, this.#model.layout, index);
      this.summary.timestamps += meaning.timestamps.length;
      group.add(meaning.totals, meaning.timestamps, meaning.weights);
    }
    return Array.from(stacks, ([stack, groups]) => {
      const all = [...groups.values()];
      const totals = profile.types.map((_type, at) => String(all.reduce((sum, group) => sum + group.totals[at]!, 0n)));
      const timestamps = all.reduce((sum, group) => sum + group.timestamps, 0);
      return { groups: all.map((group) => group.describe()), stack, timestamps, totals };
    });
  }
}

/** Samples of one stack with the same attributes and the same link. */
class Group {
  readonly totals: bigint[];
  readonly #attributes: readonly JsonObject[];
  readonly #link: JsonObject | null;
  readonly #moments: { readonly time: bigint; readonly weight: bigint }[] = [];
  /** Each timestamp has a value of its own, and not all are 1. */
  #weighted = false;
  #paired = true;

  constructor(attributes: readonly JsonObject[], link: JsonObject | null, types: number) {
    this.#attributes = attributes;
    this.#link = link;
    this.totals = Array.from<bigint>({ length: types }).fill(0n);
  }

  get timestamps(): number {
    return this.#moments.length;
  }

  add(totals: readonly bigint[], timestamps: readonly bigint[], weights: readonly bigint[] | undefined): void {
    for (const [at, total] of totals.entries()) if (at < this.totals.length) this.totals[at]! += total;
    if (!weights) this.#paired = false;
    for (const [at, time] of timestamps.entries()) {
      const weight = weights?.[at] ?? 0n;
      if (weight !== 1n) this.#weighted = true;
      this.#moments.push({ time, weight });
    }
  }

  describe(): JsonObject {
    const moments = this.#moments.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    const weighted = this.#weighted && this.#paired && moments.length > 0;
    return {
      attributes: this.#attributes,
      link: this.#link,
      timestamps: moments.map(({ time }) => String(time)),
      totals: this.totals.map(String),
      ...(weighted && { values: moments.map(({ weight }) => String(weight)) }),
    };
  }
}

/** Comments that an attribute holds: a list of texts, or one (as the pprof translator of collectors writes them). */
function commentsOf(attribute: JsonObject): readonly string[] | undefined {
  const key = attribute["key"] as string;
  if (key !== COMMENT && !/^pprof\.profile\.comment\.\d+$/.test(key)) return undefined;
  if (typeof attribute["string"] === "string") return [attribute["string"]];
  const list = attribute["array"] as readonly JsonObject[] | undefined;
  if (!list?.every((value) => typeof value["string"] === "string")) return undefined;
  return list.map((value) => value["string"] as string);
}

function payloadOf({ originalPayload, originalPayloadFormat }: ProfileRecord): Json {
  if (originalPayload.length === 0 && originalPayloadFormat === "") return null;
  const sha256 = createHash("sha256").update(originalPayload).digest("hex");
  return { format: originalPayloadFormat, sha256, size: originalPayload.length };
}

function temporalityName(temporality: number): string {
  if (temporality === Temporality.DELTA) return "delta";
  if (temporality === Temporality.CUMULATIVE) return "cumulative";
  return temporality === Temporality.UNSPECIFIED ? "unspecified" : String(temporality);
}

function entityRef(bytes: Uint8Array): JsonObject {
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  let schemaUrl = "";
  let type = "";
  const idKeys: string[] = [];
  const descriptionKeys: string[] = [];
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === 1) schemaUrl = reader.string();
    else if (reader.field === 2) type = reader.string();
    else if (reader.field === 3) idKeys.push(reader.string());
    else if (reader.field === 4) descriptionKeys.push(reader.string());
  }
  return { descriptionKeys, idKeys, schemaUrl, type };
}
