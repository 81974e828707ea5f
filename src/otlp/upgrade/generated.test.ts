import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import { oracle } from "../testing/oracle.ts";
import { LAYOUTS } from "../profiles/layout.ts";
import { readProfiles } from "../profiles/read-profiles.ts";
import { arbitraryModel } from "./testing/arbitrary-model.ts";
import { contentOf } from "./testing/content.ts";
import { upgradeProfiles } from "./upgrade-profiles.ts";
import { WRITABLE_LAYOUTS, type WritableLayout } from "./wire-numbers.ts";
import { type WriteOptions, writeProfiles } from "./write-profiles.ts";

function rewritten(model: Parameters<typeof writeProfiles>[0], layout: WritableLayout, options: WriteOptions = {}) {
  const written = writeProfiles(model, layout, options);
  if (written instanceof ParseError) throw written;
  const again = readProfiles(written.bytes, layout);
  if (again instanceof ParseError) throw again;
  return { ...written, again };
}

describe.each(LAYOUTS)("a model of %s", (layout) => {
  test.each(WRITABLE_LAYOUTS)("says the same when it was written as %s and read again", (to) => {
    fc.assert(
      fc.property(arbitraryModel(layout), (model) => {
        const { again, losses } = rewritten(model, to);
        expect(contentOf(again)).toEqual(contentOf(model));
        expect(losses.filter(({ kind }) => kind !== "conflicting-unit")).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  test("upgraded and written, it is what protobuf-es reads", () => {
    fc.assert(
      fc.property(arbitraryModel(layout), (model) => {
        const { model: newest } = upgradeProfiles(model);
        const { bytes } = rewritten(newest, "D10");
        expect(oracle("profiles", bytes).strings.length).toBe(newest.dictionary.strings.length);
      }),
      { numRuns: 12 },
    );
  });
});

describe("options of writing", () => {
  test("a result larger than the limit is an error, not an allocation", () => {
    const [model] = fc.sample(arbitraryModel("D10"), { numRuns: 1, seed: 7 });
    expect(writeProfiles(model!, "D5", { maxBytes: 10 })).toBeInstanceOf(ParseError);
  });
});
