import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ParseError } from "#wire";
import { oracle } from "../testing/oracle.ts";
import type { Layout } from "../profiles/layout.ts";
import type { ProfilesModel } from "../profiles/model.ts";
import { describeProfiles } from "../profiles/describe-profiles.ts";
import { readProfiles } from "../profiles/read-profiles.ts";
import { contentOf } from "./testing/content.ts";
import { upgradeProfiles } from "./upgrade-profiles.ts";
import { WRITABLE_LAYOUTS } from "./wire-numbers.ts";
import { type WrittenProfiles, writeProfiles } from "./write-profiles.ts";

const ROOT = new URL("../../../testdata/otlp-profiles/", import.meta.url);

interface Vector {
  readonly name: string;
  readonly layout: Layout;
  readonly bytes: Uint8Array;
}

/** Requests that upstream's encoders of each age wrote; but for the one that nobody can resolve. */
const VECTORS: readonly Vector[] = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name: folder }) =>
    readdirSync(new URL(`${folder}/`, ROOT))
      .filter((file) => file.endsWith(".pb") && !file.startsWith("l1-export-request"))
      .map((file) => ({
        name: `${folder}/${file}`,
        layout: folder.toUpperCase() as Layout,
        bytes: readFileSync(new URL(`${folder}/${file}`, ROOT)),
      })),
  );

function read(bytes: Uint8Array, layout: Layout): ProfilesModel {
  const model = readProfiles(bytes, layout);
  if (model instanceof ParseError) throw model;
  return model;
}

function written(...of: Parameters<typeof writeProfiles>): WrittenProfiles {
  const result = writeProfiles(...of);
  if (result instanceof ParseError) throw result;
  return result;
}

test("there are vectors of every layout", () => {
  expect(new Set(VECTORS.map(({ layout }) => layout)).size).toBe(8);
  expect(VECTORS.length).toBeGreaterThan(40);
});

describe.each(VECTORS)("$name", ({ layout, bytes }) => {
  const model = read(bytes, layout);
  const content = contentOf(model);

  test.each(WRITABLE_LAYOUTS)("says the same as %s", (to) => {
    const { bytes: out, losses } = written(model, to);
    const again = read(out, to);
    expect(contentOf(again)).toEqual(content);
    expect(again.findings).toEqual([]);
    expect(losses.filter(({ kind }) => kind !== "temporality")).toEqual([]);
  });

  test("is described as before, but for what the newest layout says otherwise", () => {
    const before = describeProfiles(model);
    const after = describeProfiles(read(written(upgradeProfiles(model).model, "D10").bytes, "D10"));
    expect(withoutLayout(after)).toEqual(withoutLayout(before));
  });

  test("upgraded once, it can go down to any layout and says the same", () => {
    const newest = upgradeProfiles(model).model;
    for (const to of WRITABLE_LAYOUTS) expect(contentOf(read(written(newest, to).bytes, to)), to).toEqual(content);
  });

  test("upgraded, it is what protobuf-es reads as 1.11, and by the rules of 1.11", () => {
    const { bytes: out } = written(upgradeProfiles(model).model, "D10");
    const { message } = oracle("profiles", out);
    expectRulesOf111(message as unknown as Request);
  });
});

/**
 * A description without what an upgrade changes by design: the layout, temporalities that it cannot say, and resources
 * and scopes without profiles, which nobody forwards.
 */
function withoutLayout(description: unknown): unknown {
  const plainer = JSON.parse(JSON.stringify(description), (key, value: unknown) => {
    if (key === "temporality") return "unspecified";
    if (!Array.isArray(value)) return value;
    if (key === "scopes") return (value as { profiles: unknown[] }[]).filter(({ profiles }) => profiles.length > 0);
    if (key === "resources") return (value as { scopes: unknown[] }[]).filter(({ scopes }) => scopes.length > 0);
    return value as unknown;
  }) as Record<string, unknown>;
  const { layout: _layout, layouts: _layouts, summary: _summary, verdict: _verdict, ...rest } = plainer;
  return rest;
}

/** What the rules are about, as protobuf-es names it. */
interface Request {
  readonly resourceProfiles: readonly {
    readonly scopeProfiles: readonly { readonly profiles: readonly Profile[] }[];
  }[];
  readonly dictionary: Readonly<Record<string, readonly unknown[]>>;
}

interface Profile {
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  readonly sampleType?: object;
  readonly profileId: Uint8Array;
  readonly samples: readonly {
    readonly values: readonly bigint[];
    readonly timestampsUnixNano: readonly bigint[];
    readonly stackIndex: number;
    readonly linkIndex: number;
    readonly attributeIndices: readonly number[];
  }[];
}

function expectRulesOf111({ resourceProfiles, dictionary }: Request): void {
  const tables = ["mapping", "location", "function", "link", "string", "attribute", "stack"];
  for (const name of tables) {
    const table = dictionary[`${name}Table`]!;
    expect(isNull(table[0]), `${name}_table[0]`).toBe(true);
    const texts = table.map((entry) => JSON.stringify(entry, (_key, one: unknown) => plain(one)));
    expect(new Set(texts).size, `${name}_table has no entry twice`).toBe(texts.length);
  }
  for (const profile of resourceProfiles.flatMap(({ scopeProfiles }) => scopeProfiles.flatMap((one) => one.profiles))) {
    expect(profile.sampleType).toBeDefined();
    expect([0, 16]).toContain(profile.profileId.length);
    for (const { values, timestampsUnixNano: times, ...sample } of profile.samples) {
      if (times.length === 0) expect(values.length).toBe(1);
      else if (values.length > 0) expect(values.length).toBe(times.length);
      expect(new Set(sample.attributeIndices).size).toBe(sample.attributeIndices.length);
      expect(sample.attributeIndices).not.toContain(0);
      expect(sample.stackIndex).toBeLessThan(dictionary["stackTable"]!.length);
      expect(sample.linkIndex).toBeLessThan(dictionary["linkTable"]!.length);
    }
  }
}

function isNull(entry: unknown): boolean {
  const text = JSON.stringify(entry, (key, one: unknown) => (key === "$typeName" ? undefined : plain(one)));
  return /^(""|\{("\w+":("0"|0|""|\[\]|null),?)*\})$/.test(text);
}

function plain(one: unknown): unknown {
  if (typeof one === "bigint") return String(one);
  return one instanceof Uint8Array ? Buffer.from(one).toString("hex") : one;
}
