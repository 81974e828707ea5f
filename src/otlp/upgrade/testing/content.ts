import { type AttributeValue, decodeValue } from "../../attribute-value.ts";
import { decodeAttribute } from "../../attribute-value.ts";
import { Reader } from "#wire";
import type { Dictionary, ProfileRecord, ProfilesModel, Samples } from "../../profiles/model.ts";
import { MappingHas } from "../../profiles/model.ts";
import { StringTable } from "../../string-table.ts";
import { isOld } from "../upgrade-profiles.ts";

/**
 * What a request says, whatever its layout and tables: plain text to be compared before and after a conversion. A
 * profile of several types is several profiles, and what old layouts say in fields reads as the attributes of today.
 * Written apart from the conversions, so that they can be wrong.
 */
export interface ProfileContent {
  readonly resource: string;
  readonly scope: string;
  readonly type: string;
  readonly period: string;
  readonly time: bigint;
  readonly duration: bigint;
  readonly attributes: readonly string[];
  readonly payload: string;
  readonly dropped: number;
  /** Total by stack, attributes and link. */
  readonly totals: ReadonlyMap<string, bigint>;
  /** Sorted timestamps by the same. */
  readonly timestamps: ReadonlyMap<string, readonly bigint[]>;
}

/** Each profile's content, sorted so that the order of types and scopes does not matter. */
export function contentOf(model: ProfilesModel): readonly ProfileContent[] {
  const text = new ContentReader(model.dictionary);
  const found = model.resources.flatMap(({ resource, schemaUrl, scopes }) =>
    scopes.flatMap(({ scope, schemaUrl: scopeUrl, profiles }) =>
      profiles.flatMap((profile) =>
        (profile.types.length === 0 ? [{ type: 0, unit: 0 }] : profile.types).map((type, at) => ({
          resource: `${text.attributesIn(resource, 1).join(" ")} ${schemaUrl}`,
          scope: `${text.attributesIn(scope, 3).join(" ")} ${scopeUrl}`,
          type: text.valueType(type),
          period: `${profile.period} ${text.valueType(profile.periodType)}`,
          time: profile.timeUnixNano,
          duration: profile.durationNano,
          attributes: text.profileAttributes(profile),
          payload: `${profile.originalPayloadFormat} ${Buffer.from(profile.originalPayload).toString("base64")}`,
          dropped: profile.droppedAttributesCount,
          ...text.samples(profile.samples, at, isOld(model.layout)),
        })),
      ),
    ),
  );
  return found.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function keyOf({ resource, scope, type, period, time, attributes, totals }: ProfileContent): string {
  return [resource, scope, type, period, time, attributes, [...totals].join()].join("|");
}

class ContentReader {
  readonly #dictionary: Dictionary;

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary;
  }

  valueType({ type, unit }: { type: number; unit: number }): string {
    const { strings } = this.#dictionary;
    return `${strings.text(type)}/${strings.text(unit)}`;
  }

  /** Attributes of an encoded Resource or scope, and its other fields. */
  attributesIn(bytes: Uint8Array, field: number): readonly string[] {
    const reader = new Reader();
    const found: string[] = [];
    const { owner, start } = this.#inRequest(bytes);
    reader.reset(owner, start, start + bytes.length);
    while (reader.next()) {
      if (reader.field !== field) found.push(`${reader.field}:${plainField(owner, reader, field)}`);
      else {
        const attribute = decodeAttribute(owner, reader.start, reader.end, this.#references());
        found.push(`${attribute?.key}=${shown(attribute?.value)}`);
      }
    }
    return found.filter((one) => !one.startsWith("pprof.scope.")).toSorted();
  }

  profileAttributes(profile: ProfileRecord): readonly string[] {
    const { strings } = this.#dictionary;
    const found = Array.from(profile.attributes, (index) => this.#attribute(index));
    const comments = Array.from(profile.comments, (index) => JSON.stringify(strings.text(index)));
    if (comments.length > 0) found.push(`pprof.profile.comment=[${comments.join()}]`);
    if (profile.dropFrames !== 0) found.push(`pprof.profile.drop_frames="${strings.text(profile.dropFrames)}"`);
    if (profile.keepFrames !== 0) found.push(`pprof.profile.keep_frames="${strings.text(profile.keepFrames)}"`);
    return found.toSorted();
  }

  samples(samples: Samples, type: number, old: boolean): Pick<ProfileContent, "totals" | "timestamps"> {
    const totals = new Map<string, bigint>();
    const timestamps = new Map<string, bigint[]>();
    for (let at = 0; at < samples.length; at++) {
      const values = samples.values.subarray(samples.valueOffsets[at], samples.valueOffsets[at + 1]);
      const times = samples.timestamps.subarray(samples.timestampOffsets[at], samples.timestampOffsets[at + 1]);
      if (values.length === 0 && times.length === 0) continue;
      const attributes = Array.from(
        samples.attributes.subarray(samples.attributeOffsets[at], samples.attributeOffsets[at + 1]),
        (index) => this.#attribute(index),
      );
      const identity = [
        this.#stack(samples.stack[at]!),
        attributes.toSorted().join(" "),
        this.#link(samples.link[at]!),
      ].join(" | ");
      totals.set(identity, (totals.get(identity) ?? 0n) + totalOf(values, times, type, old));
      timestamps.set(
        identity,
        [...(timestamps.get(identity) ?? []), ...times].toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }
    return { totals, timestamps };
  }

  #stack(index: number): string {
    const { offsets, values } = this.#dictionary.stacks;
    return Array.from(values.subarray(offsets[index], offsets[index + 1]), (at) => this.#location(at)).join(" < ");
  }

  #location(index: number): string {
    const { locations, functions, strings } = this.#dictionary;
    const lines: string[] = [];
    for (let at = locations.lineOffsets[index]!; at < locations.lineOffsets[index + 1]!; at++) {
      const one = locations.lines.function[at]!;
      const names = [functions.name[one]!, functions.systemName[one]!, functions.filename[one]!];
      const numbers = [functions.startLine[one], locations.lines.line[at], locations.lines.column[at]];
      lines.push([...names.map((name) => strings.text(name)), ...numbers].join(":"));
    }
    const attributes = this.#list(locations.attributes, index);
    if (locations.folded[index] === 1) attributes.push("pprof.location.is_folded=true");
    const type = strings.text(locations.frameType[index]!);
    const today: Readonly<Record<string, string>> = { python: "cpython", v8: "v8js", phpjit: "php" };
    if (type !== "") attributes.push(`profile.frame.type="${today[type] ?? type}"`);
    const mapping = this.#mapping(locations.mapping[index]!);
    return `${locations.address[index]} ${lines.join("/")} {${attributes.toSorted().join(" ")}} ${mapping}`;
  }

  #mapping(index: number): string {
    const { mappings, strings } = this.#dictionary;
    const attributes = this.#list(mappings.attributes, index);
    for (const [name, bit] of Object.entries(MappingHas)) {
      if (mappings.has[index]! & bit) attributes.push(`pprof.mapping.has_${name.toLowerCase()}=true`);
    }
    const buildId = strings.text(mappings.buildId[index]!);
    if (buildId !== "") {
      const kind = mappings.buildIdKind[index] === 0 ? "gnu" : "htlhash";
      attributes.push(`process.executable.build_id.${kind}="${buildId}"`);
    }
    const range = [mappings.memoryStart[index], mappings.memoryLimit[index], mappings.fileOffset[index]].join("-");
    return `[${range} ${strings.text(mappings.filename[index]!)} {${attributes.toSorted().join(" ")}}]`;
  }

  /** Zeros mean none. */
  #link(index: number): string {
    const { links } = this.#dictionary;
    const [trace, span] = [links.traceIds.bytes(index), links.spanIds.bytes(index)];
    return `${Buffer.from(trace).toString("hex")}/${Buffer.from(span).toString("hex")}`.replace(/^0+\/0+$/, "/");
  }

  #list({ offsets, values }: { offsets: Int32Array; values: Int32Array }, index: number): string[] {
    return Array.from(values.subarray(offsets[index], offsets[index + 1]), (at) => this.#attribute(at));
  }

  #attribute(index: number): string {
    const { attributes, strings } = this.#dictionary;
    const encoded = attributes.values.bytes(index);
    const { owner, start } = this.#inRequest(encoded);
    const value = decodeValue(owner, start, start + encoded.length, this.#references());
    const unit = strings.text(attributes.unit[index]!);
    return `${strings.text(attributes.key[index]!)}=${shown(value)}${unit === "" ? "" : ` ${unit}`}`;
  }

  /** Decoders look for references in the bytes they decode: in the whole request, if these are a part of it. */
  #inRequest(bytes: Uint8Array): { owner: Uint8Array; start: number } {
    const { source } = this.#dictionary.strings;
    const start = bytes.byteOffset - source.byteOffset;
    const isPart = bytes.buffer === source.buffer && start >= 0 && start + bytes.length <= source.length;
    return isPart ? { owner: source, start } : { owner: bytes, start: 0 };
  }

  /** The model's strings as those of the request that decoders of attributes expect. */
  #references(): StringTable {
    const table = new StringTable();
    table.reset(this.#dictionary.strings.source);
    return table;
  }
}

/** A field of a Resource or scope; entities by their fields in ascending order. */
function plainField(owner: Uint8Array, { field, start, end }: Reader, attributes: number): string {
  if (field !== 3 || attributes !== 1) return Buffer.from(owner.subarray(start, end)).toString("latin1");
  const inner = new Reader();
  const found: { field: number; text: string }[] = [];
  inner.reset(owner, start, end);
  while (inner.next()) found.push({ field: inner.field, text: inner.string() });
  const sorted = found.toSorted((a, b) => a.field - b.field);
  return sorted.map((one) => `${one.field} ${one.text}`).join();
}

/** Timestamps count one each where no value goes with them; early agents sent `[1]` or `[how many]` beside them. */
function totalOf(values: BigInt64Array, times: BigUint64Array, type: number, old: boolean): bigint {
  const count = BigInt(times.length);
  if (values.length === 0) return count;
  if (old && values.length > type && values.length !== times.length) {
    return values.length === 1 && values[0] === 1n && count > 1n ? count : values[type]!;
  }
  return old && type > 0 ? (values[type] ?? 0n) : values.reduce((sum, value) => sum + value, 0n);
}

function shown(value: AttributeValue): string {
  if (Array.isArray(value)) return `[${value.map((one) => shown(one as AttributeValue)).join()}]`;
  if (value instanceof Map)
    return `{${[...value].map(([key, one]) => `${key}:${shown(one as AttributeValue)}`).join()}}`;
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return `${Object.is(value, -0) ? "-0" : value}d`;
  return typeof value === "bigint" || typeof value === "boolean" ? String(value) : "unset";
}
