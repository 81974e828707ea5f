import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError, Writer } from "#wire";
import { recorded } from "../testing/recorded.ts";
import { describeProfiles } from "./describe-profiles.ts";
import { detectLayout } from "./detect-layout.ts";
import { Refusal } from "./detection.ts";
import { DictionaryColumns } from "./dictionary-columns.ts";
import { LAYOUTS, type Layout } from "./layout.ts";
import type { ProfilesModel } from "./model.ts";
import { readProfiles } from "./read-profiles.ts";

const VECTORS = recorded("otlp-profiles/*/*.pb");
/** Cuts and flips of each vector; all of them together take seconds. */
const SAMPLES = 40;

/** Memory that all requests are read into, one after the other. */
const USED = new DictionaryColumns();

/** What must hold of every answer: it is one, every index in it is in range, and it is the same in used memory. */
function answer(bytes: Uint8Array, layout?: Layout): string {
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal && layout === undefined) {
    expect(detection.message).not.toBe("");
    return detection.reason;
  }
  const model = readProfiles(bytes, layout ?? (detection as { layout: Layout }).layout);
  if (model instanceof ParseError) {
    expect(model.message).toMatch(/byte \d+|more than|does not exist|slices/);
    return "error";
  }
  expectSound(model);
  const again = readProfiles(bytes, model.layout, USED);
  if (again instanceof ParseError) throw new Error(again.message);
  expect(describeProfiles(again)).toEqual(describeProfiles(model));
  return "read";
}

function expectSound(model: ProfilesModel): void {
  const { dictionary, resources } = model;
  const { attributes, functions, links, locations, mappings, stacks, strings } = dictionary;
  const within = (values: ArrayLike<number>, length: number): void => {
    for (let at = 0; at < values.length; at++) {
      if (!(values[at]! >= 0 && values[at]! < length)) throw new Error(`${values[at]} of ${length}`);
    }
  };
  for (const column of [attributes.key, attributes.unit, functions.name, functions.systemName, functions.filename]) {
    within(column, strings.length);
  }
  for (const column of [mappings.filename, mappings.buildId, locations.frameType]) within(column, strings.length);
  within(locations.mapping, mappings.length);
  within(locations.lines.function, functions.length);
  for (const lists of [locations.attributes, mappings.attributes]) within(lists.values, attributes.length);
  within(stacks.values, locations.length);
  for (const profile of resources.flatMap(({ scopes }) => scopes.flatMap(({ profiles }) => profiles))) {
    const { samples } = profile;
    within(samples.stack, stacks.length);
    within(samples.link, links.length);
    within(samples.attributes, attributes.length);
    within(profile.attributes, attributes.length);
    within(profile.comments, strings.length);
    for (const [offsets, values] of [
      [samples.attributeOffsets, samples.attributes],
      [samples.valueOffsets, samples.values],
      [samples.timestampOffsets, samples.timestamps],
    ] as const) {
      expect(offsets.length).toBe(samples.length + 1);
      expect(offsets[samples.length]).toBe(values.length);
    }
    for (const type of profile.types) within([type.type, type.unit], strings.length);
  }
}

describe("bytes that are not what they should be", () => {
  test.each(VECTORS)("$name cut anywhere has an answer", ({ bytes }) => {
    const step = Math.max(1, Math.floor(bytes.length / SAMPLES));
    for (let end = 0; end < bytes.length; end += step) answer(bytes.subarray(0, end));
  });

  test.each(VECTORS)("$name with a byte changed anywhere has an answer", ({ bytes }) => {
    const byte = fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255));
    fc.assert(
      fc.property(byte, ([at, value]) => {
        const changed = Uint8Array.from(bytes);
        if (changed.length > 0) changed[at] = value;
        answer(changed);
      }),
      { numRuns: SAMPLES },
    );
  });

  test.each(LAYOUTS)("vectors of all layouts read as %s have an answer", (layout) => {
    for (const { bytes } of VECTORS) answer(bytes, layout);
  });

  test("random bytes have an answer in every layout", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...LAYOUTS), (bytes, layout) => {
        answer(bytes, layout);
      }),
      { numRuns: 500 },
    );
  });
});

/** A request from nested fields: `message([1, message([2, …])])`. */
function message(...fields: readonly (readonly [number, Uint8Array | bigint])[]): Uint8Array {
  const writer = new Writer(64);
  for (const [field, value] of fields) {
    if (typeof value === "bigint") writer.varint64(field, value);
    else writer.bytes(field, value);
  }
  return writer.finish();
}

function repeat(field: number, content: Uint8Array, times: number): Uint8Array {
  const writer = new Writer(times * (content.length + 2) + 16);
  for (let time = 0; time < times; time++) writer.bytes(field, content);
  return writer.finish();
}

const EMPTY = new Uint8Array(0);
const MILLION = 1_000_000;

function profileOf(profile: Uint8Array, ...rest: readonly (readonly [number, Uint8Array | bigint])[]): Uint8Array {
  return message([1, message([2, message([2, profile])])], ...rest);
}

/** One layout of each kind: tables in profiles, at the top, in a dictionary without and with stacks. */
const KINDS = ["E", "D6", "D7", "D10"] as const;

describe("much of nothing", () => {
  const heavy: readonly (readonly [string, () => Uint8Array])[] = [
    ["a million empty resources", () => repeat(1, EMPTY, MILLION)],
    ["a million empty scopes", () => message([1, repeat(2, EMPTY, MILLION)])],
    ["a million empty profiles", () => message([1, message([2, repeat(2, EMPTY, MILLION)])])],
    ["a million empty samples", () => profileOf(repeat(2, EMPTY, MILLION), [2, message([5, EMPTY], [7, EMPTY])])],
    ["a million empty dictionaries", () => repeat(2, EMPTY, MILLION)],
    ["a million empty strings", () => profileOf(EMPTY, [2, repeat(5, EMPTY, MILLION)])],
    ["a million empty locations", () => profileOf(EMPTY, [2, repeat(2, EMPTY, MILLION)])],
    ["a million empty attributes", () => profileOf(EMPTY, [2, repeat(6, EMPTY, MILLION)])],
    ["a million empty mappings at the top", () => repeat(2, EMPTY, MILLION)],
    ["a million unknown fields", () => profileOf(repeat(30, EMPTY, MILLION))],
    ["a hundred thousand sample types", () => profileOf(repeat(1, EMPTY, 100_000))],
    ["twenty thousand profiles with tables", () => message([1, message([2, repeat(2, TABLES, 20_000)])])],
    ["twenty thousand containers", () => message([1, message([2, repeat(2, message([8, EMPTY]), 20_000)])])],
    ["a table of ten million strings", () => message([2, repeat(5, EMPTY, 10 * MILLION)])],
  ];

  test.each(heavy)(
    "%s: an answer in every kind of layout, in little time and memory",
    (_name, make) => {
      const bytes = make();
      const before = memoryInUse();
      for (const layout of KINDS) {
        const model = readProfiles(bytes, layout);
        if (!(model instanceof ParseError)) expect(model.layout).toBe(layout);
      }
      detectLayout(bytes);
      expect(memoryInUse() - before).toBeLessThan(1 << 30);
    },
    TIME_LIMIT,
  );
});

/** Each takes less than a second alone, and minutes if something is quadratic; the machine may be busy with others. */
const TIME_LIMIT = 30_000;

/** Of this thread: others run tests of their own in the same process. */
function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A string and a location, of D4 and D5. */
const TABLES = message([10, EMPTY], [10, Buffer.from("name")], [4, message([2, 1n])]);

describe("numbers that lie", () => {
  test("a length of 2^63 is an error that names the place and the byte", () => {
    const bytes = Uint8Array.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
    for (const layout of LAYOUTS) {
      const model = readProfiles(bytes, layout);
      expect(model).toBeInstanceOf(ParseError);
      expect((model as ParseError).message).toMatch(
        /^resource_profiles\[0\]: length .* runs past the end \(byte \d+\)$/,
      );
    }
  });

  test("more samples than memory should hold are refused", () => {
    const bytes = profileOf(repeat(2, EMPTY, 9 * MILLION), [2, message([5, EMPTY], [7, EMPTY])]);
    expect((readProfiles(bytes, "D10") as ParseError).message).toContain("more than 8388608 samples");
  });

  test("slices that overlap in every way do not make much of little", { timeout: TIME_LIMIT }, () => {
    const indices = new Writer(20_000);
    indices.open(3);
    for (let at = 0; at < 10_000; at++) indices.rawVarint(0);
    indices.close();
    const samples = new Writer(1 << 20);
    samples.raw(indices.finish());
    for (let start = 0; start < 10_000; start++) {
      samples.open(2);
      samples.varint(1, start);
      samples.varint(2, 10_000 - start);
      samples.close();
    }
    const dictionary = message([5, EMPTY], [2, EMPTY]);
    const model = readProfiles(profileOf(samples.finish(), [2, dictionary]), "D7");
    expect((model as ParseError).message).toContain("slices cover far more locations than there are");
  });

  test("values nested a hundred thousand deep are told as empty", () => {
    let value: Uint8Array = message([3, 1n]);
    const parts: Uint8Array[] = [value];
    let size = value.length;
    for (let depth = 0; depth < 100_000; depth++) {
      const inner = new Writer(16);
      inner.tag(5, 2);
      const list = new Writer(16);
      list.tag(1, 2);
      list.rawVarint(size);
      const head = list.finish();
      inner.rawVarint(size + head.length);
      const outer = inner.finish();
      parts.push(head, outer);
      size += head.length + outer.length;
    }
    value = Buffer.concat(parts.toReversed());
    const attribute = message([1, 1n], [2, value]);
    const dictionary = message([5, EMPTY], [5, Buffer.from("deep")], [6, EMPTY], [6, attribute], [7, EMPTY]);
    const bytes = profileOf(message([11, 1n]), [2, dictionary]);
    const model = readProfiles(bytes, "D10") as ProfilesModel;
    expect(JSON.stringify(describeProfiles(model))).toContain('"empty":true');
  });

  test("one broken profile does not take its neighbors along", () => {
    const { bytes } = VECTORS.find(({ name }) => name.includes("d10/l1.protobuf-go"))!;
    const broken = message([1, message([2, message([2, Uint8Array.from([0x0a, 0x7f])])])]);
    const model = readProfiles(Buffer.concat([bytes, broken]), "D10") as ProfilesModel;
    expect(model.lostProfiles).toBe(1);
    expect(model.resources.map(({ scopes }) => scopes[0]!.profiles.length)).toEqual([1, 1, 0]);
    expect(model.findings.find(({ kind }) => kind === "malformed")).toMatchObject({
      field: "profile",
      count: 1,
      place: expect.stringMatching(
        /^resource_profiles\[2\]\.scope_profiles\[0\]\.profiles\[0\]: length 127 runs past the end \(byte \d+\)$/,
      ) as string,
    });
  });
});
