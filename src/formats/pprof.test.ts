import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import { encodeResource, type ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { scopeAttributes } from "./attributes.ts";
import { readPprof } from "./pprof-reader.ts";
import { writePprof } from "./pprof-writer.ts";
import { profilesOf, sampleValue } from "./sample-values.ts";
import { arbitraryPprof, encodePprof, type PprofFile } from "./testing/pprof-fixture.ts";
import { goPprof } from "./testing/programs.ts";

const RECORDED = ["go-cpu", "go-heap", "go-goroutine"];
const recorded = (name: string): Buffer =>
  readFileSync(new URL(`../../testdata/formats/${name}.pb.gz`, import.meta.url));
const withoutGo = !hasProgram("go", "version");

const SMALL: PprofFile = {
  types: [
    ["alloc_objects", "count"],
    ["alloc_space", "bytes"],
  ],
  samples: [
    {
      locations: [1, 0],
      values: [3n, 96n],
      labels: [
        { key: "bytes", value: 32n, unit: "bytes" },
        { key: "tenant", value: "red", unit: "" },
        { key: "tenant", value: "blue", unit: "" },
      ],
    },
    { locations: [1, 0], values: [1n, -8n], labels: [] },
    { locations: [1, 0], values: [1n, 8n], labels: [] },
  ],
  mappings: [
    {
      id: 900n,
      numbers: [0x400000n, 0x500000n, 0n],
      file: "/bin/app",
      buildId: "cafe",
      has: [true, true, true, false],
    },
  ],
  functions: [
    { id: 7n, name: "main", system: "main", file: "main.go", start: 10n },
    { id: 2n ** 63n, name: "grow", system: "_grow", file: "grow.go", start: 20n },
  ],
  locations: [
    { id: 1n, mapping: 0, address: 0x400010n, lines: [{ function: 0, line: 12n, column: 3n }], folded: false },
    {
      id: 2n ** 64n - 1n,
      mapping: 0,
      address: 0x400020n,
      lines: [
        { function: 1, line: 21n, column: 0n },
        { function: 0, line: 13n, column: 0n },
      ],
      folded: true,
    },
  ],
  comments: ["first", "second"],
  texts: { drop: "runtime.*", keep: "main.*", defaultType: "alloc_space", docUrl: "https://example.test/" },
  numbers: { time: 1_700_000_000_000_000_000n, duration: 10_000_000_000n, period: 524288n },
  periodType: ["space", "bytes"],
  packed: true,
};

describe("reading pprof", () => {
  test("makes a profile of each type, the default one first", () => {
    const model = read(encodePprof(SMALL));
    const { strings } = model.dictionary;
    const profiles = [...profilesOf(model)];
    expect(profiles.map(({ profile }) => strings.text(profile.types[0]!.type))).toEqual([
      "alloc_space",
      "alloc_objects",
    ]);
    expect([...profiles[0]!.profile.samples.values]).toEqual([96n, -8n, 8n]);
    expect(profiles[0]!.profile.period).toBe(524288n);
    const scope = scopeAttributes(profiles[0]!.scope.scope, strings);
    expect(scope.get("pprof.scope.default_sample_type")).toBe("alloc_space");
    expect(scope.get("pprof.scope.sample_type_order")).toEqual([1n, 0n]);
  });

  test("folds labels of one key into a list, and keeps units", () => {
    const model = read(encodePprof(SMALL));
    const { attributes, strings } = model.dictionary;
    const { samples } = [...profilesOf(model)][0]!.profile;
    const keys = [...samples.attributes].map((at) => [
      strings.text(attributes.key[at]!),
      strings.text(attributes.unit[at]!),
    ]);
    expect(keys).toEqual([
      ["bytes", "bytes"],
      ["tenant", ""],
    ]);
    expect([...samples.attributeOffsets]).toEqual([0, 2, 2, 2]);
  });

  test.each([
    ["a location that is not there", { samples: [{ ...SMALL.samples[0]!, locations: [0] }], locations: [] }],
    ["a value too few", { samples: [{ ...SMALL.samples[0]!, values: [1n] }] }],
    ["a value too many", { samples: [{ ...SMALL.samples[0]!, values: [1n, 2n, 3n] }] }],
    ["65 types", { samples: [], types: Array.from({ length: 65 }, (_, at) => [`t${at}`, "count"] as const) }],
  ] as const)("refuses %s", (_, change) => {
    const bytes = encodePprof({ ...SMALL, ...change, locations: SMALL.locations });
    const lost = "locations" in change ? withoutField(bytes, 4) : bytes;
    expect(readPprof(lost)).toBeInstanceOf(ParseError);
    expect((readPprof(lost) as ParseError).place).toMatch(/^sample/);
  });

  test("stops inflating at the limit", () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    const result = readPprof(bomb, { maxInflatedBytes: 1 << 20 });
    expect(result).toBeInstanceOf(ParseError);
    expect((result as ParseError).message).toBe("gzip: inflates to more than 1048576 bytes");
  });

  test("answers to every prefix and to every damaged byte", () => {
    const bytes = encodePprof(SMALL);
    for (let end = 0; end < bytes.length; end++) answers(bytes.subarray(0, end));
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at]! ^= flip;
        answers(damaged);
      }
    }
    const compressed = gzipSync(bytes);
    for (let end = 0; end < compressed.length; end += 7) answers(compressed.subarray(0, end));
  });

  test("takes 100,000 labels of one sample, in less than the minutes that a search for each would take", () => {
    const labels = Array.from({ length: 100_000 }, (_, at) => ({ key: `k${at % 10}`, value: BigInt(at), unit: "" }));
    read(encodePprof({ ...SMALL, samples: [{ ...SMALL.samples[0]!, labels }] }));
  });
});

describe("writing pprof", () => {
  test("gives back what was read, but for ids", () => {
    fc.assert(
      fc.property(arbitraryPprof, (file) => {
        const once = writePprof(read(encodePprof(file)), { gzip: false });
        expect(writePprof(read(once), { gzip: false })).toEqual(once);
        expect(describeModel(read(once))).toEqual(describeModel(read(encodePprof(file))));
      }),
      { numRuns: 150 },
    );
  });

  test("adds profiles of one type up, and puts types of one stack into one sample", () => {
    const model = read(encodePprof(SMALL));
    const [resource] = model.resources;
    const twice = { ...model, resources: [resource!, resource!] };
    const merged = [...profilesOf(read(writePprof(twice)))];
    expect(merged.map(({ profile }) => [...profile.samples.values])).toEqual([
      [192n, -16n, 16n],
      [6n, 2n, 2n],
    ]);
  });

  test("tells resources apart by labels where asked", () => {
    const model = read(encodePprof(SMALL));
    const named = (pod: string) => ({ ...model.resources[0]!, resource: encodeResource([["k8s.pod.name", pod]]) });
    const two = { ...model, resources: [named("a"), named("b")] };
    const labels = labelsOf(read(writePprof(two, { resources: true })));
    expect(labels.filter((label) => label === "k8s.pod.name=a")).toHaveLength(3);
    expect(labels.filter((label) => label === "k8s.pod.name=b")).toHaveLength(3);
    expect(labelsOf(read(writePprof(two)))).not.toContain("k8s.pod.name=a");
  });

  test("counts timestamps where samples have no values", () => {
    const model = read(
      encodePprof({
        ...SMALL,
        types: [["samples", "count"]],
        texts: { ...SMALL.texts, defaultType: "" },
        samples: SMALL.samples.slice(0, 1).map((sample) => ({ ...sample, values: [1n] })),
      }),
    );
    const { scope, resource, profile } = [...profilesOf(model)][0]!;
    const samples = {
      ...profile.samples,
      valueOffsets: new Int32Array(2),
      values: new BigInt64Array(0),
      timestampOffsets: Int32Array.of(0, 3),
      timestamps: BigUint64Array.of(1n, 2n, 3n),
    };
    const counted = {
      ...model,
      resources: [{ ...resource, scopes: [{ ...scope, profiles: [{ ...profile, samples }] }] }],
    };
    expect([...[...profilesOf(read(writePprof(counted)))][0]!.profile.samples.values]).toEqual([3n]);
  });
});

describe.skipIf(withoutGo)("go tool pprof", () => {
  test.each(RECORDED)("prints the same of %s before and after, but for mappings that nothing uses", (name) => {
    const before = goPprof(recorded(name), "-raw");
    const after = goPprof(writePprof(read(recorded(name))), "-raw");
    const unused = /^\d+: 0x[0-9a-f/x]+ \[(?:vdso|vsyscall)\].*\n?/gm;
    expect(after.replace(unused, "").trimEnd()).toBe(before.replace(unused, "").trimEnd());
    expect(before.length).toBeGreaterThan(300);
  });

  test("agrees on the totals of a heap profile's four types", () => {
    const model = read(recorded("go-heap"));
    for (const { profile } of profilesOf(model)) {
      const type = model.dictionary.strings.text(profile.types[0]!.type);
      const top = goPprof(writePprof(model), "-top", `-sample_index=${type}`, "-unit=B", "-nodecount=1");
      const total = /of ([\d.]+)(?:B)? total/.exec(top)?.[1];
      expect(Number(total)).toBe(totalOf(model, type));
    }
  });

  test("reads what fast-check makes up, and prints it like the file it came from", () => {
    for (const file of fc.sample(arbitraryPprof, { numRuns: 4, seed: 7 })) {
      const bytes = encodePprof(inOrder(file));
      const [before, after] = [bytes, writePprof(read(bytes))].map((profile) => goPprof(profile, "-raw"));
      expect(after!.split("\nMappings")[0]).toBe(before!.split("\nMappings")[0]);
    }
  });
});

function read(bytes: Uint8Array): ProfilesModel {
  const model = readPprof(bytes);
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

/** The same with ids that count from 1, as podflame gives them, and a sample that uses each location. */
function inOrder(file: PprofFile): PprofFile {
  const numbered = <T>(entries: readonly T[]): T[] => entries.map((entry, at) => ({ ...entry, id: BigInt(at + 1) }));
  const all = { locations: file.locations.map((_, at) => at), values: file.types.map(() => 1n), labels: [] };
  return {
    ...file,
    samples: [...file.samples, all],
    mappings: numbered(file.mappings),
    functions: numbered(file.functions),
    locations: numbered(file.locations),
  };
}

function answers(bytes: Uint8Array): void {
  const result = readPprof(bytes);
  if (result instanceof ParseError) expect(result.problem).not.toBe("");
  else writePprof(result, { gzip: false });
}

function totalOf(model: ProfilesModel, type: string): number {
  let total = 0n;
  for (const { profile } of profilesOf(model)) {
    if (model.dictionary.strings.text(profile.types[0]!.type) !== type) continue;
    for (let at = 0; at < profile.samples.length; at++) total += sampleValue(profile, at);
  }
  return Number(total);
}

function labelsOf(model: ProfilesModel): string[] {
  const { attributes, strings } = model.dictionary;
  const { samples } = [...profilesOf(model)][0]!.profile;
  return [...samples.attributes].map((at) => {
    const value = attributes.values.bytes(at);
    return `${strings.text(attributes.key[at]!)}=${Buffer.from(value.subarray(2)).toString()}`;
  });
}

/** The content of a model without indexes. */
function describeModel(model: ProfilesModel): unknown {
  const { strings, stacks, locations, functions, mappings, attributes } = model.dictionary;
  const attribute = (at: number): string =>
    `${strings.text(attributes.key[at]!)}=${Buffer.from(attributes.values.bytes(at)).toString("hex")} ${strings.text(attributes.unit[at]!)}`;
  const lists = (from: { offsets: Int32Array; values: Int32Array }, at: number): number[] => [
    ...from.values.subarray(from.offsets[at], from.offsets[at + 1]),
  ];
  const location = (at: number): unknown => ({
    address: locations.address[at],
    mapping: [
      strings.text(mappings.filename[locations.mapping[at]!]!),
      mappings.memoryLimit[locations.mapping[at]!],
      lists(mappings.attributes, locations.mapping[at]!).map(attribute),
    ],
    attributes: lists(locations.attributes, at).map(attribute),
    lines: Array.from({ length: locations.lineOffsets[at + 1]! - locations.lineOffsets[at]! }, (_, line) => {
      const index = locations.lineOffsets[at]! + line;
      const called = locations.lines.function[index]!;
      return [
        strings.text(functions.name[called]!),
        strings.text(functions.systemName[called]!),
        strings.text(functions.filename[called]!),
        functions.startLine[called],
        locations.lines.line[index],
        locations.lines.column[index],
      ];
    }),
  });
  return [...profilesOf(model)].map(({ profile, scope }) => ({
    scope: [...scopeAttributes(scope.scope, strings)],
    type: profile.types.map(({ type, unit }) => [strings.text(type), strings.text(unit)]),
    period: [profile.period, strings.text(profile.periodType.type), strings.text(profile.periodType.unit)],
    window: [profile.timeUnixNano, profile.durationNano],
    attributes: [...profile.attributes].map(attribute),
    samples: Array.from({ length: profile.samples.length }, (_, at) => ({
      stack: lists(stacks, profile.samples.stack[at]!).map(location),
      attributes: [
        ...profile.samples.attributes.subarray(
          profile.samples.attributeOffsets[at],
          profile.samples.attributeOffsets[at + 1],
        ),
      ].map(attribute),
      value: sampleValue(profile, at),
    })),
  }));
}

/** The file without the fields of that number. */
function withoutField(bytes: Uint8Array, field: number): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!;
    let end = at + 1;
    const number = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[end++]!;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
    };
    const value = number();
    if ((tag & 7) === 2) end += value;
    if (tag >> 3 !== field) kept.push(...bytes.subarray(at, end));
    at = end;
  }
  return Uint8Array.from(kept);
}

test("the recorded files are compressed, as pprof writes them", () => {
  for (const name of RECORDED) expect(gunzipSync(recorded(name)).length).toBeGreaterThan(500);
});
