import { Writer } from "#wire";
import type { AttributeValue } from "../attribute-value.ts";
import { encodeValue } from "../attribute-value.ts";
import { DictionaryColumns } from "./dictionary-columns.ts";
import { InternIndex } from "./intern-index.ts";
import type { Layout } from "./layout.ts";
import type { Dictionary, ProfileRecord, ProfilesModel, ResourceRecord } from "./model.ts";
import { NO_SAMPLES } from "./samples-builder.ts";

/** A mapping to be interned; what is left out is zero or empty. */
export interface MappingEntry {
  readonly memoryStart?: bigint;
  readonly memoryLimit?: bigint;
  readonly fileOffset?: bigint;
  /** String. */
  readonly filename?: number;
  /** Attributes. */
  readonly attributes?: ArrayLike<number>;
  /** Bits of `MappingHas`. */
  readonly has?: number;
  /** String. */
  readonly buildId?: number;
  readonly buildIdKind?: number;
}

/** A location to be interned; what is left out is zero or empty. */
export interface LocationEntry {
  readonly mapping?: number;
  readonly address?: bigint;
  /** The innermost inlined call first. */
  readonly lines?: readonly { readonly function: number; readonly line?: bigint; readonly column?: bigint }[];
  readonly attributes?: ArrayLike<number>;
  readonly folded?: boolean;
  /** String. */
  readonly frameType?: number;
}

/** Where the entries of another dictionary are in this one: new index by old index. */
export interface AdoptedIndexes {
  readonly strings: Int32Array;
  readonly attributes: Int32Array;
  readonly functions: Int32Array;
  readonly mappings: Int32Array;
  readonly locations: Int32Array;
  readonly stacks: Int32Array;
  readonly links: Int32Array;
}

/**
 * Makes the dictionary of a model from anything: each method returns the index of the entry, the same one for equal
 * entries, 0 for the null element. Entries refer to others by index, so build from strings upward.
 *
 *     const builder = new ModelBuilder();
 *     const main = builder.function(builder.string("main"));
 *     const stack = builder.stack([builder.location({ lines: [{ function: main }] })]);
 *     const samples = new SamplesBuilder();
 *     samples.add(stack, [], 0, [1n], []);
 *     const profile = { ...EMPTY_PROFILE, types: [...], samples: samples.finish() };
 *     const model = builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
 */
export class ModelBuilder {
  readonly columns: DictionaryColumns;
  readonly #strings: InternIndex;
  readonly #attributes: InternIndex;
  readonly #functions: InternIndex;
  readonly #mappings: InternIndex;
  readonly #locations: InternIndex;
  readonly #stacks: InternIndex;
  readonly #links: InternIndex;
  readonly #texts = new Map<string, number>();

  /**
   * @param source the bytes that entries found in place are ranges of; for readers of requests
   * @param seeded false where a reader of D8 and later finds the null elements in the request: only the empty string
   *   is there, and entries are not to be interned before the others are
   * @param columns memory to use; what it had is lost
   */
  constructor(source: Uint8Array = EMPTY, seeded = true, columns = new DictionaryColumns()) {
    columns.begin(source);
    if (seeded) columns.seed();
    else columns.strings.addRange(0, 0);
    this.columns = columns;
    this.#strings = new InternIndex(columns.strings);
    this.#attributes = new InternIndex(columns.attributes);
    this.#functions = new InternIndex(columns.functions);
    this.#mappings = new InternIndex(columns.mappings);
    this.#locations = new InternIndex(columns.locations);
    this.#stacks = new InternIndex(columns.stacks);
    this.#links = new InternIndex(columns.links);
    if (seeded) for (const [table, index] of this.#tables()) index.intern(0, table.hash(0));
  }

  string(text: string): number {
    if (text === "") return 0;
    let index = this.#texts.get(text);
    if (index === undefined) {
      index = this.stringBytes(encoder.encode(text));
      this.#texts.set(text, index);
    }
    return index;
  }

  /** A string that is UTF-8 already, which must not change any more. */
  stringBytes(bytes: Uint8Array): number {
    const { strings } = this.columns;
    return internLast(strings, this.#strings, strings.add(bytes));
  }

  /**
   * @param value an AnyValue as JavaScript value
   * @param unit a string
   */
  attribute(key: number, value: AttributeValue, unit = 0): number {
    return this.encodedAttribute(key, encodeValue(value), unit);
  }

  /** @param value an encoded AnyValue without references to strings, which must not change any more */
  encodedAttribute(key: number, value: Uint8Array, unit = 0, label = 0): number {
    const { attributes } = this.columns;
    attributes.push(key, unit, label);
    attributes.values.add(value);
    return internLast(attributes, this.#attributes, attributes.length - 1);
  }

  /** All three are strings. */
  function(name: number, systemName = 0, filename = 0, startLine = 0n): number {
    const { functions } = this.columns;
    functions.push(name, systemName, filename, lowOf(startLine), highOf(startLine));
    return internLast(functions, this.#functions, functions.length - 1);
  }

  mapping(entry: MappingEntry): number {
    const { mappings } = this.columns;
    mappings.memoryStart.pushBig(entry.memoryStart ?? 0n);
    mappings.memoryLimit.pushBig(entry.memoryLimit ?? 0n);
    mappings.fileOffset.pushBig(entry.fileOffset ?? 0n);
    mappings.attributes.pushAll(entry.attributes);
    mappings.push(entry.filename ?? 0, entry.has ?? 0, entry.buildId ?? 0, entry.buildIdKind ?? 0);
    return internLast(mappings, this.#mappings, mappings.length - 1);
  }

  location(entry: LocationEntry): number {
    const { locations } = this.columns;
    for (const line of entry.lines ?? []) {
      locations.lineFunction.push(line.function);
      locations.lineLine.pushBig(line.line ?? 0n);
      locations.lineColumn.pushBig(line.column ?? 0n);
    }
    locations.attributes.pushAll(entry.attributes);
    const address = entry.address ?? 0n;
    const folded = entry.folded === true ? 1 : 0;
    locations.push(entry.mapping ?? 0, lowOf(address), highOf(address), folded, entry.frameType ?? 0);
    return internLast(locations, this.#locations, locations.length - 1);
  }

  /** @param locations leaf first */
  stack(locations: ArrayLike<number>): number {
    const { stacks } = this.columns;
    stacks.locations.pushAll(locations);
    stacks.locations.close();
    return this.internStack();
  }

  /** Interns the stack that was just closed in `columns.stacks`. */
  internStack(): number {
    const { stacks } = this.columns;
    return internLast(stacks, this.#stacks, stacks.length - 1);
  }

  /** Ids must not change any more. */
  link(traceId: Uint8Array, spanId: Uint8Array): number {
    const { links } = this.columns;
    links.traceIds.add(traceId);
    links.spanIds.add(spanId);
    return internLast(links, this.#links, links.length - 1);
  }

  /**
   * Takes over every entry of another dictionary, whose bytes must outlive this one. References to strings inside of
   * attribute values (layout D10) are not translated: `resolveReferences` first where there may be any.
   */
  adopt(other: Dictionary): AdoptedIndexes {
    const strings = new Int32Array(other.strings.length);
    for (let at = 1; at < strings.length; at++) {
      const table = this.columns.strings;
      strings[at] = internLast(table, this.#strings, table.addFrom(other.strings, at));
    }
    const attributes = this.#adoptAttributes(other, strings);
    const functions = this.#adoptFunctions(other, strings);
    const mappings = this.#adoptMappings(other, strings, attributes);
    const locations = this.#adoptLocations(other, { strings, attributes, functions, mappings });
    const stacks = this.#adoptStacks(other, locations);
    return { strings, attributes, functions, mappings, locations, stacks, links: this.#adoptLinks(other) };
  }

  /** The model. The builder is not to be used afterwards. */
  finish(resources: readonly ResourceRecord[], layout: Layout = "D10"): ProfilesModel {
    return {
      layout,
      dictionary: this.columns.view(),
      resources,
      findings: [],
      lostProfiles: 0,
      unknown: { request: undefined, dictionary: undefined },
    };
  }

  #adoptAttributes({ attributes: from }: Dictionary, strings: Int32Array): Int32Array {
    const { attributes } = this.columns;
    return adoptTable(from, attributes, this.#attributes, (at) => {
      attributes.push(strings[from.key[at]!]!, strings[from.unit[at]!]!, from.label[at]!);
      attributes.values.addFrom(from.values, at);
    });
  }

  #adoptFunctions({ functions: from }: Dictionary, strings: Int32Array): Int32Array {
    const { functions } = this.columns;
    const lines = halvesOf(from.startLine);
    return adoptTable(from, functions, this.#functions, (at) => {
      const [name, systemName, filename] = [from.name[at]!, from.systemName[at]!, from.filename[at]!];
      functions.push(strings[name]!, strings[systemName]!, strings[filename]!, lines[at * 2]!, lines[at * 2 + 1]!);
    });
  }

  #adoptMappings({ mappings: from }: Dictionary, strings: Int32Array, attributes: Int32Array): Int32Array {
    const { mappings } = this.columns;
    const pairs = [
      [mappings.memoryStart, halvesOf(from.memoryStart)],
      [mappings.memoryLimit, halvesOf(from.memoryLimit)],
      [mappings.fileOffset, halvesOf(from.fileOffset)],
    ] as const;
    return adoptTable(from, mappings, this.#mappings, (at) => {
      for (const [column, halves] of pairs) column.push(halves[at * 2]!, halves[at * 2 + 1]!);
      mappings.attributes.pushMapped(from.attributes, at, attributes);
      mappings.push(strings[from.filename[at]!]!, from.has[at]!, strings[from.buildId[at]!]!, from.buildIdKind[at]!);
    });
  }

  #adoptLocations(
    { locations: from }: Dictionary,
    maps: Pick<AdoptedIndexes, "strings" | "attributes" | "functions" | "mappings">,
  ): Int32Array {
    const { locations } = this.columns;
    const addresses = halvesOf(from.address);
    const lines = halvesOf(from.lines.line);
    const columns = halvesOf(from.lines.column);
    return adoptTable(from, locations, this.#locations, (at) => {
      for (let line = from.lineOffsets[at]!; line < from.lineOffsets[at + 1]!; line++) {
        locations.lineFunction.push(maps.functions[from.lines.function[line]!]!);
        locations.lineLine.push(lines[line * 2]!, lines[line * 2 + 1]!);
        locations.lineColumn.push(columns[line * 2]!, columns[line * 2 + 1]!);
      }
      locations.attributes.pushMapped(from.attributes, at, maps.attributes);
      const frameType = maps.strings[from.frameType[at]!]!;
      const mapping = maps.mappings[from.mapping[at]!]!;
      locations.push(mapping, addresses[at * 2]!, addresses[at * 2 + 1]!, from.folded[at]!, frameType);
    });
  }

  #adoptStacks({ stacks: from }: Dictionary, locations: Int32Array): Int32Array {
    const { stacks } = this.columns;
    return adoptTable(from, stacks, this.#stacks, (at) => {
      stacks.locations.pushMapped(from, at, locations);
      stacks.locations.close();
    });
  }

  #adoptLinks({ links: from }: Dictionary): Int32Array {
    const { links } = this.columns;
    return adoptTable(from, links, this.#links, (at) => {
      links.traceIds.addFrom(from.traceIds, at);
      links.spanIds.addFrom(from.spanIds, at);
    });
  }

  #tables(): readonly (readonly [Interned, InternIndex])[] {
    const { columns } = this;
    return [
      [columns.strings, this.#strings],
      [columns.attributes, this.#attributes],
      [columns.functions, this.#functions],
      [columns.mappings, this.#mappings],
      [columns.locations, this.#locations],
      [columns.stacks, this.#stacks],
      [columns.links, this.#links],
    ];
  }
}

/** A table whose last entry can be compared with the others and taken back. */
interface Interned {
  hash(index: number): number;
  pop(): void;
}

function internLast(table: Interned, index: InternIndex, last: number): number {
  const found = index.intern(last, table.hash(last));
  if (found !== last) table.pop();
  return found;
}

/** Appends the entries of another table by `push` and interns each, but for those with unknown fields. */
function adoptTable(
  from: { readonly length: number; readonly unknown?: ReadonlyMap<number, Uint8Array> },
  to: Interned & { readonly length: number; readonly unknown: Map<number, Uint8Array> },
  index: InternIndex,
  push: (at: number) => void,
): Int32Array {
  const map = new Int32Array(from.length);
  for (let at = 1; at < from.length; at++) {
    push(at);
    const unknown = from.unknown?.get(at);
    if (unknown) {
      map[at] = to.length - 1;
      to.unknown.set(to.length - 1, unknown);
    } else map[at] = internLast(to, index, to.length - 1);
  }
  return map;
}

function lowOf(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function highOf(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

/** The halves of a 64-bit column: low at 2i, high at 2i + 1. */
export function halvesOf(column: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2);
}

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const NO_INDEXES = new Int32Array(0);

/** A profile that says nothing, to be spread under what a reader knows. */
export const EMPTY_PROFILE: ProfileRecord = {
  types: [],
  defaultType: 0,
  periodType: { type: 0, unit: 0, temporality: 0 },
  period: 0n,
  timeUnixNano: 0n,
  durationNano: 0n,
  profileId: EMPTY,
  attributes: NO_INDEXES,
  droppedAttributesCount: 0,
  originalPayloadFormat: "",
  originalPayload: EMPTY,
  comments: NO_INDEXES,
  dropFrames: 0,
  keepFrames: 0,
  samples: NO_SAMPLES,
  lostSamples: 0,
  innerWindow: undefined,
  unknown: undefined,
};

/** A resource and a scope that say nothing. `encodeResource` makes the bytes of one. */
export const EMPTY_RESOURCE: ResourceRecord = { resource: EMPTY, schemaUrl: "", scopes: [], unknown: undefined };
export const EMPTY_SCOPE = {
  scope: EMPTY,
  schemaUrl: "",
  profiles: [] as readonly ProfileRecord[],
  unknown: undefined,
};

/** Encodes a Resource message with these attributes, for `ResourceRecord.resource`. */
export function encodeResource(attributes: Iterable<readonly [string, AttributeValue]>): Uint8Array {
  const writer = new Writer(64);
  for (const [key, value] of attributes) {
    writer.open(1);
    writer.string(1, key);
    writer.bytes(2, encodeValue(value));
    writer.close();
  }
  return writer.finish();
}
