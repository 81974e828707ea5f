import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import { recorded } from "../testing/recorded.ts";
import { EMPTY_PROFILE, EMPTY_RESOURCE, EMPTY_SCOPE, ModelBuilder } from "../profiles/model-builder.ts";
import type { ProfileRecord, ProfilesModel } from "../profiles/model.ts";
import { SamplesBuilder } from "../profiles/samples-builder.ts";
import { convertRequest } from "./convert-request.ts";
import { regroupByContainer } from "./regroup.ts";
import { shortModel } from "./testing/fixtures.ts";
import { upgradeProfiles } from "./upgrade-profiles.ts";
import { WRITABLE_LAYOUTS } from "./wire-numbers.ts";
import { writeProfiles } from "./write-profiles.ts";

const VECTORS = recorded("otlp-profiles/*/*.pb").filter(({ bytes }) => bytes.length > 0);

test("damaged requests are converted or refused, never thrown at", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(
      fc.constantFrom(...VECTORS),
      damage,
      fc.option(fc.nat(), { freq: 3 }),
      fc.constantFrom(...WRITABLE_LAYOUTS),
      ({ bytes }, changes, cut, layout) => {
        const damaged = Uint8Array.from(cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        for (const [at, byte] of changes) if (damaged.length > 0) damaged[at % damaged.length] = byte;
        const converted = convertRequest(damaged, layout);
        expect(converted instanceof ParseError || converted.bytes.length >= 0).toBe(true);
      },
    ),
    { numRuns: 3000 },
  );
});

/** A model of one scope with these profiles. */
function modelOf(builder: ModelBuilder, profiles: readonly ProfileRecord[]): ProfilesModel {
  return builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles }] }], "D7");
}

describe("small requests that would become large ones", () => {
  const long = "x".repeat(1 << 16);
  const cpu = (builder: ModelBuilder) => [{ type: builder.string("cpu"), unit: 0, temporality: 0 }];

  test("profiles that share a long stack, in a layout with tables in each profile", () => {
    const builder = new ModelBuilder();
    const stack = builder.stack(
      Array.from({ length: 5000 }, (_frame, at) => builder.location({ address: BigInt(at) })),
    );
    const samples = new SamplesBuilder();
    samples.add(stack, [], 0, [1n], []);
    const profile = { ...EMPTY_PROFILE, types: cpu(builder), samples: samples.finish() };
    const model = modelOf(
      builder,
      Array.from({ length: 500 }, () => profile),
    );
    expect(writeProfiles(model, "D5", { maxBytes: 1 << 20 })).toBeInstanceOf(ParseError);
    expect(writeProfiles(model, "D10", { maxBytes: 1 << 20 })).not.toBeInstanceOf(ParseError);
  });

  test("attributes that share a long key, in a layout with literal keys", () => {
    const builder = new ModelBuilder();
    const key = builder.string(long);
    for (let at = 0; at < 1000; at++) builder.attribute(key, BigInt(at));
    expect(writeProfiles(modelOf(builder, []), "D7", { maxBytes: 1 << 20 })).toBeInstanceOf(ParseError);
  });

  test("comments that are one long string many times: 16 MiB are kept, the rest counted", () => {
    const builder = new ModelBuilder();
    const comments = new Int32Array(100_000).fill(builder.string(long));
    const { model, losses } = upgradeProfiles(modelOf(builder, [{ ...EMPTY_PROFILE, types: cpu(builder), comments }]));
    const { attributes } = model.dictionary;
    expect(attributes.values.size(attributes.length - 1)).toBeLessThan(16 << 20);
    expect(losses).toMatchObject([{ kind: "comments", count: 99_745 }]);
  });

  test("a profile of many types and many samples keeps the types that there is room for", () => {
    const builder = new ModelBuilder();
    const types = Array.from({ length: 64 }, (_type, at) => ({
      type: builder.string(`${at}`),
      unit: 0,
      temporality: 0,
    }));
    const attributes = new Int32Array(16 << 20);
    const samples = { ...EMPTY_PROFILE.samples, length: 0, attributes };
    const { model, losses } = upgradeProfiles(modelOf(builder, [{ ...EMPTY_PROFILE, types, samples }]));
    expect(model.resources[0]!.scopes[0]!.profiles.length).toBe(2);
    expect(losses).toMatchObject([{ kind: "sample-types", count: 62 }]);
  });

  test("many profiles that each want another default type share the scopes that there are", () => {
    const profiles = Array.from({ length: 200 }, (_profile, at) => ({
      types: [`type ${at}/x`],
      defaultTypeName: `type ${at}`,
    }));
    const { model, losses } = upgradeProfiles(shortModel("D7", profiles));
    expect(model.resources[0]!.scopes.length).toBe(16);
    expect(losses.length).toBe(184);
  });

  test("labels of one key fold into a list of 64 at most", () => {
    const builder = new ModelBuilder();
    const key = builder.string("k");
    const labels = Array.from({ length: 10_000 }, (_label, at) => {
      const label = builder.attribute(key, BigInt(at));
      builder.columns.attributes.label.values[label] = 1;
      return label;
    });
    const samples = new SamplesBuilder();
    samples.add(0, labels, 0, [1n], []);
    const profile = { ...EMPTY_PROFILE, types: cpu(builder), samples: samples.finish() };
    const { losses } = upgradeProfiles(modelOf(builder, [profile]));
    expect(losses).toMatchObject([{ kind: "duplicate-attribute", count: 10_000 - 64 }]);
  });

  test("containers of a host with a large resource: as many as 64 MiB of copies", () => {
    const samples = Array.from({ length: 300 }, (_sample, at) => ({
      values: [1n],
      attributes: { "container.id": `id ${at}` },
    }));
    const resource = { blob: "x".repeat(1 << 20) };
    const { model, losses } = regroupByContainer(shortModel("D7", [{ samples }], resource));
    expect(model.resources.length).toBeLessThan(66);
    expect(losses[0]!.kind).toBe("container-groups");
  });

  test("more kinds and places of losses than anybody reads", () => {
    const profiles = Array.from({ length: 6000 }, () => ({ profileId: Uint8Array.of(1) }));
    const { losses } = upgradeProfiles(shortModel("D7", profiles));
    expect(losses.length).toBe(4097);
    expect(losses.at(-1)).toEqual({ kind: "profile-id", count: 1904, place: "" });
  });
});
