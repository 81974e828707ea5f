import { type Dictionary, type IndexLists, ModelBuilder, type ProfileRecord, type ProfilesModel } from "#otlp";
import { Reader, WireType } from "#wire";

/** The tables of a model, in the order in which people ask for them. */
export const TABLES = ["strings", "attributes", "functions", "mappings", "locations", "stacks", "links"] as const;
export type Table = (typeof TABLES)[number];

/** Entries of a table, the null element at 0 not counted. */
export interface TableUsage {
  readonly entries: number;
  /** That nothing in the request leads to. */
  readonly unused: number;
  /** That say the same as one before. */
  readonly duplicates: number;
}

/** Counts what the tables hold in vain. */
export function tableUsage(model: ProfilesModel): Readonly<Record<Table, TableUsage>> {
  const used = new UsageMarks(model).used;
  const first = new ModelBuilder(model.dictionary.strings.source).adopt(model.dictionary);
  const usage = (table: Table): TableUsage => {
    const entries = model.dictionary[table].length;
    let unused = 0;
    let distinct = 0;
    let highest = 0;
    for (let at = 1; at < entries; at++) {
      if (used[table][at] === 0) unused++;
      // The builder numbers new entries upward: what is not above the highest so far was there before.
      if (first[table][at]! > highest) {
        highest = first[table][at]!;
        distinct++;
      }
    }
    return { entries: Math.max(0, entries - 1), unused, duplicates: Math.max(0, entries - 1 - distinct) };
  };
  return Object.fromEntries(TABLES.map((table) => [table, usage(table)])) as Record<Table, TableUsage>;
}

/** Follows all references from the resources and profiles. */
class UsageMarks {
  readonly used: Readonly<Record<Table, Uint8Array>>;
  readonly #dictionary: Dictionary;

  constructor({ dictionary, resources }: ProfilesModel) {
    this.#dictionary = dictionary;
    this.used = Object.fromEntries(TABLES.map((table) => [table, new Uint8Array(dictionary[table].length)])) as Record<
      Table,
      Uint8Array
    >;
    for (const resource of resources) {
      this.#markReferences(resource.resource, 1);
      for (const scope of resource.scopes) {
        this.#markReferences(scope.scope, 3);
        for (const profile of scope.profiles) this.#markProfile(profile);
      }
    }
    this.#followStacks();
    this.#followLocations();
    this.#followMappings();
    this.#followFunctions();
    this.#followAttributes();
  }

  #markProfile(profile: ProfileRecord): void {
    const { strings, stacks, links, attributes } = this.used;
    const { samples } = profile;
    for (const { type, unit } of [...profile.types, profile.periodType]) mark(strings, [type, unit]);
    mark(strings, [profile.defaultType, profile.dropFrames, profile.keepFrames]);
    mark(strings, profile.comments);
    mark(attributes, profile.attributes);
    markAll(stacks, samples.stack);
    markAll(links, samples.link);
    markAll(attributes, samples.attributes);
    if (samples.stacktraceId) markAll(strings, samples.stacktraceId);
  }

  #followStacks(): void {
    const { stacks } = this.#dictionary;
    for (let at = 0; at < stacks.length; at++) {
      if (this.used.stacks[at] === 1) markList(this.used.locations, stacks, at);
    }
  }

  #followLocations(): void {
    const { locations } = this.#dictionary;
    const { used } = this;
    for (let at = 0; at < locations.length; at++) {
      if (used.locations[at] === 0) continue;
      used.mappings[locations.mapping[at]!] = 1;
      used.strings[locations.frameType[at]!] = 1;
      markList(used.attributes, locations.attributes, at);
      for (let line = locations.lineOffsets[at]!; line < locations.lineOffsets[at + 1]!; line++) {
        used.functions[locations.lines.function[line]!] = 1;
      }
    }
  }

  #followMappings(): void {
    const { mappings } = this.#dictionary;
    for (let at = 0; at < mappings.length; at++) {
      if (this.used.mappings[at] === 0) continue;
      mark(this.used.strings, [mappings.filename[at]!, mappings.buildId[at]!]);
      markList(this.used.attributes, mappings.attributes, at);
    }
  }

  #followFunctions(): void {
    const { functions } = this.#dictionary;
    for (let at = 0; at < functions.length; at++) {
      if (this.used.functions[at] === 0) continue;
      mark(this.used.strings, [functions.name[at]!, functions.systemName[at]!, functions.filename[at]!]);
    }
  }

  #followAttributes(): void {
    const { attributes } = this.#dictionary;
    for (let at = 0; at < attributes.length; at++) {
      if (this.used.attributes[at] === 0) continue;
      mark(this.used.strings, [attributes.key[at]!, attributes.unit[at]!]);
      this.#markValue(attributes.values.bytes(at), 0);
    }
  }

  /** KeyValues in a field of Resource (1), InstrumentationScope (3) or KeyValueList (1). */
  #markReferences(bytes: Uint8Array, field: number, depth = 0): void {
    const outer = new Reader();
    const inner = new Reader();
    outer.reset(bytes, 0, bytes.length);
    while (outer.nextOf(field)) {
      inner.reset(bytes, outer.start, outer.end);
      while (inner.next()) {
        if (inner.field === 3 && inner.wireType === WireType.VARINT) mark(this.used.strings, [inner.low]);
        else if (inner.field === 2 && inner.wireType === WireType.LEN) {
          this.#markValue(bytes.subarray(inner.start, inner.end), depth);
        }
      }
    }
  }

  /** AnyValue: 8 is a reference to a string, 5 a list of values, 6 a list of keys and values. */
  #markValue(bytes: Uint8Array, depth: number): void {
    if (depth > MAX_DEPTH) return;
    const reader = new Reader();
    const element = new Reader();
    reader.reset(bytes, 0, bytes.length);
    while (reader.next()) {
      if (reader.field === 8 && reader.wireType === WireType.VARINT) mark(this.used.strings, [reader.low]);
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === 6) this.#markReferences(bytes.subarray(reader.start, reader.end), 1, depth + 1);
      else if (reader.field === 5) {
        element.reset(bytes, reader.start, reader.end);
        while (element.nextOf(1)) this.#markValue(bytes.subarray(element.start, element.end), depth + 1);
      }
    }
  }
}

const MAX_DEPTH = 64;

/** For the columns of samples, which are long. Their indexes are in range. */
function markAll(used: Uint8Array, indexes: Int32Array): void {
  const { length } = indexes;
  for (let at = 0; at < length; at++) used[indexes[at]!] = 1;
}

function mark(used: Uint8Array, indexes: ArrayLike<number>): void {
  for (let at = 0; at < indexes.length; at++) if (indexes[at]! < used.length) used[indexes[at]!] = 1;
}

function markList(used: Uint8Array, { offsets, values }: IndexLists, list: number): void {
  for (let at = offsets[list]!; at < offsets[list + 1]!; at++) used[values[at]!] = 1;
}
