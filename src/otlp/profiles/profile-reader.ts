import { ParseError, Reader } from "#wire";
import { Int32Column } from "./columns.ts";
import { DictionaryColumns } from "./dictionary-columns.ts";
import { EntryField, isKnown, layoutFields, ProfileField, roleOf, type LayoutFields } from "./fields.ts";
import type { FindingKind, Findings } from "./findings.ts";
import { layoutOrder, type Layout } from "./layout.ts";
import type { ProfileRecord, ValueTypeRecord } from "./model.ts";
import type { AdoptedIndexes, ModelBuilder } from "./model-builder.ts";
import { pushInts } from "./packed.ts";
import { SampleReader } from "./sample-reader.ts";
import { skipSamples } from "./skip-samples.ts";
import { TableReader } from "./table-reader.ts";
import { IndexRule, TableResolver, type IndexRules } from "./table-resolver.ts";

/** Sample types of a profile at most; each sample of E to D7 has a value for each. */
const MAX_TYPES = 1 << 16;

/** Samples of a request at most: what two bytes say takes twenty in the model. */
const MAX_SAMPLES = 1 << 23;

/** What the fields of a profile say, before the indexes mean anything. */
class RawProfile {
  readonly types = new Int32Column();
  periodType: readonly [number, number, number] = [0, 0, 0];
  readonly locationIndices = new Int32Column();
  readonly comments = new Int32Column();
  readonly attributes = new Int32Column();
  /** Ranges of KeyValues (E, D4). */
  readonly inlineAttributes: number[] = [];
  time = 0n;
  duration = 0n;
  windowStart = 0n;
  windowEnd = 0n;
  period = 0n;
  defaultString = 0;
  defaultIndex = 0;
  dropFrames = 0;
  keepFrames = 0;
  droppedAttributes = 0;
  format = "";
  payload: Uint8Array = EMPTY;
  id: Uint8Array = EMPTY;
  unknown: Uint8Array | undefined;
  samples = 0;
  /** Pieces of the Profile inside a container (E). */
  readonly nested: number[] = [];
}

/** Reads profiles of one layout and one request. */
export class ProfileReader {
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #fields: LayoutFields;
  readonly #findings: Findings;
  readonly #builder: ModelBuilder;
  readonly #samples: SampleReader;
  readonly #reader = new Reader();
  readonly #inner = new Reader();
  /** Rules of the request's dictionary; undefined where each profile has its own tables. */
  readonly #rules: IndexRules | undefined;
  /** Tables of the profile at hand, where it has its own. */
  readonly #own: DictionaryColumns;
  readonly #ownTables: TableReader;
  /** Whether there is one sample type, which is a message of its own. */
  readonly #oneType: boolean;
  readonly #wide: boolean;
  /** Samples of all profiles so far. */
  #sampleCount = 0;

  constructor(
    bytes: Uint8Array,
    layout: Layout,
    builder: ModelBuilder,
    rules: IndexRules | undefined,
    findings: Findings,
  ) {
    this.#bytes = bytes;
    this.#layout = layout;
    this.#fields = layoutFields(layout);
    this.#builder = builder;
    this.#rules = rules;
    this.#findings = findings;
    this.#own = new DictionaryColumns(bytes);
    this.#ownTables = new TableReader(bytes, layout, this.#own, findings);
    this.#samples = new SampleReader(bytes, layout, builder, findings);
    this.#oneType = layoutOrder(layout) >= layoutOrder("D8");
    this.#wide = layout === "E";
  }

  /** Reads the profile (in E: the container) at `bytes[start, end)`. */
  read(start: number, end: number, place: () => string): ProfileRecord | ParseError {
    const raw = new RawProfile();
    let ranges: readonly number[] = [start, end];
    if (this.#layout === "E") {
      const problem = this.#walk(ranges, this.#fields.container, raw, undefined, place);
      if (problem) return problem;
      ranges = raw.nested;
    }
    const tables = this.#rules ? undefined : this.#ownTables;
    const local = this.#rules ? undefined : this.#own;
    local?.reset();
    tables?.reset();
    const problem = this.#walk(ranges, this.#fields.profile, raw, tables, place);
    if (problem) return problem;
    this.#sampleCount += raw.samples;
    if (this.#sampleCount > MAX_SAMPLES) return new ParseError(`more than ${MAX_SAMPLES} samples`);
    let inline: readonly number[] = [];
    let { adopted, rules }: { adopted: AdoptedIndexes | undefined; rules: IndexRules | undefined } = {
      adopted: undefined,
      rules: this.#rules,
    };
    if (local && tables?.isEmpty === true && raw.inlineAttributes.length === 0) rules = NO_TABLES;
    else if (local && tables) {
      const counted = local.attributes.length;
      inline = this.#inline(raw, tables, local, place);
      rules = new TableResolver(local, this.#layout, this.#findings, place).resolve(tables, counted);
      adopted = this.#builder.adopt(local.view());
    }
    return this.#record(raw, ranges, rules!, adopted, inline, place);
  }

  /** Reads all fields but the samples. */
  #walk(
    ranges: readonly number[],
    fields: LayoutFields["profile"],
    raw: RawProfile,
    tables: TableReader | undefined,
    place: () => string,
  ): ParseError | undefined {
    const reader = this.#reader;
    for (let piece = 0; piece < ranges.length; piece += 2) {
      reader.reset(this.#bytes, ranges[piece]!, ranges[piece + 1]!);
      while (reader.next()) {
        const role = roleOf(fields, reader.field, reader.wireType);
        if (role === ProfileField.SAMPLES) {
          raw.samples += 1 + skipSamples(reader);
          continue;
        }
        if (role >= ProfileField.SAMPLE_TYPE) {
          const problem = this.#field(role, raw, place);
          if (problem) return problem;
        } else if (role > 0) {
          const read = tables?.read(role, reader, place);
          if (read instanceof ParseError) return read;
        } else if (isKnown(fields, reader.field)) this.#report("wrong-wire-type", "profile", place);
        else raw.unknown = this.#findings.keepUnknown(raw.unknown, reader);
      }
      if (reader.failed) return located(reader);
    }
    return undefined;
  }

  #field(role: number, raw: RawProfile, place: () => string): ParseError | undefined {
    const reader = this.#reader;
    switch (role) {
      case ProfileField.SAMPLE_TYPE:
        return this.#sampleType(raw, place);
      case ProfileField.PERIOD_TYPE: {
        const read = this.#valueType(raw.periodType);
        if (read instanceof ParseError) return read.within("period_type");
        raw.periodType = read;
        break;
      }
      case ProfileField.LOCATION_INDICES:
        pushInts(reader, raw.locationIndices, this.#wide);
        break;
      case ProfileField.COMMENTS:
        pushInts(reader, raw.comments, this.#wide);
        break;
      case ProfileField.ATTRIBUTES:
        pushInts(reader, raw.attributes, false);
        break;
      case ProfileField.INLINE_ATTRIBUTES:
        raw.inlineAttributes.push(reader.start, reader.end);
        break;
      case ProfileField.TIME:
        raw.time = this.#oneType ? reader.uint64() : reader.int64();
        break;
      case ProfileField.DURATION:
        raw.duration = this.#oneType ? reader.uint64() : reader.int64();
        break;
      case ProfileField.WINDOW_START:
        raw.windowStart = reader.uint64();
        break;
      case ProfileField.WINDOW_END:
        raw.windowEnd = reader.uint64();
        break;
      case ProfileField.PERIOD:
        raw.period = reader.int64();
        break;
      case ProfileField.DEFAULT_TYPE_STRING:
        raw.defaultString = this.#index();
        break;
      case ProfileField.DEFAULT_TYPE_INDEX:
        raw.defaultIndex = this.#index();
        break;
      case ProfileField.DROP_FRAMES:
        raw.dropFrames = this.#index();
        break;
      case ProfileField.KEEP_FRAMES:
        raw.keepFrames = this.#index();
        break;
      case ProfileField.DROPPED_ATTRIBUTES:
        raw.droppedAttributes = reader.low >>> 0;
        break;
      case ProfileField.PAYLOAD_FORMAT:
        raw.format = reader.string();
        break;
      case ProfileField.PAYLOAD:
        raw.payload = this.#bytes.subarray(reader.start, reader.end);
        break;
      case ProfileField.PROFILE_ID:
        raw.id = this.#bytes.subarray(reader.start, reader.end);
        break;
      case ProfileField.NESTED:
        raw.nested.push(reader.start, reader.end);
        break;
    }
    return undefined;
  }

  #sampleType(raw: RawProfile, place: () => string): ParseError | undefined {
    const { types } = raw;
    const before = this.#oneType && types.length > 0;
    const read = this.#valueType(before ? [types.values[0]!, types.values[1]!, types.values[2]!] : NO_TYPE);
    if (read instanceof ParseError) return read.within("sample_type");
    if (types.length >= MAX_TYPES * 3) return new ParseError(`more than ${MAX_TYPES} sample types`, "sample_type");
    if (before) {
      this.#report("repeated-singular", "sample_type", place);
      types.length = 0;
    }
    for (const number of read) types.push(number);
    return undefined;
  }

  /** @param before what pieces of the same message said */
  #valueType(before: readonly [number, number, number]): readonly [number, number, number] | ParseError {
    let [type, unit, temporality] = before;
    const reader = this.#inner;
    reader.reset(this.#bytes, this.#reader.start, this.#reader.end);
    while (reader.next()) {
      const role = roleOf(this.#fields.valueType, reader.field, reader.wireType);
      const index = this.#wide && reader.high !== 0 ? -1 : reader.low;
      if (role === EntryField.TYPE) type = index;
      else if (role === EntryField.UNIT) unit = index;
      else if (role === EntryField.TEMPORALITY) temporality = reader.low;
    }
    return reader.failed ? located(reader) : [type, unit, temporality];
  }

  /** Appends the profile's own attributes to its table and returns where they are. */
  #inline(raw: RawProfile, tables: TableReader, local: DictionaryColumns, place: () => string): readonly number[] {
    const indexes: number[] = [];
    for (let at = 0; at < raw.inlineAttributes.length; at += 2) {
      indexes.push(local.attributes.length);
      tables.attribute(raw.inlineAttributes[at]!, raw.inlineAttributes[at + 1]!, "attributes", place);
    }
    return indexes;
  }

  #record(
    raw: RawProfile,
    ranges: readonly number[],
    rules: IndexRules,
    adopted: AdoptedIndexes | undefined,
    inline: readonly number[],
    place: () => string,
  ): ProfileRecord | ParseError {
    const string = (index: number, field: string): number => {
      const found = rules.strings.scalar(index);
      if (found < 0) this.#report("index-out-of-range", field, place);
      return found <= 0 ? 0 : adopted ? adopted.strings[found]! : found;
    };
    const types: ValueTypeRecord[] = [];
    for (let at = 0; at < raw.types.length; at += 3) {
      const [type, unit, temporality] = raw.types.values.subarray(at, at + 3) as unknown as [number, number, number];
      if (rules.strings.scalar(type) < 0) return new ParseError(`string ${type} does not exist`, "sample_type");
      types.push({ type: string(type, "ValueType.type"), unit: string(unit, "ValueType.unit"), temporality });
    }
    if (this.#oneType && types.length === 0) types.push({ type: 0, unit: 0, temporality: 0 });
    const attributes = new Int32Column();
    for (const index of inline) attributes.push(adopted!.attributes[index]!);
    for (const index of raw.attributes.view()) {
      const found = rules.attributes.element(index);
      if (found > 0) attributes.push(adopted ? adopted.attributes[found]! : found);
      else this.#report("index-out-of-range", "Profile.attribute_indices", place);
    }
    const { locationIndices } = raw;
    const context = { rules, adopted, locationIndices, types: types.length, count: raw.samples, place };
    const read = this.#samples.read(ranges, context);
    if (read instanceof ParseError) return read;
    if ((raw.format === "") !== (raw.payload.length === 0)) this.#report("half-payload", "original_payload", place);
    if (raw.id.length !== 0 && raw.id.length !== 16) this.#report("id-size", "profile_id", place);
    const [type, unit, temporality] = raw.periodType;
    const comments = [...raw.comments.view()].map((index) => string(index, "comment"));
    return {
      types,
      defaultType: this.#defaultType(raw, types, string),
      periodType: { type: string(type, "ValueType.type"), unit: string(unit, "ValueType.unit"), temporality },
      period: raw.period,
      ...this.#window(raw, place),
      profileId: raw.id,
      attributes: attributes.view(),
      droppedAttributesCount: raw.droppedAttributes,
      originalPayloadFormat: raw.format,
      originalPayload: raw.payload,
      comments: Int32Array.from(comments),
      dropFrames: string(raw.dropFrames, "drop_frames"),
      keepFrames: string(raw.keepFrames, "keep_frames"),
      samples: read.samples,
      lostSamples: read.lost,
      unknown: raw.unknown,
    };
  }

  #defaultType(
    raw: RawProfile,
    types: readonly ValueTypeRecord[],
    string: (index: number, field: string) => number,
  ): number {
    if (raw.defaultString !== 0) return string(raw.defaultString, "default_sample_type");
    return raw.defaultIndex > 0 ? (types[raw.defaultIndex]?.type ?? 0) : 0;
  }

  /** E has the container's window and the profile's; the container's wins. */
  #window(raw: RawProfile, place: () => string): Pick<ProfileRecord, "timeUnixNano" | "durationNano" | "innerWindow"> {
    if (this.#layout !== "E" || (raw.windowStart === 0n && raw.windowEnd === 0n)) {
      return { timeUnixNano: raw.time, durationNano: raw.duration, innerWindow: undefined };
    }
    const backwards = raw.windowEnd < raw.windowStart;
    if (backwards) this.#report("bad-value", "end_time_unix_nano", place);
    return {
      timeUnixNano: raw.windowStart,
      durationNano: backwards ? 0n : raw.windowEnd - raw.windowStart,
      innerWindow: { timeNanos: raw.time, durationNanos: raw.duration },
    };
  }

  #index(): number {
    return this.#wide && this.#reader.high !== 0 ? -1 : this.#reader.low;
  }

  #report(kind: FindingKind, field: string, place: () => string): void {
    this.#findings.add(kind, field, this.#reader.fieldStart, place);
  }
}

const EMPTY = new Uint8Array(0);
const NO_TYPE = [0, 0, 0] as const;

/** Of a profile that should have tables and has none. */
const NO_TABLES: IndexRules = {
  strings: new IndexRule(1, 0, 0),
  attributes: new IndexRule(0, 1, 0),
  locations: new IndexRule(0, 1, 0),
  stacks: new IndexRule(0, 1, 0),
  links: new IndexRule(0, 1, 0),
  badStacks: undefined,
};

/** The reader's error with the offset in the request. */
export function located(reader: Reader): ParseError {
  return new ParseError(`${reader.error().problem} (byte ${reader.position})`);
}
