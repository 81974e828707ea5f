import { createHash } from "node:crypto";
import type { AttributeValue } from "../attribute-value.ts";
import { type Layout, layoutOrder } from "../profiles/layout.ts";
import type {
  ProfileRecord,
  ProfilesModel,
  ResourceRecord,
  Samples,
  ScopeRecord,
  ValueTypeRecord,
} from "../profiles/model.ts";
import { Temporality } from "../profiles/model.ts";
import { LegacyKey } from "./legacy-names.ts";
import { type Loss, LossLog } from "./losses.ts";
import { DictionaryRebuilder } from "./rebuild-dictionary.ts";
import { ReferenceResolver } from "./references.ts";
import { scopeWithTypes } from "./scope-types.ts";
import { upgradeSamples } from "./upgrade-samples.ts";
import { windowOf } from "./window.ts";

/** What a conversion gives: another model, and what it could not carry. */
export interface ConvertedModel {
  readonly model: ProfilesModel;
  readonly losses: readonly Loss[];
}

/** Choices of an upgrade. */
export interface UpgradeOptions {
  /**
   * What becomes of the original payload of a profile of several types, each of which becomes a profile: it is
   * dropped, or goes with the first one.
   */
  readonly splitPayload?: "drop" | "first";
  /** The result is to be written as D8 or older, whose types have a temporality. */
  readonly keepTemporality?: boolean;
}

/** Types of one profile at most. Agents before July 2024 added one for each sample by mistake; see `sameTypes`. */
const MAX_TYPES = 64;

/** Numbers that the samples of one profile may become when each type gets its own: 128 MiB. */
const MAX_SPLIT_NUMBERS = 32 << 20;
/** Scopes that one may become for the sake of default types, each a copy. */
const MAX_SCOPES = 16;
/** Bytes of all comments of a request, which may repeat one long string. */
const MAX_COMMENT_BYTES = 16 << 20;

/**
 * A model of any layout as one of the newest (D10): one type for each profile, nothing that later layouts lack, and a
 * dictionary of what is used. References to strings become literals. The rules are those of the layouts' authors
 * where they gave some; see `docs/layouts.md` for all of them and for what is lost.
 */
export function upgradeProfiles(model: ProfilesModel, options: UpgradeOptions = {}): ConvertedModel {
  const upgrade = new Upgrade(model, options);
  return { model: upgrade.run(), losses: upgrade.losses.list() };
}

/** A profile of several types as a list of profiles, and what their scope has to say about them. */
interface SplitProfile {
  readonly profiles: readonly ProfileRecord[];
  /** Name of the default type; empty where not told. */
  readonly defaultType: string;
  /** Original position of each profile's type, where it is not the order they had. */
  readonly order: readonly number[];
}

class Upgrade {
  readonly losses = new LossLog();
  readonly #model: ProfilesModel;
  readonly #options: UpgradeOptions;
  readonly #resolver: ReferenceResolver | undefined;
  readonly #rebuilder: DictionaryRebuilder;
  readonly #old: boolean;
  #commentBytesLeft = MAX_COMMENT_BYTES;

  constructor(model: ProfilesModel, options: UpgradeOptions) {
    this.#model = model;
    this.#options = options;
    this.#old = isOld(model.layout);
    // Only D10 has references.
    const refers = model.layout === "D10";
    this.#resolver = refers ? new ReferenceResolver(model.dictionary.strings, this.losses) : undefined;
    const rebuild = { style: this.#old ? "attributes" : "as it is", resolver: this.#resolver } as const;
    this.#rebuilder = new DictionaryRebuilder(model.dictionary, this.losses, rebuild);
  }

  run(): ProfilesModel {
    const { unknown, lostProfiles } = this.#model;
    if (unknown.request) this.losses.add("unknown-fields");
    if (unknown.dictionary) this.losses.add("unknown-fields");
    this.losses.add("unreadable-profiles", lostProfiles);
    const resources = this.#model.resources.map((record, at) => this.#resource(record, `resource_profiles[${at}]`));
    return {
      layout: "D10",
      dictionary: this.#rebuilder.columns.view(),
      resources: resources.filter(({ scopes }) => scopes.length > 0),
      findings: [],
      lostProfiles: 0,
      unknown: { request: undefined, dictionary: undefined },
    };
  }

  #resource(record: ResourceRecord, place: string): ResourceRecord {
    this.losses.place = place;
    if (record.unknown) this.losses.add("unknown-fields");
    const resource = this.#resolver ? this.#resolver.resolve(record.resource, "resource") : record.resource;
    const scopes = record.scopes.flatMap((scope, at) => this.#scope(scope, `${place}.scope_profiles[${at}]`));
    return { resource, schemaUrl: record.schemaUrl, scopes, unknown: undefined };
  }

  /** Profiles whose default types differ cannot share a scope: it says so for all of them. */
  #scope(record: ScopeRecord, place: string): ScopeRecord[] {
    this.losses.place = place;
    if (record.unknown) this.losses.add("unknown-fields");
    const scope = this.#resolver ? this.#resolver.resolve(record.scope, "scope") : record.scope;
    const groups = new Map<string, { scope: Uint8Array; profiles: ProfileRecord[] }>();
    for (const [at, profile] of record.profiles.entries()) {
      this.losses.place = `${place}.profiles[${at}]`;
      const split = this.#profile(profile);
      let key = `${profile.defaultType} ${split.defaultType !== ""} ${split.order.join()}`;
      if (groups.size >= MAX_SCOPES && !groups.has(key)) {
        this.losses.add("default-sample-type");
        key = groups.keys().next().value!;
      }
      let group = groups.get(key);
      if (!group)
        groups.set(key, (group = { scope: scopeWithTypes(scope, split.defaultType, split.order), profiles: [] }));
      group.profiles.push(...split.profiles);
    }
    return [...groups.values()].map((group) => ({ ...group, schemaUrl: record.schemaUrl, unknown: undefined }));
  }

  #profile(profile: ProfileRecord): SplitProfile {
    const { losses } = this;
    losses.add("unreadable-samples", profile.lostSamples);
    if (profile.unknown) losses.add("unknown-fields");
    const types = this.#types(profile);
    const upgrade = {
      rebuilder: this.#rebuilder,
      losses,
      types: types.length,
      sentTypes: profile.types.length,
      counts: types.map(({ unit }) => this.#model.dictionary.strings.text(unit) === "count"),
    };
    const bySample = upgradeSamples(profile, upgrade);
    const order = types.map((_type, at) => at);
    const first = profile.defaultType === 0 ? 0 : types.findIndex(({ type }) => type === profile.defaultType);
    if (first > 0) order.splice(0, 0, ...order.splice(first, 1));
    else if (first < 0) losses.add("default-sample-type");
    const attributes = this.#attributes(profile);
    const profiles = order.map((at, ordinal) => this.#one(profile, types, at, ordinal, bySample[at]!, attributes));
    const defaultType = first < 0 ? "" : this.#model.dictionary.strings.text(profile.defaultType);
    return { profiles, defaultType, order: first > 0 ? order : [] };
  }

  /** The types that become profiles: one without a name where there is none. */
  #types({ types, samples }: ProfileRecord): readonly ValueTypeRecord[] {
    if (types.length === 0) return [{ type: 0, unit: 0, temporality: Temporality.UNSPECIFIED }];
    if (types.length > 1 && sameTypes(types) && lacksValues(samples, types.length)) return types.slice(0, 1);
    const numbers = samples.length * 5 + samples.attributes.length + samples.timestamps.length * 2;
    const most = Math.max(1, Math.min(MAX_TYPES, Math.floor(MAX_SPLIT_NUMBERS / Math.max(1, numbers))));
    this.losses.add("sample-types", types.length - most);
    return types.slice(0, most);
  }

  #one(
    profile: ProfileRecord,
    types: readonly ValueTypeRecord[],
    type: number,
    ordinal: number,
    samples: Samples,
    attributes: readonly number[],
  ): ProfileRecord {
    const rebuilder = this.#rebuilder;
    const window = this.#old ? windowOf(profile, samples, this.losses) : profile;
    const lost = this.#options.keepTemporality === true ? Temporality.UNSPECIFIED : types[type]!.temporality;
    const own =
      lost === Temporality.CUMULATIVE
        ? [...attributes, rebuilder.newAttribute(LegacyKey.TEMPORALITY, "cumulative")]
        : attributes;
    if (lost !== Temporality.UNSPECIFIED) this.losses.add("temporality");
    return {
      types: [this.#valueType(types[type]!)],
      defaultType: 0,
      periodType: this.#valueType(profile.periodType),
      period: profile.period,
      timeUnixNano: window.timeUnixNano,
      durationNano: window.durationNano,
      profileId: this.#profileId(profile, ordinal),
      attributes: Int32Array.from(own),
      droppedAttributesCount: profile.droppedAttributesCount,
      ...this.#payload(profile, types.length, ordinal),
      comments: NONE,
      dropFrames: 0,
      keepFrames: 0,
      samples,
      lostSamples: 0,
      innerWindow: undefined,
      unknown: undefined,
    };
  }

  #valueType({ type, unit, temporality }: ValueTypeRecord): ValueTypeRecord {
    return {
      type: this.#rebuilder.string(type),
      unit: this.#rebuilder.string(unit),
      temporality: this.#options.keepTemporality === true ? temporality : Temporality.UNSPECIFIED,
    };
  }

  /** What all profiles that come from this one say about themselves. */
  #attributes(profile: ProfileRecord): readonly number[] {
    const rebuilder = this.#rebuilder;
    const { strings } = this.#model.dictionary;
    const found = Array.from(profile.attributes, (index) => rebuilder.attribute(index));
    const add = (key: string, value: AttributeValue) => found.push(rebuilder.newAttribute(key, value));
    if (profile.comments.length > 0) add(LegacyKey.COMMENT, this.#comments(profile.comments));
    if (profile.dropFrames !== 0) add(LegacyKey.DROP_FRAMES, strings.text(profile.dropFrames));
    if (profile.keepFrames !== 0) add(LegacyKey.KEEP_FRAMES, strings.text(profile.keepFrames));
    const { keepTemporality } = this.#options;
    if (!keepTemporality && profile.periodType.temporality !== Temporality.UNSPECIFIED) this.losses.add("temporality");
    rebuilder.beginOwner();
    return found.filter((attribute) => {
      if (attribute === 0) return false;
      const first = rebuilder.isFirst(attribute);
      if (!first) this.losses.add("duplicate-attribute");
      return first;
    });
  }

  #comments(comments: Int32Array): readonly string[] {
    const { strings } = this.#model.dictionary;
    const texts: string[] = [];
    for (const comment of comments) {
      // A comment without text has its place in the list, too.
      this.#commentBytesLeft -= strings.size(comment) + 4;
      if (this.#commentBytesLeft < 0) {
        this.losses.add("comments", comments.length - texts.length);
        break;
      }
      texts.push(strings.text(comment));
    }
    return texts;
  }

  /** Readers take 16 bytes or none, and refuse the whole request otherwise. */
  #profileId({ profileId }: ProfileRecord, ordinal: number): Uint8Array {
    if (profileId.length !== 16) {
      if (profileId.length > 0 && ordinal === 0) this.losses.add("profile-id");
      return EMPTY;
    }
    return ordinal === 0 ? profileId : derivedId(profileId, `type ${ordinal}`);
  }

  #payload(
    { originalPayload, originalPayloadFormat }: ProfileRecord,
    count: number,
    ordinal: number,
  ): Pick<ProfileRecord, "originalPayload" | "originalPayloadFormat"> {
    const none = { originalPayload: EMPTY, originalPayloadFormat: "" };
    if (originalPayload.length === 0 && originalPayloadFormat === "") return none;
    const whole = originalPayload.length > 0 && originalPayloadFormat !== "";
    const attached = count === 1 || (this.#options.splitPayload === "first" && ordinal === 0);
    if (whole && attached) return { originalPayload, originalPayloadFormat };
    if (ordinal === 0) this.losses.add("original-payload");
    return none;
  }
}

/** Layouts up to D7 share one model of samples, those from D8 on another. */
export function isOld(layout: Layout): boolean {
  return layoutOrder(layout) <= layoutOrder("D7");
}

/**
 * The id of a further profile that came from one: the same at each attempt to send it, and no other profile's.
 * Zeros and nothing stay what they are.
 */
export function derivedId(id: Uint8Array, what: string): Uint8Array {
  if (id.every((byte) => byte === 0)) return EMPTY;
  return createHash("sha256").update(id).update(what).digest().subarray(0, 16);
}

/** Whether all types after the first are the same one: the mark of agents that added one for each sample. */
function sameTypes(types: readonly ValueTypeRecord[]): boolean {
  return types.slice(2).every(({ type, unit }) => type === types[1]!.type && unit === types[1]!.unit);
}

function lacksValues({ length, valueOffsets }: Samples, types: number): boolean {
  for (let at = 0; at < length; at++) if (valueOffsets[at + 1]! - valueOffsets[at]! !== types) return true;
  return false;
}

const EMPTY = new Uint8Array(0);
const NONE = new Int32Array(0);
