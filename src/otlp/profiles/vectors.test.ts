import { describe, expect, test } from "vitest";
import { BufferPool, ParseError } from "#wire";
import { profilesJsonToProtobuf } from "../json/read-json.ts";
import { recorded } from "../testing/recorded.ts";
import { profilesSchema } from "../schema/profiles-layouts.ts";
import { describeProfiles, describeRefusal } from "./describe-profiles.ts";
import { detectLayout } from "./detect-layout.ts";
import { Refusal } from "./detection.ts";
import type { Layout } from "./layout.ts";
import { readProfiles } from "./read-profiles.ts";
import { reencode, type Encoding } from "./testing/reencode.ts";
import type { Json } from "./describe-tables.ts";

interface Expected {
  readonly case: string;
  readonly layout: string;
  readonly layouts: readonly string[];
  readonly verdict: string;
  readonly [key: string]: Json;
}

const EXPECTED = new Map(
  recorded("otlp-profiles/*/*.expected.json").map(({ name, bytes }) => {
    return [name.replace(".expected.json", ""), JSON.parse(Buffer.from(bytes).toString()) as Expected];
  }),
);

function expectedOf(name: string): Expected {
  const expected = EXPECTED.get(name.replace(/\.(protobuf-go|collector|protojson)\.(pb|json)$/, ""));
  if (!expected) throw new Error(`${name} has no description`);
  return expected;
}

/** Detects, reads and describes, as `inspect --json` does. */
function described(bytes: Uint8Array): Json {
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) return describeRefusal(detection);
  const model = readProfiles(bytes, detection.layout);
  if (model instanceof ParseError) throw new Error(model.message);
  return describeProfiles(model, detection);
}

/** The description without what no reader can know: the case, and which of several layouts it was. */
function told(description: Json): object {
  const { case: _case, layout: _layout, ...rest } = description as Expected;
  return rest;
}

describe("the vectors in OTLP/JSON", () => {
  test.each(recorded("otlp-profiles/*/*.{collector,protojson}.json"))("$name is described as its content", (vector) => {
    const expected = expectedOf(vector.name);
    const transcoded = profilesJsonToProtobuf(vector.bytes, new BufferPool());
    if (transcoded instanceof Refusal || transcoded instanceof ParseError) throw new Error(transcoded.message);
    const { buffer, detection } = transcoded;
    const model = readProfiles(buffer.bytes, detection.layout);
    if (model instanceof ParseError) throw new Error(model.message);
    const description = describeProfiles(model, detection) as unknown as Expected;
    // Names of JSON tell less than field numbers: 1.9 and 1.10 have the same ones.
    expect({ ...told(description), layouts: [] }).toEqual({ ...told(expected), layouts: [] });
    expect(description.layouts).toEqual(expect.arrayContaining(expected.layouts as string[]));
    buffer.release();
  });
});

describe("the vectors of upstream's encoders", () => {
  test.each(recorded("otlp-profiles/*/*.pb"))("$name is described as its content", ({ name, bytes }) => {
    const expected = expectedOf(name);
    const description = described(bytes) as Expected;
    if (expected.verdict === "unresolvable") {
      expect(description.verdict).toBe("unresolvable");
      return;
    }
    expect(told(description)).toEqual(told(expected));
    if (!expected.layouts.includes("any")) expect(expected.layouts).toContain(description.layout);
  });
});

const ENCODINGS: readonly (readonly [string, Encoding])[] = [
  ["unpacked", { unpacked: true }],
  ["padded", { padded: true }],
  ["in descending order", { descending: true }],
  ["with unknown fields", { unknown: true }],
  ["in pieces", { split: true }],
  ["unpacked, padded, descending, in pieces", { unpacked: true, padded: true, descending: true, split: true }],
];

describe.each(ENCODINGS)("the vectors written anew, %s", (_name, encoding) => {
  test.each(recorded("otlp-profiles/*/*.pb"))("$name is described as its content", ({ name, bytes }) => {
    const expected = expectedOf(name);
    const layout = /\/(\w+)\//.exec(name)![1]!.toUpperCase() as Layout;
    const other = reencode(profilesSchema(layout).message("ProfilesData"), bytes, encoding);
    const description = described(other) as Expected;
    if (expected.verdict === "unresolvable") expect(description.verdict).toBe("unresolvable");
    else if (expected.verdict !== "empty") expect(told(description)).toEqual(told(expected));
  });
});
