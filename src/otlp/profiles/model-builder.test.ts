import { describe, expect, test } from "vitest";
import { describeProfiles } from "./describe-profiles.ts";
import { EMPTY_PROFILE, EMPTY_RESOURCE, EMPTY_SCOPE, encodeResource, ModelBuilder } from "./model-builder.ts";
import { SamplesBuilder } from "./samples-builder.ts";

describe("ModelBuilder", () => {
  test("gives equal entries one index, and 0 to entries that say nothing", () => {
    const builder = new ModelBuilder();
    const main = builder.string("main");
    expect(builder.string("main")).toBe(main);
    expect(builder.stringBytes(Buffer.from("main"))).toBe(main);
    expect([
      builder.string(""),
      builder.function(0),
      builder.location({}),
      builder.stack([]),
      builder.mapping({}),
    ]).toEqual([0, 0, 0, 0, 0]);
    const called = builder.function(main, 0, 0, 12n);
    expect(builder.function(main, 0, 0, 12n)).toBe(called);
    expect(builder.function(main, 0, 0, 13n)).not.toBe(called);
    const attribute = builder.attribute(main, 3n, builder.string("bytes"));
    expect(builder.attribute(main, 3n, builder.string("bytes"))).toBe(attribute);
    expect(builder.attribute(main, 3, builder.string("bytes"))).not.toBe(attribute);
    const location = builder.location({
      lines: [{ function: called, line: 3n }],
      address: 2n ** 63n,
      attributes: [attribute],
    });
    expect(
      builder.location({ lines: [{ function: called, line: 3n }], address: 2n ** 63n, attributes: [attribute] }),
    ).toBe(location);
    expect(builder.location({ lines: [{ function: called, line: 4n }], address: 2n ** 63n })).not.toBe(location);
    expect(builder.stack([location, location])).toBe(builder.stack([location, location]));
    expect(builder.link(new Uint8Array(16).fill(1), new Uint8Array(8))).toBe(1);
  });

  test("keeps thousands of entries apart", () => {
    const builder = new ModelBuilder();
    const indexes = Array.from({ length: 5000 }, (_none, at) =>
      builder.stack([builder.location({ address: BigInt(at + 1) })]),
    );
    expect(new Set(indexes).size).toBe(5000);
    const again = Array.from({ length: 5000 }, (_none, at) =>
      builder.stack([builder.location({ address: BigInt(at + 1) })]),
    );
    expect(again).toEqual(indexes);
  });

  test("adopts the dictionary of another model under new indexes", () => {
    const from = new ModelBuilder();
    const stackOf = (builder: ModelBuilder, name: string): number => {
      const line = { function: builder.function(builder.string(name)) };
      const mapping = builder.mapping({ filename: builder.string(`${name}.so`), memoryStart: 1n });
      return builder.stack([
        builder.location({ lines: [line], mapping, attributes: [builder.attribute(line.function, true)] }),
      ]);
    };
    stackOf(from, "other");
    const stack = stackOf(from, "same");
    const to = new ModelBuilder();
    const known = stackOf(to, "same");
    const adopted = to.adopt(from.finish([]).dictionary);
    // Keys of the attributes differ by index and so do the stacks; adopting twice adds nothing.
    const before = to.columns.stacks.length;
    expect(to.adopt(from.finish([]).dictionary)).toEqual(adopted);
    expect(to.columns.stacks.length).toBe(before);
    expect(adopted.stacks[stack]).toBeGreaterThan(0);
    expect(to.columns.strings.text(adopted.strings[from.string("same")]!)).toBe("same");
    expect(known).toBe(1);
  });

  test("makes a model that can be described", () => {
    const builder = new ModelBuilder();
    const stack = builder.stack([
      builder.location({ lines: [{ function: builder.function(builder.string("main")) }] }),
    ]);
    const samples = new SamplesBuilder();
    samples.add(stack, [builder.attribute(builder.string("thread.name"), "worker")], 0, [5n], []);
    samples.add(stack, [], 0, [], [3n, 1n]);
    const type = { type: builder.string("samples"), unit: builder.string("count"), temporality: 0 };
    const profile = { ...EMPTY_PROFILE, types: [type], samples: samples.finish() };
    const resource = encodeResource([["service.name", "checkout"]]);
    const model = builder.finish([{ ...EMPTY_RESOURCE, resource, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
    expect(describeProfiles(model)).toMatchObject({
      frames: [{ lines: [{ function: "main" }] }],
      resources: [
        {
          attributes: [{ key: "service.name", string: "checkout" }],
          scopes: [
            {
              profiles: [
                {
                  samples: 2,
                  stacks: [
                    {
                      groups: [
                        { attributes: [{ key: "thread.name", string: "worker" }], totals: ["5"] },
                        { attributes: [], timestamps: ["1", "3"], totals: ["2"] },
                      ],
                    },
                  ],
                },
              ],
            },
          ],
        },
      ],
      summary: { profiles: 1, resources: 1, samples: 2, scopes: 1, timestamps: 2 },
    });
  });
});
