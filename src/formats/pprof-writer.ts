import { gzipSync } from "node:zlib";
import type { AttributeValue, ProfileRecord, ProfilesModel, ScopeRecord } from "#otlp";
import { Writer } from "#wire";
import { attributeKey, attributeValue, isList, scopeAttributes, valueText } from "./attributes.ts";
import { Key } from "./conventions.ts";
import type { WriteOptions } from "./format.ts";
import { PprofLabelSets } from "./pprof-label-sets.ts";
import { PprofRows } from "./pprof-rows.ts";
import { ProfileField, SampleField, ValueTypeField } from "./pprof-schema.ts";
import { PprofStrings } from "./pprof-strings.ts";
import { PprofTables } from "./pprof-tables.ts";
import { sampleValue } from "./sample-values.ts";

/**
 * Writes all profiles of a model as one pprof file. Profiles of one sample type are added up; samples of different
 * types that have the same stack and labels share a line, as pprof has it; timestamps become counts, as pprof has no
 * place for them; links become the labels `trace_id` and `span_id`. With `resources` each sample carries the attributes
 * of its resource as labels, without them it is not told apart which resource it is from. The window is what covers all
 * profiles; period and its type are the first that are set.
 *
 * What `readPprof` read is written again as it was, but for ids, entries that nothing uses and compression.
 */
export function writePprof(model: ProfilesModel, options: WriteOptions = {}): Uint8Array {
  const writer = new PprofWriter(model, options.resources === true);
  for (const resource of model.resources) {
    writer.labels.enterResource(resource);
    for (const scope of resource.scopes) writer.addScope(scope);
  }
  const bytes = writer.finish();
  return options.gzip === false ? bytes : gzipSync(bytes);
}

class PprofWriter {
  readonly labels: PprofLabelSets;
  readonly #model: ProfilesModel;
  readonly #strings: PprofStrings;
  readonly #rows = new PprofRows();
  /** Column of rows by type and unit. */
  readonly #types = new Map<string, number>();
  readonly #head = new ProfileHead();

  constructor(model: ProfilesModel, resources: boolean) {
    this.#model = model;
    this.#strings = new PprofStrings(model.dictionary.strings);
    this.labels = new PprofLabelSets(model.dictionary, this.#strings, resources);
  }

  addScope(scope: ScopeRecord): void {
    const attributes = scopeAttributes(scope.scope, this.#model.dictionary.strings);
    const defaultType = attributes.get(Key.DEFAULT_SAMPLE_TYPE);
    if (typeof defaultType === "string" && defaultType !== "") this.#head.defaultType ||= defaultType;
    for (const profile of inOriginalOrder(scope.profiles, attributes.get(Key.SAMPLE_TYPE_ORDER))) this.#add(profile);
  }

  #add(profile: ProfileRecord): void {
    const { samples } = profile;
    this.#head.add(profile, this.#model);
    const columns = profile.types.map(({ type, unit }) => this.#column(type, unit));
    this.#rows.nextProfile();
    for (let sample = 0; sample < samples.length; sample++) {
      const row = this.#rows.row(samples.stack[sample]!, this.labels.of(profile, sample));
      columns.forEach((column, type) => this.#rows.add(row, column, sampleValue(profile, sample, type)));
    }
  }

  #column(type: number, unit: number): number {
    const { strings } = this.#model.dictionary;
    const key = typeKey(strings.text(type), strings.text(unit));
    let column = this.#types.get(key);
    if (column === undefined) {
      column = this.#rows.addColumn();
      this.#types.set(key, column);
    }
    return column;
  }

  finish(): Uint8Array {
    const rows = this.#rows;
    const writer = new Writer(4096 + rows.length * 32);
    const tables = new PprofTables(this.#model.dictionary, this.#strings);
    tables.use(rows.stacks());
    if (rows.length === 0) this.#types.delete(NO_TYPE);
    for (const type of this.#types.keys()) this.#writeType(writer, ProfileField.SAMPLE_TYPE, type);
    for (let row = 0; row < rows.length; row++) {
      writer.open(ProfileField.SAMPLE);
      tables.writeStack(writer, SampleField.LOCATION_ID, rows.stack(row));
      writer.open(SampleField.VALUE);
      for (let column = 0; column < rows.columns; column++) writer.rawVarint64(rows.value(row, column));
      writer.close();
      writer.raw(this.labels.encoded(rows.labels(row)));
      writer.close();
    }
    tables.write(writer);
    this.#writeHead(writer);
    this.#strings.write(writer, ProfileField.STRING_TABLE);
    return writer.finish();
  }

  #writeHead(writer: Writer): void {
    const head = this.#head;
    const text = (field: number, value: string): void => {
      if (value !== "") writer.varint(field, this.#strings.text(value));
    };
    text(ProfileField.DROP_FRAMES, head.dropFrames);
    text(ProfileField.KEEP_FRAMES, head.keepFrames);
    if (head.start !== 0n) writer.varint64(ProfileField.TIME_NANOS, head.start);
    if (head.duration !== 0n) writer.varint64(ProfileField.DURATION_NANOS, head.duration);
    if (head.periodType !== NO_TYPE) this.#writeType(writer, ProfileField.PERIOD_TYPE, head.periodType);
    if (head.period !== 0n) writer.varint64(ProfileField.PERIOD, head.period);
    for (const comment of head.comments) writer.varint(ProfileField.COMMENT, this.#strings.text(comment));
    text(ProfileField.DEFAULT_SAMPLE_TYPE, head.defaultType);
    text(ProfileField.DOC_URL, head.docUrl);
  }

  #writeType(writer: Writer, field: number, typeAndUnit: string): void {
    const [type, unit] = JSON.parse(typeAndUnit) as [string, string];
    writer.open(field);
    writer.varint(ValueTypeField.TYPE, this.#strings.text(type));
    writer.varint(ValueTypeField.UNIT, this.#strings.text(unit));
    writer.close();
  }
}

function typeKey(type: string, unit: string): string {
  return JSON.stringify([type, unit]);
}

const NO_TYPE = typeKey("", "");

/** What is said once a file, gathered from all profiles. */
class ProfileHead {
  defaultType = "";
  dropFrames = "";
  keepFrames = "";
  docUrl = "";
  readonly comments: string[] = [];
  /** Type and unit. */
  periodType = NO_TYPE;
  period = 0n;
  #start = 0n;
  #end = 0n;
  #longest = 0n;

  get start(): bigint {
    return this.#start;
  }

  get duration(): bigint {
    return this.#start === 0n ? this.#longest : this.#end - this.#start;
  }

  add(profile: ProfileRecord, { dictionary }: ProfilesModel): void {
    const { strings } = dictionary;
    const { timeUnixNano: start, durationNano: duration, periodType } = profile;
    if (duration > this.#longest) this.#longest = duration;
    if (start !== 0n) {
      if (this.#start === 0n || start < this.#start) this.#start = start;
      if (this.#end === 0n || start + duration > this.#end) this.#end = start + duration;
    }
    if (this.periodType === NO_TYPE)
      this.periodType = typeKey(strings.text(periodType.type), strings.text(periodType.unit));
    if (this.period === 0n) this.period = profile.period;
    this.defaultType ||= strings.text(profile.defaultType);
    this.dropFrames ||= strings.text(profile.dropFrames);
    this.keepFrames ||= strings.text(profile.keepFrames);
    const comments = [...profile.comments].map((comment) => strings.text(comment));
    for (const index of profile.attributes) {
      const key = attributeKey(dictionary, index);
      if (!key.startsWith("pprof.profile.")) continue;
      const value = attributeValue(dictionary, index);
      if (key === Key.DROP_FRAMES) this.dropFrames ||= valueText(value);
      else if (key === Key.KEEP_FRAMES) this.keepFrames ||= valueText(value);
      else if (key === Key.DOC_URL) this.docUrl ||= valueText(value);
      else if (isList(value)) comments.push(...value.map(valueText));
      // The Collector's translator sends one attribute a comment: pprof.profile.comment.0, .1, …
      else if (key.startsWith(Key.COMMENT)) comments.push(valueText(value));
    }
    // Profiles of one file all bring its comments.
    const known = new Set(this.comments);
    this.comments.push(...comments.filter((comment) => !known.has(comment)));
  }
}

/** Profiles of a scope as they were in the file: `order` has the original position of each. */
function inOriginalOrder(profiles: readonly ProfileRecord[], order: AttributeValue): readonly ProfileRecord[] {
  if (!isList(order) || order.length !== profiles.length) return profiles;
  const sorted = new Array<ProfileRecord | undefined>(profiles.length);
  order.forEach((position, at) => {
    if (typeof position === "bigint" && position >= 0n && position < order.length)
      sorted[Number(position)] = profiles[at];
  });
  const complete = sorted.filter((profile) => profile !== undefined);
  return complete.length === profiles.length ? complete : profiles;
}
