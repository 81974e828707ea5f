import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ParseError, Writer } from "#wire";
import { oracle } from "../testing/oracle.ts";
import type { Layout } from "../profiles/layout.ts";
import type { ProfilesModel } from "../profiles/model.ts";
import { readProfiles } from "../profiles/read-profiles.ts";
import { contentOf } from "./testing/content.ts";
import { shortModel } from "./testing/fixtures.ts";
import type { WritableLayout } from "./wire-numbers.ts";
import { type WriteOptions, writeProfiles, type WrittenProfiles } from "./write-profiles.ts";

const VECTORS = new URL("../../../testdata/otlp-profiles/", import.meta.url);

function read(bytes: Uint8Array, layout: Layout = "D10"): ProfilesModel {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw model;
  return model;
}

function written(model: ProfilesModel, layout: WritableLayout = "D10", options: WriteOptions = {}): WrittenProfiles {
  const result = writeProfiles(model, layout, options);
  if (result instanceof ParseError) throw result;
  return result;
}

describe("references to strings", () => {
  const model = read(readFileSync(new URL("d10/l4-string-references.protobuf-go.pb", VECTORS)));
  const references = (bytes: Uint8Array): number =>
    JSON.stringify(oracle("profiles", bytes).owners, (key, value: unknown) => {
      return key === "dictionary" || typeof value === "bigint" ? undefined : value;
    }).split("stringValueStrindex").length - 1;

  test("become text, which every receiver reads, unless told to keep them", () => {
    const literal = written(model).bytes;
    const kept = written(model, "D10", { references: "keep" }).bytes;
    expect(references(literal)).toBe(0);
    expect(references(kept)).toBeGreaterThan(0);
    expect(contentOf(read(literal))).toEqual(contentOf(model));
    expect(contentOf(read(kept))).toEqual(contentOf(model));
  });

  /** A resource attribute of key, value and key reference, as they are. */
  function withAttribute(fields: (writer: Writer) => void): ProfilesModel {
    const writer = new Writer();
    writer.open(1);
    fields(writer);
    writer.close();
    const short = shortModel("D10", [{ samples: [{ values: [1n] }] }]);
    return { ...short, resources: [{ ...short.resources[0]!, resource: writer.finish() }] };
  }

  test("a literal key beside a reference wins", () => {
    const { bytes, losses } = written(
      withAttribute((writer) => {
        writer.varint(3, 1);
        writer.string(1, "literal");
      }),
    );
    expect(contentOf(read(bytes))[0]!.resource).toContain("literal=");
    expect(losses).toEqual([]);
  });

  test("one to nothing is left out and counted", () => {
    const { bytes, losses } = written(
      withAttribute((writer) => {
        writer.varint(3, 999);
        writer.bytes(2, Uint8Array.of(0x40, 0x7f));
      }),
    );
    expect(contentOf(read(bytes))[0]!.resource.trim()).toBe("=unset");
    expect(losses).toEqual([{ kind: "string-reference", count: 2, place: "resource_profiles[0]" }]);
  });

  test("string 0 is an empty text that was set", () => {
    const { bytes } = written(
      withAttribute((writer) => {
        writer.string(1, "k");
        writer.bytes(2, Uint8Array.of(0x40, 0));
      }),
    );
    expect(contentOf(read(bytes))[0]!.resource.trim()).toBe('k=""');
  });
});

describe("link 0", () => {
  const model = shortModel("D10", [{ samples: [{ values: [1n] }] }]);

  test.each([
    ["empty", [0, 0]],
    ["zeros", [16, 8]],
  ] as const)("can be %s", (zeroLink, sizes) => {
    const { message } = oracle("profiles", written(model, "D10", { zeroLink }).bytes);
    const [link] = (message as unknown as { dictionary: { linkTable: { traceId: Uint8Array; spanId: Uint8Array }[] } })
      .dictionary.linkTable;
    expect([link!.traceId.length, link!.spanId.length]).toEqual(sizes);
    expect(contentOf(read(written(model, "D10", { zeroLink }).bytes))).toEqual(contentOf(model));
  });
});

describe("fields that no layout knows", () => {
  /** Field 999 in the request, a profile, a sample, the dictionary and a function. */
  function sent(): Uint8Array {
    const writer = new Writer();
    const unknown = (): void => writer.varint(999, 7);
    const nest = (field: number, inner: () => void): void => {
      writer.open(field);
      inner();
      writer.close();
    };
    nest(1, () =>
      nest(2, () =>
        nest(2, () => {
          nest(1, () => writer.varint(1, 1));
          nest(2, () => {
            nest(4, () => writer.rawVarint(5));
            unknown();
          });
          unknown();
        }),
      ),
    );
    nest(2, () => {
      for (const table of [1, 2, 3, 4, 5, 6, 7]) nest(table, () => undefined);
      nest(3, unknown);
      writer.string(5, "cpu");
      unknown();
    });
    unknown();
    return writer.finish();
  }

  test("stay where the layout stays, and are counted where it changes", () => {
    const model = read(sent());
    const count = (bytes: Uint8Array): number => Buffer.from(bytes).toString("latin1").split("\xb8\x3e\x07").length - 1;
    const same = written(model);
    expect([count(sent()), count(same.bytes), same.losses]).toEqual([5, 5, []]);
    const other = written(model, "D9");
    expect(count(other.bytes)).toBe(0);
    expect(other.losses.reduce((sum, loss) => sum + (loss.kind === "unknown-fields" ? loss.count : 0), 0)).toBe(5);
  });
});

describe("down to 1.7", () => {
  test("units belong to keys there: a second unit of one key is told", () => {
    const units = ["bytes", "pages"];
    const model = shortModel("D10", [{ samples: units.map((unit) => ({ values: [1n], attributes: { [unit]: 1n } })) }]);
    const { attributes, strings } = model.dictionary;
    // Both attributes get the key of the first and a unit of their own.
    const key = attributes.key.map((one) => (one === 0 ? 0 : attributes.key[1]!));
    const unit = Int32Array.from(attributes.key);
    const dictionary = { ...model.dictionary, attributes: { ...attributes, key, unit } };
    expect(strings.text(unit[2]!)).toBe("pages");
    expect(written({ ...model, dictionary }, "D7").losses).toMatchObject([{ kind: "conflicting-unit", count: 1 }]);
  });

  test("timestamps alone get their number as value, which that layout demands", () => {
    const model = shortModel("D10", [{ samples: [{ timestamps: [5n, 6n, 7n] }] }]);
    const { samples } = read(written(model, "D7").bytes, "D7").resources[0]!.scopes[0]!.profiles[0]!;
    expect([[...samples.values], [...samples.timestamps]]).toEqual([[3n], [5n, 6n, 7n]]);
  });
});
