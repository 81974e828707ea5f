import { ParseError, Writer, WriterFullError } from "#wire";
import type {
  Dictionary,
  ProfileRecord,
  ProfilesModel,
  ResourceRecord,
  ScopeRecord,
  ValueTypeRecord,
} from "../profiles/model.ts";
import { lowerProfiles } from "./lower-profiles.ts";
import { type Loss, LossLog } from "./losses.ts";
import { singleProfile } from "./single-profile.ts";
import { ReferenceResolver } from "./references.ts";
import { isOld, type UpgradeOptions, upgradeProfiles } from "./upgrade-profiles.ts";
import { wireNumbers, type WritableLayout } from "./wire-numbers.ts";
import { writeSamples } from "./write-samples.ts";
import { type TableContext, writeIndex, writePacked, writeTables } from "./write-tables.ts";

/** How a request is written. */
export interface WriteOptions extends UpgradeOptions {
  /**
   * References to strings in resources, scopes and attribute values (1.10): as text, which every receiver reads, or
   * as they are, for those known to resolve them. Older layouts have only text.
   */
  readonly references?: "literal" | "keep";
  /** Link 0: empty as in 1.10, or ids of zeros, which 1.11 prefers. */
  readonly zeroLink?: "empty" | "zeros";
  /** Result at most; one request whose profiles bring their own tables can become many times larger. */
  readonly maxBytes?: number;
}

/** An ExportProfilesServiceRequest, and what it could not say. */
export interface WrittenProfiles {
  readonly bytes: Uint8Array;
  readonly losses: readonly Loss[];
}

const DEFAULT_MAX_BYTES = 256 << 20;

/**
 * Writes a model as an export request of a layout. A model of that very layout keeps everything it had, unknown
 * fields included; otherwise it is upgraded or made older first, and what gets lost is told. The error is that of a
 * result larger than `maxBytes`.
 */
export function writeProfiles(
  model: ProfilesModel,
  layout: WritableLayout,
  options: WriteOptions = {},
): WrittenProfiles | ParseError {
  const shaped = shapeFor(model, layout, options);
  const writer = new RequestWriter(shaped.model, layout, options, model.layout === layout);
  try {
    const bytes = writer.write();
    return { bytes, losses: [...shaped.losses, ...writer.losses.list()] };
  } catch (error) {
    if (!(error instanceof WriterFullError)) throw error;
    const most = options.maxBytes ?? DEFAULT_MAX_BYTES;
    return new ParseError(`would be larger than ${most} bytes in the wanted layout`);
  }
}

/** A model that says nothing the layout has no place for. */
function shapeFor(
  model: ProfilesModel,
  layout: WritableLayout,
  options: UpgradeOptions,
): { readonly model: ProfilesModel; readonly losses: readonly Loss[] } {
  if (model.layout === layout) return { model, losses: [] };
  // E alone has fields that D4 to D7 say with attributes, and those read as well in E.
  if (isOld(model.layout) && isOld(layout) && model.layout !== "E") return { model, losses: [] };
  const keepTemporality = wireNumbers(layout).valueType.temporality !== 0;
  const upgraded =
    model.layout === "D10" ? { model, losses: [] } : upgradeProfiles(model, { ...options, keepTemporality });
  if (layout === "D10" || layout === "D9") return upgraded;
  const lowered = lowerProfiles(upgraded.model, layout);
  return { model: lowered.model, losses: [...upgraded.losses, ...lowered.losses] };
}

class RequestWriter {
  readonly losses = new LossLog();
  readonly #model: ProfilesModel;
  readonly #context: TableContext;
  readonly #writer: Writer;

  constructor(model: ProfilesModel, layout: WritableLayout, options: WriteOptions, keepUnknown: boolean) {
    this.#model = model;
    const capacity = Math.max(4096, model.dictionary.strings.source.length);
    this.#writer = new Writer(capacity, options.maxBytes ?? DEFAULT_MAX_BYTES);
    const literal = model.layout === "D10" && (layout !== "D10" || options.references !== "keep");
    this.#context = {
      writer: this.#writer,
      numbers: wireNumbers(layout),
      losses: this.losses,
      resolver: literal ? new ReferenceResolver(model.dictionary.strings, this.losses) : undefined,
      keepUnknown,
      zeroLink: options.zeroLink ?? "empty",
    };
  }

  /** Throws `WriterFullError`. */
  write(): Uint8Array {
    const { resources, dictionary, unknown, lostProfiles } = this.#model;
    const { request } = this.#context.numbers;
    if (this.#context.keepUnknown) this.losses.add("unreadable-profiles", lostProfiles);
    for (const [at, resource] of resources.entries()) this.#resource(resource, `resource_profiles[${at}]`);
    this.losses.place = "";
    if (request.dictionary !== 0) {
      this.#writer.open(request.dictionary);
      writeTables(this.#context, dictionary);
      this.#unknown(unknown.dictionary);
      this.#writer.close();
    } else if (unknown.dictionary) this.losses.add("unknown-fields");
    this.#unknown(unknown.request);
    return this.#writer.finish();
  }

  #resource(record: ResourceRecord, place: string): void {
    const writer = this.#writer;
    this.losses.place = place;
    writer.open(this.#context.numbers.request.resources);
    const resource = this.#context.resolver?.resolve(record.resource, "resource") ?? record.resource;
    if (resource.length > 0) writer.bytes(1, resource);
    for (const [at, scope] of record.scopes.entries()) this.#scope(scope, `${place}.scope_profiles[${at}]`);
    if (record.schemaUrl !== "") writer.string(3, record.schemaUrl);
    this.#unknown(record.unknown);
    writer.close();
  }

  #scope(record: ScopeRecord, place: string): void {
    const writer = this.#writer;
    this.losses.place = place;
    writer.open(2);
    const scope = this.#context.resolver?.resolve(record.scope, "scope") ?? record.scope;
    if (scope.length > 0) writer.bytes(1, scope);
    for (const [at, profile] of record.profiles.entries()) {
      this.losses.place = `${place}.profiles[${at}]`;
      this.#profile(profile);
    }
    if (record.schemaUrl !== "") writer.string(3, record.schemaUrl);
    this.#unknown(record.unknown);
    writer.close();
  }

  #profile(whole: ProfileRecord): void {
    const writer = this.#writer;
    const field = this.#context.numbers.profile;
    if (this.#context.keepUnknown) this.losses.add("unreadable-samples", whole.lostSamples);
    // Where there is no dictionary, each profile brings what it uses.
    const tables = this.#context.numbers.request.dictionary === 0;
    const { profile, dictionary } = tables
      ? singleProfile(this.#model, whole, this.losses)
      : { profile: whole, dictionary: this.#model.dictionary };
    writer.open(2);
    if (field.nested !== 0) {
      this.#identity(profile, dictionary);
      this.#window(profile);
      writer.open(field.nested);
      this.#content(profile, dictionary);
      writeTables(this.#context, dictionary);
      writer.close();
    } else {
      this.#content(profile, dictionary);
      if (tables) writeTables(this.#context, dictionary);
      this.#identity(profile, dictionary);
    }
    this.#unknown(whole.unknown);
    writer.close();
  }

  /** What E says in the container and later layouts in the profile itself. */
  #identity(profile: ProfileRecord, dictionary: Dictionary): void {
    const writer = this.#writer;
    const field = this.#context.numbers.profile;
    if (profile.profileId.length > 0) writer.bytes(field.id, profile.profileId);
    if (field.inlineAttributes !== 0) this.#inlineAttributes(profile, dictionary);
    else writePacked(writer, field.attributes, profile.attributes, 0, profile.attributes.length);
    writeIndex(writer, field.droppedAttributes, profile.droppedAttributesCount);
    if (profile.originalPayloadFormat !== "") writer.string(field.payloadFormat, profile.originalPayloadFormat);
    if (profile.originalPayload.length > 0) writer.bytes(field.payload, profile.originalPayload);
  }

  #content(profile: ProfileRecord, dictionary: Dictionary): void {
    const writer = this.#writer;
    const field = this.#context.numbers.profile;
    for (const type of profile.types) this.#valueType(field.types, type);
    writeSamples(this.#context, dictionary, profile);
    this.#time(profile);
    const { periodType, period } = profile;
    if (periodType.type !== 0 || periodType.unit !== 0) this.#valueType(field.periodType, periodType);
    if (period !== 0n) writer.varint64(field.period, period);
    writePacked(writer, field.comments, profile.comments, 0, profile.comments.length);
    writeIndex(writer, field.defaultTypeString, profile.defaultType);
    if (field.defaultTypeIndex !== 0 && profile.defaultType !== 0) {
      const index = profile.types.findIndex(({ type }) => type === profile.defaultType);
      if (index > 0) writer.varint(field.defaultTypeIndex, index);
    }
    writeIndex(writer, field.dropFrames, profile.dropFrames);
    writeIndex(writer, field.keepFrames, profile.keepFrames);
  }

  #time({ timeUnixNano, durationNano, innerWindow }: ProfileRecord): void {
    const writer = this.#writer;
    const field = this.#context.numbers.profile;
    if (field.timeUnixNano !== 0) writer.fixed64(field.timeUnixNano, timeUnixNano);
    else {
      const time = innerWindow?.timeNanos ?? timeUnixNano;
      if (time !== 0n) writer.varint64(field.timeNanos, time);
    }
    const duration = field.timeUnixNano === 0 && innerWindow ? innerWindow.durationNanos : durationNano;
    if (duration !== 0n) writer.varint64(field.duration, duration);
  }

  /** The container's window, as two instants. */
  #window({ timeUnixNano, durationNano }: ProfileRecord): void {
    const field = this.#context.numbers.profile;
    if (timeUnixNano !== 0n) this.#writer.fixed64(field.start, timeUnixNano);
    if (timeUnixNano + durationNano !== 0n) this.#writer.fixed64(field.end, timeUnixNano + durationNano);
  }

  #valueType(field: number, { type, unit, temporality }: ValueTypeRecord): void {
    const { valueType } = this.#context.numbers;
    this.#writer.open(field);
    writeIndex(this.#writer, valueType.type, type);
    writeIndex(this.#writer, valueType.unit, unit);
    writeIndex(this.#writer, valueType.temporality, temporality);
    this.#writer.close();
  }

  /** Layout E: KeyValues in the container, which cannot have units. */
  #inlineAttributes({ attributes: indexes }: ProfileRecord, { attributes, strings }: Dictionary): void {
    const writer = this.#writer;
    for (const index of indexes) {
      writer.open(this.#context.numbers.profile.inlineAttributes);
      writer.bytes(1, strings.bytes(attributes.key[index]!));
      const value = attributes.values.bytes(index);
      if (value.length > 0) writer.bytes(2, this.#context.resolver?.resolve(value, "anyValue") ?? value);
      writer.close();
      if (attributes.unit[index] !== 0) this.losses.add("conflicting-unit");
    }
  }

  #unknown(fields: Uint8Array | undefined): void {
    if (!fields) return;
    if (this.#context.keepUnknown) this.#writer.raw(fields);
    else this.losses.add("unknown-fields");
  }
}
