import { describe, expect, test } from "vitest";
import { BufferPool, ParseError } from "#wire";
import { jsonToProtobuf } from "../json/read-json.ts";
import { describeProfiles } from "./describe-profiles.ts";
import type { Layout } from "./layout.ts";
import type { ProfilesModel } from "./model.ts";
import { readProfiles } from "./read-profiles.ts";

const pool = new BufferPool();

function bytesOf(layout: Layout, json: object): Uint8Array {
  const buffer = jsonToProtobuf("profiles", Buffer.from(JSON.stringify(json)), pool, layout);
  if (buffer instanceof ParseError) throw new Error(buffer.message);
  return buffer.bytes;
}

function modelOf(layout: Layout, json: object): ProfilesModel {
  const model = readProfiles(bytesOf(layout, json), layout);
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

interface Described {
  readonly mappings: readonly object[];
  readonly frames: readonly object[];
  readonly stacks: readonly (readonly number[])[];
  readonly resources: readonly { readonly scopes: readonly { readonly profiles: readonly DescribedProfile[] }[] }[];
}

interface DescribedProfile {
  readonly stacks: readonly { readonly groups: readonly object[] }[];
}

function told(model: ProfilesModel): Described {
  return describeProfiles(model) as unknown as Described;
}

/** What is told of the first profile. */
function profileOf(model: ProfilesModel): DescribedProfile {
  return told(model).resources[0]!.scopes[0]!.profiles[0]!;
}

function groupsOf(model: ProfilesModel): readonly object[] {
  return profileOf(model).stacks.flatMap(({ groups }) => groups);
}

function findingsOf(model: ProfilesModel): Readonly<Record<string, number>> {
  return Object.fromEntries(model.findings.map(({ kind, field, count }) => [`${kind} ${field}`, count]));
}

/** A request of E with one container. */
const inContainer = (profile: object, container: object = {}): object => ({
  resourceProfiles: [{ scopeProfiles: [{ profiles: [{ profile, ...container }] }] }],
});

/** A request of other layouts with one profile. */
const withProfile = (profile: object, rest: object = {}): object => ({
  resourceProfiles: [{ scopeProfiles: [{ profiles: [profile] }] }],
  ...rest,
});

describe("layout E", () => {
  const strings = [
    "",
    "samples",
    "count",
    "tid",
    "main",
    "bytes",
    "size",
    "python",
    "abcd",
    "^drop",
    "a comment",
    "hash",
  ];

  test("labels are attributes of samples, numbers with their unit", () => {
    const model = modelOf(
      "E",
      inContainer({
        stringTable: strings,
        sampleType: [{ type: 1, unit: 2 }],
        attributeTable: [{ key: "own", value: { boolValue: true } }],
        sample: [
          {
            value: [3],
            attributes: [0],
            label: [
              { key: 3, str: 4 },
              { key: 6, num: "7", numUnit: 5 },
            ],
          },
        ],
      }),
    );
    expect(groupsOf(model)).toEqual([
      {
        attributes: [
          { key: "own", bool: true },
          { key: "size", int: "7", unit: "bytes" },
          { key: "tid", string: "main" },
        ],
        link: null,
        timestamps: [],
        totals: ["3"],
      },
    ]);
    expect([...model.dictionary.attributes.label]).toEqual([0, 0, 1, 1]);
  });

  test("frames and mappings say what later layouts say with attributes", () => {
    const model = modelOf(
      "E",
      inContainer({
        stringTable: strings,
        sampleType: [{ type: 1, unit: 2 }],
        mapping: [
          {
            id: 1,
            filename: 4,
            buildId: 8,
            buildIdKind: "BUILD_ID_BINARY_HASH",
            hasFunctions: true,
            hasInlineFrames: true,
          },
        ],
        location: [{ id: 1, mappingIndex: 0, address: "18446744073709551615", typeIndex: 7, isFolded: true }],
        locationIndices: [0],
        sample: [{ locationsStartIndex: 0, locationsLength: 1, value: [1], stacktraceIdIndex: 11 }],
      }),
    );
    expect(told(model).frames).toEqual([
      { address: "18446744073709551615", attributes: [], folded: true, lines: [], mapping: 0, type: "cpython" },
    ]);
    expect(told(model).mappings).toMatchObject([
      { buildIds: { htlhash: "abcd" }, file: "main", has: ["functions", "inline_frames"] },
    ]);
    const { samples } = model.resources[0]!.scopes[0]!.profiles[0]!;
    expect(model.dictionary.strings.text(samples.stacktraceId![0]!)).toBe("hash");
    expect(findingsOf(model)).toEqual({ "ambiguous-zero Location.mapping_index": 1 });
  });

  test("mapping 0 is none for frames that cannot be in it", () => {
    const model = modelOf(
      "E",
      inContainer({
        stringTable: [...strings, "abort-marker"],
        sampleType: [{ type: 1, unit: 2 }],
        mapping: [{ filename: 4, memoryStart: 4096, memoryLimit: 8192 }],
        location: [{ address: 5000 }, { address: 0 }, { address: 5000, typeIndex: 12 }],
        sample: [{ locationIndex: [0, 1, 2], value: [1] }],
      }),
    );
    expect(told(model).frames).toMatchObject([{ mapping: 0 }, { mapping: null }, { mapping: null }]);
  });

  test("link 0 is none unless it was written", () => {
    const link = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
    const profile = { stringTable: strings, sampleType: [{ type: 1, unit: 2 }], linkTable: [link, link] };
    const model = modelOf("E", inContainer({ ...profile, sample: [{ value: [1] }, { value: [2], link: 1 }] }));
    expect(groupsOf(model)).toMatchObject([
      { link: null, totals: ["1"] },
      { link, totals: ["2"] },
    ]);
    expect(findingsOf(model)).toMatchObject({ "ambiguous-zero Sample.link": 1 });
    // Field 12 as a zero that was written: 60 00.
    const bytes = bytesOf("E", inContainer({ ...profile, sample: [{ value: [1], link: 1 }] }));
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x60, 0x01]));
    bytes[at + 1] = 0;
    expect(groupsOf(readProfiles(bytes, "E") as ProfilesModel)).toMatchObject([{ link }]);
  });

  test("the container's window, comments, filters, the default type and the payload are told", () => {
    const model = modelOf(
      "E",
      inContainer(
        {
          stringTable: strings,
          sampleType: [{ type: 1, unit: 2, aggregationTemporality: "AGGREGATION_TEMPORALITY_CUMULATIVE" }],
          defaultSampleType: 1,
          comment: [10],
          dropFrames: 9,
          keepFrames: 4,
          timeNanos: 5,
          durationNanos: 6,
        },
        {
          startTimeUnixNano: "1760000000000000000",
          endTimeUnixNano: "1760000005000000000",
          attributes: [{ key: "k", value: { stringValue: "v" } }],
          droppedAttributesCount: 4,
          originalPayloadFormat: "pprof",
          originalPayload: "AAEC",
        },
      ),
    );
    expect(profileOf(model)).toMatchObject({
      timeUnixNano: "1760000000000000000",
      durationNano: "5000000000",
      comments: ["a comment"],
      dropFrames: "^drop",
      keepFrames: "main",
      defaultType: "samples",
      attributes: [{ key: "k", string: "v" }],
      droppedAttributesCount: 4,
      originalPayload: { format: "pprof", size: 3 },
      types: [{ type: "samples", unit: "count", temporality: "cumulative" }],
    });
    expect(model.resources[0]!.scopes[0]!.profiles[0]!.innerWindow).toEqual({ timeNanos: 5n, durationNanos: 6n });
  });

  test("indexes of 2^31 and more, and slices that end behind the table, lose the sample and no other", () => {
    const profile = {
      stringTable: strings,
      sampleType: [{ type: 1, unit: 2 }],
      location: [{ address: 1 }],
      locationIndices: [0, "4294967296"],
      sample: [
        { locationsStartIndex: 0, locationsLength: 1, value: [1] },
        { locationsStartIndex: 1, locationsLength: 1, value: [2] },
        { locationsStartIndex: "9223372036854775808", locationsLength: 1, value: [3] },
        { locationsStartIndex: 1, locationsLength: "18446744073709551615", value: [4] },
      ],
    };
    const model = modelOf("E", inContainer(profile));
    expect(groupsOf(model)).toMatchObject([{ totals: ["1"] }]);
    expect(profileOf(model)).toMatchObject({ samples: 4 });
    expect(findingsOf(model)).toMatchObject({ "index-out-of-range Sample.locations": 3 });
  });
});

describe("tables of several profiles (E, D4, D5)", () => {
  test("become one, equal entries the same", () => {
    const profile = (name: string): object => ({
      stringTable: ["", "samples", "count", name, "shared"],
      sampleType: [{ typeStrindex: 1, unitStrindex: 2 }],
      functionTable: [{ nameStrindex: 3 }, { nameStrindex: 4 }],
      locationTable: [{ line: [{ functionIndex: 0 }] }, { line: [{ functionIndex: 1 }] }],
      locationIndices: [0, 1, 1],
      attributeTable: [{ key: "thread.name", value: { stringValue: "main" } }],
      attributeUnits: [],
      sample: [
        { locationsStartIndex: 0, locationsLength: 2, value: [1], attributeIndices: [0] },
        { locationsStartIndex: 2, locationsLength: 1, value: [1] },
      ],
    });
    const json = {
      resourceProfiles: [{ scopeProfiles: [{ profiles: [profile("one"), profile("two"), profile("one")] }] }],
    };
    const model = modelOf("D5", json);
    const { functions, locations, stacks, attributes } = model.dictionary;
    expect([functions.length, locations.length, stacks.length, attributes.length]).toEqual([4, 4, 4, 2]);
    const [one, , again] = model.resources[0]!.scopes[0]!.profiles;
    expect(again!.samples.stack).toEqual(one!.samples.stack);
  });
});

describe("units (E to D7)", () => {
  const request = (units: readonly object[]): object =>
    withProfile(
      { sampleType: [{ typeStrindex: 1, unitStrindex: 2 }], sample: [{ value: [1], attributeIndices: [0, 1] }] },
      {
        dictionary: {
          stringTable: ["", "samples", "count", "size", "bytes", "kilobytes"],
          attributeTable: [
            { key: "size", value: { intValue: "1" } },
            { key: "other", value: { intValue: "2" } },
          ],
          attributeUnits: units,
        },
      },
    );

  test("belong to all attributes of a key", () => {
    const model = modelOf("D7", request([{ attributeKeyStrindex: 3, unitStrindex: 4 }]));
    expect(groupsOf(model)).toMatchObject([
      {
        attributes: [
          { key: "other", int: "2" },
          { key: "size", int: "1", unit: "bytes" },
        ],
      },
    ]);
    expect(model.findings).toEqual([]);
  });

  test("that contradict each other: the first counts", () => {
    const model = modelOf(
      "D7",
      request([
        { attributeKeyStrindex: 3, unitStrindex: 4 },
        { attributeKeyStrindex: 3, unitStrindex: 5 },
        { attributeKeyStrindex: 99, unitStrindex: 5 },
      ]),
    );
    expect(groupsOf(model)).toMatchObject([{ attributes: [{ key: "other" }, { unit: "bytes" }] }]);
    expect(findingsOf(model)).toMatchObject({ "conflicting-units attribute_units": 1 });
  });
});

describe("values and timestamps up to D7", () => {
  const groups = (types: number, ...samples: readonly object[]): readonly object[] =>
    groupsOf(
      modelOf(
        "D7",
        withProfile(
          {
            sampleType: Array.from({ length: types }, (_none, at) => ({ typeStrindex: 1 + at, unitStrindex: 3 })),
            sample: samples,
          },
          { dictionary: { stringTable: ["", "samples", "cpu", "count"] } },
        ),
      ),
    );

  test("one value that is 1 or the number of timestamps counts each timestamp", () => {
    expect(groups(1, { value: [1], timestampsUnixNano: [3, 1, 2] })).toEqual([
      { attributes: [], link: null, timestamps: ["1", "2", "3"], totals: ["3"] },
    ]);
    expect(groups(1, { value: [2], timestampsUnixNano: [3, 1] })).toMatchObject([{ totals: ["2"] }]);
  });

  test("a value for each timestamp goes with it", () => {
    expect(groups(1, { value: [70, 50], timestampsUnixNano: [2, 1] })).toMatchObject([
      { timestamps: ["1", "2"], totals: ["120"], values: ["50", "70"] },
    ]);
    expect(groups(1, { value: [70], timestampsUnixNano: [2] }, { value: [50], timestampsUnixNano: [1] })).toMatchObject(
      [{ timestamps: ["1", "2"], totals: ["120"], values: ["50", "70"] }],
    );
  });

  test("another value stays the total", () => {
    expect(groups(1, { value: [9], timestampsUnixNano: [2, 1] })).toEqual([
      { attributes: [], link: null, timestamps: ["1", "2"], totals: ["9"] },
    ]);
  });

  test("several types have a total each", () => {
    expect(groups(2, { value: [2, 100], timestampsUnixNano: [2, 1] }, { value: [1, -5] })).toEqual([
      { attributes: [], link: null, timestamps: ["1", "2"], totals: ["3", "95"] },
    ]);
  });
});

describe("index 0 from D8 on", () => {
  const dictionary = {
    stringTable: ["", "samples", "count", "thread.name"],
    // As async-profiler up to 4.4 writes it: element 0 is not null.
    locationTable: [{ address: 7 }, { address: 8 }],
    attributeTable: [{ keyStrindex: 3, value: { stringValue: "main" } }],
    stackTable: [{}, { locationIndices: [0, 1] }],
  };
  const profile = { sampleType: { typeStrindex: 1, unitStrindex: 2 } };

  test("of a table whose element 0 is not null means it in lists", () => {
    const sample = { stackIndex: 1, values: [1], attributeIndices: [0] };
    const model = modelOf("D10", withProfile({ ...profile, samples: [sample] }, { dictionary }));
    expect(told(model).frames).toMatchObject([{ address: "7" }, { address: "8" }]);
    expect(groupsOf(model)).toMatchObject([{ attributes: [{ key: "thread.name", string: "main" }] }]);
    expect(findingsOf(model)).toEqual({
      "missing-sentinel function_table": 1,
      "missing-sentinel mapping_table": 1,
      "missing-sentinel link_table": 1,
      "nonzero-sentinel attribute_table": 1,
      "nonzero-sentinel location_table": 1,
    });
    expect(model.dictionary.locations.address[0]).toBe(0n);
  });

  test("out of range loses what needs it", () => {
    const samples = [
      { stackIndex: 9, values: [1] },
      { stackIndex: -1, values: [2] },
      { stackIndex: 1, values: [3], attributeIndices: [5], linkIndex: 3 },
    ];
    const model = modelOf("D10", withProfile({ ...profile, samples }, { dictionary }));
    expect(groupsOf(model)).toMatchObject([{ totals: ["3"], attributes: [], link: null }]);
    expect(profileOf(model)).toMatchObject({ samples: 3 });
    expect(findingsOf(model)).toMatchObject({
      "index-out-of-range Sample.stack_index": 2,
      "index-out-of-range Sample.attribute_indices": 1,
      "index-out-of-range Sample.link": 1,
    });
    const bad = { ...dictionary, stackTable: [{}, { locationIndices: [0, 77] }] };
    const lost = modelOf("D10", withProfile({ ...profile, samples }, { dictionary: bad }));
    expect(groupsOf(lost)).toEqual([]);
    expect(lost.resources[0]!.scopes[0]!.profiles[0]!.lostSamples).toBe(3);
  });
});

describe("what later layouts say with attributes", () => {
  test("is told as in earlier ones", () => {
    const model = modelOf(
      "D10",
      withProfile(
        {
          sampleType: { typeStrindex: 1, unitStrindex: 2 },
          attributeIndices: [1],
          samples: [{ stackIndex: 1, values: ["9007199254740993"], timestampsUnixNano: ["1760000000000000000"] }],
        },
        {
          dictionary: {
            stringTable: [
              "",
              "samples",
              "count",
              "pprof.profile.comment",
              "pprof.location.is_folded",
              "profile.frame.type",
              "pprof.mapping.has_filenames",
              "process.executable.build_id.gnu",
              "size",
              "By",
            ],
            attributeTable: [
              {},
              {
                keyStrindex: 3,
                value: { arrayValue: { values: [{ stringValue: "first" }, { stringValue: "second" }] } },
              },
              { keyStrindex: 4, value: { boolValue: true } },
              { keyStrindex: 5, value: { stringValue: "go" } },
              { keyStrindex: 6, value: { boolValue: true } },
              { keyStrindex: 7, value: { stringValue: "abcd" } },
              { keyStrindex: 8, value: { intValue: "3" }, unitStrindex: 9 },
            ],
            mappingTable: [{}, { memoryStart: 1, attributeIndices: [4, 5, 6] }],
            locationTable: [{}, { mappingIndex: 1, attributeIndices: [2, 3] }],
            stackTable: [{}, { locationIndices: [1] }],
            functionTable: [{}],
            linkTable: [{}],
          },
        },
      ),
    );
    expect(profileOf(model)).toMatchObject({ comments: ["first", "second"], attributes: [] });
    expect(told(model).frames).toMatchObject([{ folded: true, type: "go", attributes: [] }]);
    expect(told(model).mappings).toMatchObject([
      { has: ["filenames"], buildIds: { gnu: "abcd" }, attributes: [{ key: "size", int: "3", unit: "By" }] },
    ]);
    expect(groupsOf(model)).toMatchObject([{ totals: ["9007199254740993"], values: ["9007199254740993"] }]);
    expect(model.findings).toEqual([]);
  });
});

describe("what is not understood", () => {
  test("is kept where the model has a place for it", () => {
    const unknown = Buffer.from([0xa0, 0x38, 0x07]);
    const wrap = (field: number, content: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([(field << 3) | 2, content.length]), content]);
    const sample = wrap(2, Buffer.concat([Buffer.from([0x08, 0x00, 0x22, 0x01, 0x05]), unknown]));
    const profile = wrap(2, Buffer.concat([sample, unknown]));
    const scope = wrap(2, Buffer.concat([profile, unknown]));
    const location = wrap(2, Buffer.concat([Buffer.from([0x10, 0x05]), unknown]));
    const dictionary = wrap(2, Buffer.concat([wrap(5, Buffer.alloc(0)), wrap(2, Buffer.alloc(0)), location, unknown]));
    const bytes = Buffer.concat([wrap(1, Buffer.concat([scope, unknown])), dictionary, unknown]);
    const model = readProfiles(bytes, "D10") as ProfilesModel;
    const [resource] = model.resources;
    const profiles = resource!.scopes[0]!.profiles;
    for (const kept of [
      model.unknown.request,
      model.unknown.dictionary,
      resource!.unknown,
      resource!.scopes[0]!.unknown,
    ]) {
      expect(Buffer.from(kept!)).toEqual(unknown);
    }
    expect(Buffer.from(profiles[0]!.unknown!)).toEqual(unknown);
    expect(Buffer.from(profiles[0]!.samples.unknown.get(0)!)).toEqual(unknown);
    expect(Buffer.from(model.dictionary.locations.unknown.get(1)!)).toEqual(unknown);
  });

  test("strings that are not UTF-8 are told, and shown with U+FFFD", () => {
    const bytes = bytesOf("D10", {
      dictionary: { stringTable: ["", "first", "xyz"] },
      ...withProfile({ sampleType: { typeStrindex: 2 } }),
    });
    bytes[Buffer.from(bytes).indexOf("xyz") + 1] = 0xff;
    const model = readProfiles(bytes, "D10") as ProfilesModel;
    expect(profileOf(model)).toMatchObject({ types: [{ type: "x\uFFFDz" }] });
    const finding = model.findings.find(({ kind }) => kind === "invalid-utf8");
    expect(finding).toMatchObject({ field: "string_table", count: 1, place: "dictionary.string_table[2]" });
  });

  test("a known field of an impossible wire type is passed over and told", () => {
    // Profile.time_unix_nano as a varint.
    const bytes = Uint8Array.from([0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x18, 0x05]);
    const model = readProfiles(bytes, "D10") as ProfilesModel;
    expect(profileOf(model)).toMatchObject({ timeUnixNano: "0" });
    expect(model.findings).toEqual([
      {
        kind: "wrong-wire-type",
        field: "profile",
        count: 1,
        place: "resource_profiles[0].scope_profiles[0].profiles[0]",
        offset: 6,
      },
    ]);
  });
});
