import { Writer } from "#wire";
import fc from "fast-check";

/** A profile in the terms of profile.proto, for the encoder below, which shares no code with the writer under test. */
export interface PprofFile {
  readonly types: readonly (readonly [string, string])[];
  readonly samples: readonly PprofSample[];
  readonly mappings: readonly {
    readonly id: bigint;
    readonly numbers: readonly bigint[];
    readonly file: string;
    readonly buildId: string;
    readonly has: readonly boolean[];
  }[];
  readonly functions: readonly {
    readonly id: bigint;
    readonly name: string;
    readonly system: string;
    readonly file: string;
    readonly start: bigint;
  }[];
  readonly locations: readonly PprofLocation[];
  readonly comments: readonly string[];
  readonly texts: {
    readonly drop: string;
    readonly keep: string;
    readonly defaultType: string;
    readonly docUrl: string;
  };
  readonly numbers: { readonly time: bigint; readonly duration: bigint; readonly period: bigint };
  readonly periodType: readonly [string, string];
  readonly packed: boolean;
}

export interface PprofLocation {
  readonly id: bigint;
  /** Position in `mappings`, -1 for none. */
  readonly mapping: number;
  readonly address: bigint;
  readonly lines: readonly { readonly function: number; readonly line: bigint; readonly column: bigint }[];
  readonly folded: boolean;
}

export interface PprofSample {
  /** Positions in `locations`. */
  readonly locations: readonly number[];
  readonly values: readonly bigint[];
  readonly labels: readonly { readonly key: string; readonly value: string | bigint; readonly unit: string }[];
}

/** Encodes a file, tables last or first as real writers do. */
export function encodePprof(file: PprofFile): Uint8Array {
  const writer = new Writer();
  const strings = [""];
  const text = (value: string): number => {
    if (!strings.includes(value)) strings.push(value);
    return strings.indexOf(value);
  };
  const type = (field: number, [name, unit]: readonly [string, string]): void => {
    writer.open(field);
    writer.varint(1, text(name));
    writer.varint(2, text(unit));
    writer.close();
  };
  const list = (field: number, values: readonly bigint[]): void => {
    if (file.packed) writer.open(field);
    for (const value of values) {
      if (file.packed) writer.rawVarint64(value);
      else writer.varint64(field, value);
    }
    if (file.packed) writer.close();
  };
  file.types.forEach((one) => type(1, one));
  for (const sample of file.samples) {
    writer.open(2);
    list(
      1,
      sample.locations.map((at) => file.locations[at]!.id),
    );
    list(2, sample.values);
    for (const { key, value, unit } of sample.labels) {
      writer.open(3);
      writer.varint(1, text(key));
      if (typeof value === "string") writer.varint(2, text(value));
      else writer.varint64(3, value);
      if (unit !== "") writer.varint(4, text(unit));
      writer.close();
    }
    writer.close();
  }
  for (const mapping of file.mappings) {
    writer.open(3);
    writer.varint64(1, mapping.id);
    mapping.numbers.forEach((value, at) => writer.varint64(2 + at, value));
    writer.varint(5, text(mapping.file));
    writer.varint(6, text(mapping.buildId));
    mapping.has.forEach((value, at) => writer.varint(7 + at, value ? 1 : 0));
    writer.close();
  }
  for (const location of file.locations) {
    writer.open(4);
    writer.varint64(1, location.id);
    if (location.mapping >= 0) writer.varint64(2, file.mappings[location.mapping]!.id);
    writer.varint64(3, location.address);
    for (const { function: called, line, column } of location.lines) {
      writer.open(4);
      writer.varint64(1, file.functions[called]!.id);
      writer.varint64(2, line);
      writer.varint64(3, column);
      writer.close();
    }
    writer.varint(5, location.folded ? 1 : 0);
    writer.close();
  }
  for (const { id, name, system, file: source, start } of file.functions) {
    writer.open(5);
    writer.varint64(1, id);
    writer.varint(2, text(name));
    writer.varint(3, text(system));
    writer.varint(4, text(source));
    writer.varint64(5, start);
    writer.close();
  }
  writer.varint(7, text(file.texts.drop));
  writer.varint(8, text(file.texts.keep));
  writer.varint64(9, file.numbers.time);
  writer.varint64(10, file.numbers.duration);
  type(11, file.periodType);
  writer.varint64(12, file.numbers.period);
  for (const comment of file.comments) writer.varint(13, text(comment));
  writer.varint(14, text(file.texts.defaultType));
  writer.varint(15, text(file.texts.docUrl));
  for (const one of strings) writer.string(6, one);
  return writer.finish();
}

const word = fc.constantFrom("cpu", "nanoseconds", "alloc", "bytes", "main", "a;b", "ünï", "x y", "(*T).Run[...]");
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const small = fc.bigInt({ min: 0n, max: 5000n });

/** Files that pprof accepts: every table used, values for each type, ids distinct. */
export const arbitraryPprof: fc.Arbitrary<PprofFile> = fc
  .record({
    types: fc.uniqueArray(fc.tuple(word, word), { minLength: 1, maxLength: 4, selector: ([name]) => name }),
    mappingCount: fc.integer({ min: 1, max: 3 }),
    functionCount: fc.integer({ min: 1, max: 5 }),
    locationCount: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ types, mappingCount, functionCount, locationCount }) =>
    fc.record({
      types: fc.constant(types),
      samples: fc.array(
        fc.record({
          locations: fc.array(fc.integer({ min: 0, max: locationCount - 1 }), { maxLength: 8 }),
          values: fc.array(int64, { minLength: types.length, maxLength: types.length }),
          labels: fc.array(fc.record({ key: word, value: fc.oneof(word, int64), unit: fc.constantFrom("", "bytes") }), {
            maxLength: 4,
          }),
        }),
        { maxLength: 8 },
      ),
      mappings: distinct(mappingCount, (id) =>
        fc.record({
          id: fc.constant(id),
          numbers: fc.tuple(small, uint64, small),
          file: word,
          buildId: fc.constantFrom("", "abcdef0123456789"),
          has: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
        }),
      ),
      functions: distinct(functionCount, (id) =>
        fc.record({ id: fc.constant(id), name: word, system: word, file: word, start: small }),
      ),
      locations: distinct(locationCount, (id) =>
        fc.record({
          id: fc.constant(id),
          mapping: fc.integer({ min: -1, max: mappingCount - 1 }),
          address: uint64,
          lines: fc.array(
            fc.record({ function: fc.integer({ min: 0, max: functionCount - 1 }), line: small, column: small }),
            { maxLength: 3 },
          ),
          folded: fc.boolean(),
        }),
      ),
      comments: fc.uniqueArray(word, { maxLength: 3 }),
      texts: fc.record({
        drop: fc.constantFrom("", "runtime\\..*"),
        keep: fc.constantFrom("", "main\\..*"),
        defaultType: fc.constantFrom("", ...types.map(([name]) => name)),
        docUrl: fc.constantFrom("", "https://example.test/profile"),
      }),
      numbers: fc.record({ time: small, duration: small, period: small }),
      periodType: fc.tuple(word, word),
      packed: fc.boolean(),
    }),
  );

function distinct<T>(count: number, one: (id: bigint) => fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc
    .uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { minLength: count, maxLength: count })
    .chain((ids) => fc.tuple(...ids.map(one)));
}
