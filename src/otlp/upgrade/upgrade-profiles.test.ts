import { describe, expect, test } from "vitest";
import { decodeResources } from "../decode-resources.ts";
import { MessageBuffer, ParseError } from "#wire";
import { INTERNAL_ORIGIN, Payload } from "../payload.ts";
import { EMPTY_PROFILE, EMPTY_RESOURCE, EMPTY_SCOPE, ModelBuilder } from "../profiles/model-builder.ts";
import { MappingHas, Temporality } from "../profiles/model.ts";
import { SamplesBuilder } from "../profiles/samples-builder.ts";
import { contentOf } from "./testing/content.ts";
import { numbersOf, profilesOf, type ShortProfile, type ShortSample, shortModel } from "./testing/fixtures.ts";
import { upgradeProfiles } from "./upgrade-profiles.ts";
import { writeProfiles } from "./write-profiles.ts";

const DAY = 86_400_000_000_000n;

function upgraded(profile: ShortProfile, layout: "D7" | "D8" = "D7") {
  const { model, losses } = upgradeProfiles(shortModel(layout, [profile]));
  return { model, profiles: profilesOf(model), losses: Object.fromEntries(losses.map((one) => [one.kind, one.count])) };
}

const one = (sample: ShortSample, types = ["cpu/count"]): ShortProfile => ({
  types,
  samples: [sample],
  timeUnixNano: 5n,
});

describe("values and timestamps of one type", () => {
  test.each([
    ["a value", [7n], [], { values: [7n], timestamps: [] }, {}],
    ["a value at a time", [7n], [5n], { values: [7n], timestamps: [5n] }, {}],
    ["a value for each time", [7n, 8n], [5n, 6n], { values: [7n, 8n], timestamps: [5n, 6n] }, {}],
    ["[1] beside the times it counts", [1n], [5n, 6n, 7n], { values: [], timestamps: [5n, 6n, 7n] }, {}],
    ["their number beside the times", [3n], [5n, 6n, 7n], { values: [], timestamps: [5n, 6n, 7n] }, {}],
    ["a total beside times", [99n], [5n, 6n, 7n], { values: [99n], timestamps: [] }, { timestamps: 3 }],
    ["only times", [], [5n, 6n], { values: [], timestamps: [5n, 6n] }, {}],
    ["several values", [1n, 2n, 3n], [], { values: [6n], timestamps: [] }, { "values-per-type": 1 }],
    [
      "other numbers of both",
      [1n, 2n],
      [5n],
      { values: [3n], timestamps: [] },
      { "values-per-type": 1, timestamps: 1 },
    ],
  ] as const)("%s", (_name, values, timestamps, expected, losses) => {
    const found = upgraded(one({ values, timestamps }));
    expect(numbersOf(found.profiles[0]!)).toEqual([expected]);
    expect(found.losses).toEqual(losses);
  });

  test("a sample that says nothing is dropped and counted", () => {
    const { profiles, losses } = upgraded(one({}));
    expect(profiles[0]!.samples.length).toBe(0);
    expect(losses).toEqual({ "empty-sample": 1 });
  });

  test("sums wrap as 64-bit numbers do", () => {
    const { profiles } = upgraded(one({ values: [0x7fffffffffffffffn, 1n] }));
    expect(numbersOf(profiles[0]!)[0]!.values).toEqual([-0x8000000000000000n]);
  });

  test("from D8 on the same rules mend unpaired values", () => {
    const { profiles } = upgraded(one({ values: [1n], timestamps: [5n, 6n] }), "D8");
    expect(numbersOf(profiles[0]!)).toEqual([{ values: [], timestamps: [5n, 6n] }]);
  });
});

describe("several types", () => {
  const types = ["samples/count", "cpu/nanoseconds"];

  test("become a profile each, in their order, with their values", () => {
    const { profiles, model } = upgraded({
      types,
      samples: [{ values: [2n, 20n] }, { values: [3n, 30n] }],
      period: 10n,
    });
    expect(profiles.map((profile) => numbersOf(profile).map(({ values }) => values[0]))).toEqual([
      [2n, 3n],
      [20n, 30n],
    ]);
    expect(profiles.map(({ period }) => period)).toEqual([10n, 10n]);
    expect(contentOf(model).map(({ type }) => type)).toEqual(["cpu/nanoseconds", "samples/count"]);
  });

  test("times go with the type that counts them, totals with the other, and that is told", () => {
    const { profiles, losses } = upgraded(one({ values: [2n, 20n], timestamps: [5n, 6n] }, types));
    expect(profiles.map(numbersOf)).toEqual([
      [{ values: [], timestamps: [5n, 6n] }],
      [{ values: [20n], timestamps: [] }],
    ]);
    expect(losses).toEqual({ timestamps: 2 });
  });

  test("the default one comes first, and the scope says so", () => {
    const model = shortModel("D7", [{ types, samples: [{ values: [2n, 20n] }], defaultTypeName: "cpu" }]);
    const { model: newest } = upgradeProfiles(model);
    expect(profilesOf(newest).map((profile) => numbersOf(profile)[0]!.values)).toEqual([[20n], [2n]]);
    const written = writeProfiles(newest, "D10");
    if (written instanceof ParseError) throw written;
    const payload = new Payload("profiles", MessageBuffer.copyOf(written.bytes), INTERNAL_ORIGIN);
    const decoded = decodeResources(payload);
    if (decoded instanceof ParseError) throw decoded;
    expect(Object.fromEntries(decoded[0]!.scopes[0]!.attributes)).toEqual({
      "pprof.scope.default_sample_type": "cpu",
      "pprof.scope.sample_type_order": [1n, 0n],
    });
  });

  test("profiles that disagree on the default get scopes of their own", () => {
    const samples = [{ values: [2n, 20n] }];
    const model = shortModel("D7", [
      { types, samples, defaultTypeName: "cpu" },
      { types, samples, defaultTypeName: "samples" },
      { types, samples, defaultTypeName: "cpu" },
    ]);
    const { model: newest } = upgradeProfiles(model);
    expect(newest.resources[0]!.scopes.map(({ profiles }) => profiles.length)).toEqual([4, 2]);
  });

  test("a default that is no type of the profile is ignored and counted", () => {
    expect(upgraded({ types, samples: [], defaultTypeName: "heap" }).losses).toEqual({ "default-sample-type": 1 });
  });

  test("143 types for one value, as agents of 2024 sent them, are one type", () => {
    const many = ["samples/count", ...Array.from({ length: 142 }, () => "cpu/nanoseconds")];
    const { profiles, losses } = upgraded(one({ values: [1n], timestamps: [5n, 6n] }, many));
    expect(profiles.map(numbersOf)).toEqual([[{ values: [], timestamps: [5n, 6n] }]]);
    expect(losses).toEqual({});
  });

  test("more than 64 are told", () => {
    const many = Array.from({ length: 70 }, (_type, at) => `type ${at}/count`);
    const { profiles, losses } = upgraded(one({ values: many.map(() => 1n) }, many));
    expect(profiles.length).toBe(64);
    expect(losses).toEqual({ "sample-types": 6 });
  });

  test("too few values fill the first types", () => {
    const { profiles, losses } = upgraded({ types: ["a/x", "b/y", "c/z"], samples: [{ values: [1n, 2n] }] });
    expect(profiles.map(({ samples }) => samples.length)).toEqual([1, 1, 0]);
    expect(losses).toEqual({ "values-per-type": 1 });
  });

  test("ids stay distinct and the same at each attempt; a payload belongs to one profile only", () => {
    const profileId = Uint8Array.from({ length: 16 }, (_byte, at) => at + 1);
    const whole = { types, samples: [], profileId, originalPayload: Uint8Array.of(1), originalPayloadFormat: "pprof" };
    const first = upgraded(whole);
    expect(first.profiles[0]!.profileId).toEqual(profileId);
    expect(first.profiles[1]!.profileId.length).toBe(16);
    expect(first.profiles[1]!.profileId).not.toEqual(profileId);
    expect(upgraded(whole).profiles[1]!.profileId).toEqual(first.profiles[1]!.profileId);
    expect(first.losses).toEqual({ "original-payload": 1 });
    const kept = upgradeProfiles(shortModel("D7", [whole]), { splitPayload: "first" });
    expect(profilesOf(kept.model).map(({ originalPayload }) => originalPayload.length)).toEqual([1, 0]);
    expect(kept.losses).toEqual([]);
  });
});

describe("what today's layouts lack", () => {
  test("comments, frame filters and cumulative values become attributes", () => {
    const { model, losses } = upgraded({ commentTexts: ["a", "b"], temporality: Temporality.CUMULATIVE });
    expect(contentOf(model)[0]!.attributes).toEqual([
      'otlp.legacy.aggregation_temporality="cumulative"',
      'pprof.profile.comment=["a","b"]',
    ]);
    expect(losses).toEqual({ temporality: 1 });
  });

  test("an attribute that is there already wins over the comment", () => {
    const attributeValues = { "pprof.profile.comment": ["old"] };
    const { model, losses } = upgraded({ commentTexts: ["new"], attributeValues });
    expect(contentOf(model)[0]!.attributes).toEqual(['pprof.profile.comment=["old"]']);
    expect(losses).toEqual({ "duplicate-attribute": 1 });
  });

  test("flags of mappings, folded frames, frame types and build ids of E become attributes and back", () => {
    const builder = new ModelBuilder();
    const mapping = builder.mapping({
      filename: builder.string("/bin/app"),
      has: MappingHas.FUNCTIONS | MappingHas.INLINE_FRAMES,
      buildId: builder.string("0123456789abcdef0123456789abcdef"),
      buildIdKind: 1,
    });
    const frame = builder.location({ mapping, address: 1n, folded: true, frameType: builder.string("phpjit-error") });
    const samples = new SamplesBuilder();
    samples.add(builder.stack([frame]), [], 0, [1n], []);
    const types = [{ type: builder.string("cpu"), unit: 0, temporality: 0 }];
    const scopes = [{ ...EMPTY_SCOPE, profiles: [{ ...EMPTY_PROFILE, types, samples: samples.finish() }] }];
    const model = builder.finish([{ ...EMPTY_RESOURCE, scopes }], "E");
    const { model: newest } = upgradeProfiles(model);
    const [stack] = [...contentOf(newest)[0]!.totals.keys()];
    expect(stack).toContain('{pprof.location.is_folded=true profile.frame.type="php"}');
    expect(stack).toContain("pprof.mapping.has_functions=true pprof.mapping.has_inline_frames=true");
    expect(stack).toContain('process.executable.build_id.htlhash="0123456789abcdef0123456789abcdef"');
    expect(newest.dictionary.mappings.has.every((has) => has === 0)).toBe(true);
  });

  test("pprof labels of one key become a list; a number beside text goes", () => {
    const builder = new ModelBuilder();
    const label = (key: string, value: string | bigint): number => {
      const at = builder.attribute(builder.string(key), value);
      builder.columns.attributes.label.values[at] = 1;
      return at;
    };
    const labels = [label("a", "x"), label("a", "y"), label("n", 1n), label("n", 2n), label("m", 3n), label("m", "z")];
    const samples = new SamplesBuilder();
    samples.add(0, labels, 0, [1n], []);
    const types = [{ type: builder.string("cpu"), unit: 0, temporality: 0 }];
    const scopes = [{ ...EMPTY_SCOPE, profiles: [{ ...EMPTY_PROFILE, types, samples: samples.finish() }] }];
    const { model, losses } = upgradeProfiles(builder.finish([{ ...EMPTY_RESOURCE, scopes }], "E"));
    const [identity] = [...contentOf(model)[0]!.totals.keys()];
    expect(identity).toContain('a=["x","y"] m="z" n=[1,2]');
    expect(losses.map(({ kind, count }) => [kind, count])).toEqual([["duplicate-attribute", 1]]);
  });

  test("ids of odd sizes would make receivers refuse everything: dropped and counted", () => {
    const { profiles, losses } = upgraded({ profileId: Buffer.from("ELASTIC") });
    expect(profiles[0]!.profileId.length).toBe(0);
    expect(losses).toEqual({ "profile-id": 1 });
  });

  test("strings that are not UTF-8 are repaired and counted", () => {
    const builder = new ModelBuilder();
    const type = builder.stringBytes(Uint8Array.of(0x63, 0xff));
    const profile = { ...EMPTY_PROFILE, types: [{ type, unit: 0, temporality: 0 }] };
    const scopes = [{ ...EMPTY_SCOPE, profiles: [profile] }];
    const { model, losses } = upgradeProfiles(builder.finish([{ ...EMPTY_RESOURCE, scopes }], "D7"));
    expect(contentOf(model)[0]!.type).toBe("c\ufffd/");
    expect(losses[0]).toEqual({
      kind: "invalid-utf8",
      count: 1,
      place: "resource_profiles[0].scope_profiles[0].profiles[0]",
    });
  });
});

describe("the window", () => {
  const at = (timeUnixNano: bigint, durationNano: bigint, timestamps: readonly bigint[]) => {
    const { profiles, losses } = upgraded({
      timeUnixNano,
      durationNano,
      samples: timestamps.length > 0 ? [{ timestamps }] : [],
    });
    return { window: [profiles[0]!.timeUnixNano, profiles[0]!.durationNano], losses };
  };

  test.each([
    ["stays where all is inside", [100n, 10n], [100n, 109n], [100n, 10n], {}],
    ["is widened at its end, which is not in it", [100n, 10n], [110n], [100n, 11n], {}],
    ["is widened at its start", [100n, 10n], [90n], [90n, 20n], {}],
    ["is made where there was none", [0n, 0n], [50n, 60n], [50n, 11n], {}],
    ["is not negative", [-5n, -1n], [], [0n, 0n], { "negative-time": 2 }],
    [
      "ignores what is a day away, and 0",
      [DAY * 9n, 10n],
      [0n, DAY * 9n + 3n, DAY * 11n],
      [DAY * 9n, 10n],
      {
        "timestamp-outside-window": 2,
      },
    ],
  ] as const)("%s", (_name, [time, duration], timestamps, window, losses) => {
    expect(at(time, duration, timestamps)).toEqual({ window, losses });
  });
});

test("only what is used gets into the new dictionary, once", () => {
  const builder = new ModelBuilder();
  builder.function(builder.string("unused"));
  const name = builder.string("used");
  const frame = builder.location({ lines: [{ function: builder.function(name) }] });
  const samples = new SamplesBuilder();
  samples.add(builder.stack([frame]), [], 0, [1n], []);
  const profile = { ...EMPTY_PROFILE, types: [{ type: name, unit: 0, temporality: 0 }], samples: samples.finish() };
  const scopes = [{ ...EMPTY_SCOPE, profiles: [profile, profile] }];
  const { dictionary } = upgradeProfiles(builder.finish([{ ...EMPTY_RESOURCE, scopes }], "D7")).model;
  const { strings, functions, locations, stacks, mappings } = dictionary;
  expect([strings, functions, locations, stacks, mappings].map(({ length }) => length)).toEqual([2, 2, 2, 2, 1]);
});
