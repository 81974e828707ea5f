import type { Finding } from "./findings.ts";
import type { Layout } from "./layout.ts";
import type { ByteTable, StringTable } from "./tables.ts";

/**
 * One profiles request, whatever layout it came in: tables as structures of arrays, profiles as light records.
 *
 * Every index in here is resolved: 0 is the null element of its table (present in every table, also where the input
 * has none), every other index is in range. What the input meant by 0 (a real element up to D7, null from D8 on) was
 * settled by the reader, as was everything that pointed nowhere: see `findings` and `ProfileRecord.lostSamples`.
 * Tables hold what the input's tables hold, including entries that nothing uses and duplicates, in order; where each
 * profile brings its own tables (E, D4, D5) equal entries become one.
 *
 * 64-bit columns are BigInt64Array or BigUint64Array. The machine is little-endian: `new Int32Array(column.buffer,
 * column.byteOffset, column.length * 2)` shows the halves of entry i at 2i (low) and 2i + 1 (high) without a bigint.
 * Columns may be views of larger buffers. Nobody changes a model; the bytes it was read from must outlive it.
 */
export interface ProfilesModel {
  /** What it was read from; D10 for models made by a `ModelBuilder`. */
  readonly layout: Layout;
  readonly dictionary: Dictionary;
  readonly resources: readonly ResourceRecord[];
  /** Oddities of the input, one entry a kind and place, counted and bounded. */
  readonly findings: readonly Finding[];
  /** Profiles that could not be kept at all (no type to be found); the rest of the request is here. */
  readonly lostProfiles: number;
  /** Fields of the request and the dictionary that no layout knows, whole with their tags. */
  readonly unknown: RequestUnknown;
}

/** Unknown fields outside of records. Empty maps where there are none. */
export interface RequestUnknown {
  readonly request: Uint8Array | undefined;
  readonly dictionary: Uint8Array | undefined;
}

/** The tables of a request. Element 0 of each is null: empty text, no mapping, no stack. */
export interface Dictionary {
  readonly strings: StringTable;
  readonly attributes: AttributeTable;
  readonly functions: FunctionTable;
  readonly mappings: MappingTable;
  readonly locations: LocationTable;
  readonly stacks: IndexLists;
  readonly links: LinkTable;
}

/** Lists of indexes: list i is `values[offsets[i]] … values[offsets[i + 1] - 1]`. `offsets` has one entry more. */
export interface IndexLists {
  /** How many lists. */
  readonly length: number;
  readonly offsets: Int32Array;
  readonly values: Int32Array;
}

/** Unknown fields of table entries or samples by index, whole with their tags. Nearly always empty. */
export type UnknownFields = ReadonlyMap<number, Uint8Array>;

/** Attributes of profiles, samples, locations and mappings. */
export interface AttributeTable {
  readonly length: number;
  /** Strings. */
  readonly key: Int32Array;
  /**
   * Strings; 0 is no unit. Up to D7 units belong to keys: they are set on each entry of the key (the first unit of a
   * key wins).
   */
  readonly unit: Int32Array;
  /**
   * Encoded AnyValues; empty bytes are a value that is not set. In D10 they may hold references to strings
   * (`string_value_strindex`, `key_strindex` of nested lists), which are indexes of `Dictionary.strings`.
   */
  readonly values: ByteTable;
  /** 1 where the entry is a pprof label of a sample (layout E), else 0. */
  readonly label: Uint8Array;
  readonly unknown: UnknownFields;
}

export interface FunctionTable {
  readonly length: number;
  /** Strings. */
  readonly name: Int32Array;
  readonly systemName: Int32Array;
  readonly filename: Int32Array;
  readonly startLine: BigInt64Array;
  readonly unknown: UnknownFields;
}

/** Bits of `MappingTable.has` (layouts up to D7; later ones say it with attributes). */
export const MappingHas = { FUNCTIONS: 1, FILENAMES: 2, LINE_NUMBERS: 4, INLINE_FRAMES: 8 } as const;

/** Kinds of `MappingTable.buildIdKind`. */
export const BuildIdKind = { LINKER: 0, BINARY_HASH: 1 } as const;

export interface MappingTable {
  readonly length: number;
  readonly memoryStart: BigUint64Array;
  readonly memoryLimit: BigUint64Array;
  readonly fileOffset: BigUint64Array;
  /** Strings. */
  readonly filename: Int32Array;
  readonly attributes: IndexLists;
  readonly has: Uint8Array;
  /** Strings; layout E only, 0 elsewhere: later layouts say it with attributes. */
  readonly buildId: Int32Array;
  readonly buildIdKind: Uint8Array;
  readonly unknown: UnknownFields;
}

export interface LocationTable {
  readonly length: number;
  /** Mappings; 0 is none. */
  readonly mapping: Int32Array;
  readonly address: BigUint64Array;
  readonly attributes: IndexLists;
  /** 1 where several symbols share the address (layouts up to D7; later ones say it with an attribute). */
  readonly folded: Uint8Array;
  /** Strings as sent (`python`, `v8`, …); layout E only, 0 elsewhere: later layouts have `profile.frame.type`. */
  readonly frameType: Int32Array;
  /** Lines of location i are `lineOffsets[i] … lineOffsets[i + 1] - 1`, the innermost inlined call first. */
  readonly lineOffsets: Int32Array;
  readonly lines: LineTable;
  readonly unknown: UnknownFields;
}

/** Lines of all locations. */
export interface LineTable {
  readonly length: number;
  /** Functions; 0 is none. */
  readonly function: Int32Array;
  readonly line: BigInt64Array;
  readonly column: BigInt64Array;
}

/** Trace and span as sent: 16 and 8 bytes, or none. Entry 0 is empty. An entry of zeros means none as well. */
export interface LinkTable {
  readonly length: number;
  readonly traceIds: ByteTable;
  readonly spanIds: ByteTable;
  readonly unknown: UnknownFields;
}

export interface ResourceRecord {
  /** The encoded Resource message, pieces joined; D10's references in it are indexes of `Dictionary.strings`. */
  readonly resource: Uint8Array;
  readonly schemaUrl: string;
  readonly scopes: readonly ScopeRecord[];
  readonly unknown: Uint8Array | undefined;
}

export interface ScopeRecord {
  /** The encoded InstrumentationScope message, pieces joined; references as in `ResourceRecord.resource`. */
  readonly scope: Uint8Array;
  readonly schemaUrl: string;
  readonly profiles: readonly ProfileRecord[];
  readonly unknown: Uint8Array | undefined;
}

/** Values of `ValueTypeRecord.temporality`; layouts from D9 on cannot say it. */
export const Temporality = { UNSPECIFIED: 0, DELTA: 1, CUMULATIVE: 2 } as const;

export interface ValueTypeRecord {
  /** Strings. */
  readonly type: number;
  readonly unit: number;
  readonly temporality: number;
}

export interface ProfileRecord {
  /** Any number up to D7 (values of a sample: one for each), exactly one from D8 on (of empty strings if absent). */
  readonly types: readonly ValueTypeRecord[];
  /**
   * String: name of the type to show first; 0 where not told. D6 and D7 give a position, 0 of which is the same as not
   * told; from D8 on the scope attribute `pprof.scope.default_sample_type` tells, and this is 0.
   */
  readonly defaultType: number;
  readonly periodType: ValueTypeRecord;
  readonly period: bigint;
  /** Start of the window, signed up to D7. In E the container's window, or the inner profile's where it has none. */
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Usually 16 bytes; empty is none. */
  readonly profileId: Uint8Array;
  /** Attributes. */
  readonly attributes: Int32Array;
  readonly droppedAttributesCount: number;
  readonly originalPayloadFormat: string;
  readonly originalPayload: Uint8Array;
  /** Strings; layouts up to D8. */
  readonly comments: Int32Array;
  /** Strings; layout E only. */
  readonly dropFrames: number;
  readonly keepFrames: number;
  readonly samples: Samples;
  /** Samples that were sent but could not be kept, because their stack cannot be found. */
  readonly lostSamples: number;
  /** Where layout E said the time twice: what the inner profile said. */
  readonly innerWindow: { readonly timeNanos: bigint; readonly durationNanos: bigint } | undefined;
  readonly unknown: Uint8Array | undefined;
}

/**
 * Samples of one profile. Values of sample i are `values[valueOffsets[i]] … values[valueOffsets[i + 1] - 1]`, likewise
 * attributes and timestamps. How values and timestamps go together is as sent: one value for each type up to D7 (with
 * any number of timestamps); from D8 on one for each timestamp, or one without timestamps, or only timestamps.
 */
export interface Samples {
  readonly length: number;
  /** Stacks; 0 is the empty one. */
  readonly stack: Int32Array;
  /** Links; 0 is none. */
  readonly link: Int32Array;
  readonly attributeOffsets: Int32Array;
  /** Attributes, as sent: order and repetitions kept, of E's labels after its attributes. */
  readonly attributes: Int32Array;
  readonly valueOffsets: Int32Array;
  readonly values: BigInt64Array;
  readonly timestampOffsets: Int32Array;
  readonly timestamps: BigUint64Array;
  /** Strings with a hash of the stack; layout E only. */
  readonly stacktraceId: Int32Array | undefined;
  readonly unknown: UnknownFields;
}
