import { createRegistry, fromBinary, fromJson, toBinary, toJson, type JsonValue } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BufferPool, ParseError } from "#wire";
import type { Layout } from "../profiles/layout.ts";
import { SIGNALS, type Signal } from "../signal.ts";
import { arbitraryMessage } from "../testing/arbitrary-message.ts";
import { arbitraryRequest } from "../testing/arbitrary-request.ts";
import { REQUEST_SCHEMAS } from "../testing/oracle.ts";
import { recorded } from "../testing/recorded.ts";
import { jsonToProtobuf } from "./read-json.ts";
import { protobufToJson } from "./write-json.ts";

const pool = new BufferPool();
const schemaOf = (signal: Signal): GenMessage<Message> => REQUEST_SCHEMAS[signal] as GenMessage<Message>;

/** Made-up profiles are of protobuf-es's layout; what they say would not let it be recognized. */
const layoutOf = (signal: Signal): Layout | undefined => (signal === "profiles" ? "D10" : undefined);

function toProtobuf(signal: Signal, json: unknown): Uint8Array {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const result = jsonToProtobuf(signal, new TextEncoder().encode(text), pool, layoutOf(signal));
  if (result instanceof ParseError) throw new Error(result.message);
  return result.bytes;
}

function problem(signal: Signal, json: unknown): string {
  const result = jsonToProtobuf(signal, new TextEncoder().encode(JSON.stringify(json)), pool);
  return result instanceof ParseError ? result.message : "none";
}

function toOtlpJson(signal: Signal, bytes: Uint8Array): unknown {
  const json = protobufToJson(signal, bytes, layoutOf(signal));
  if (json instanceof ParseError) throw new Error(json.message);
  return JSON.parse(json);
}

const IDS = new Set(["traceId", "spanId", "parentSpanId", "profileId"]);

/** Plain protobuf JSON as OTLP writes it: ids in hexadecimal. JSON.parse of a stringified -0 is 0, so that is told. */
function asOtlp(value: JsonValue, key = ""): JsonValue {
  if (Array.isArray(value)) return value.map((one) => asOtlp(one));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, asOtlp(one, name)]));
  }
  if (Object.is(value, -0)) return "-0";
  return IDS.has(key) ? Buffer.from(value as string, "base64").toString("hex") : value;
}

describe.each(SIGNALS)("OTLP/JSON of %s", (signal) => {
  const schema = schemaOf(signal);

  test("is what protobuf-es writes, but for ids in hexadecimal", () => {
    fc.assert(
      fc.property(arbitraryMessage(schema), (message) => {
        const theirs = asOtlp(toJson(schema, message, { enumAsInteger: true, registry: createRegistry() }));
        expect(toOtlpJson(signal, toBinary(schema, message))).toEqual(theirs);
      }),
      { numRuns: 40 },
    );
  });

  test("is read as protobuf-es wrote it, enumerations by name or number, in either spelling of the keys", () => {
    fc.assert(
      fc.property(arbitraryMessage(schema), fc.boolean(), fc.boolean(), (message, enumAsInteger, useProtoFieldName) => {
        const json = toJson(schema, message, { enumAsInteger, useProtoFieldName, registry: createRegistry() });
        const camel = {
          trace_id: "traceId",
          span_id: "spanId",
          parent_span_id: "parentSpanId",
          profile_id: "profileId",
        };
        let text = JSON.stringify(json, (_key, value: unknown) => (Object.is(value, -0) ? "-0" : value));
        for (const [snake, name] of Object.entries(camel)) text = text.replaceAll(`"${snake}":`, `"${name}":`);
        const bytes = toProtobuf(signal, asOtlp(JSON.parse(text) as JsonValue));
        expect(toBinary(schema, fromBinary(schema, bytes))).toEqual(toBinary(schema, message));
      }),
      { numRuns: 40 },
    );
  });

  test("comes back as the same message, however odd its encoding was", () => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (bytes) => {
        const back = toProtobuf(signal, toOtlpJson(signal, bytes));
        const expected = withPlainNaN(fromBinary(schema, bytes, { readUnknownFields: false }));
        expect(toBinary(schema, fromBinary(schema, back))).toEqual(toBinary(schema, expected));
      }),
      { numRuns: 100 },
    );
  });
});

/** JSON knows one NaN; protobuf's doubles have many, and V8 hands on whichever it read. */
function withPlainNaN<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  for (const [key, field] of Object.entries(value)) {
    if (Number.isNaN(field)) Object.assign(value, { [key]: NaN });
    else withPlainNaN(field);
  }
  return value;
}

describe.each(recorded("otlp-profiles/d10/*.collector.json"))("$name", ({ name, bytes }) => {
  const protobuf = new Uint8Array(
    readFileSync(new URL(`../../../testdata/${name.replace(/json$/, "pb")}`, import.meta.url)),
  );
  const schema = schemaOf("profiles");

  test("is the same request as the protobuf beside it, read and written", () => {
    const read = toProtobuf("profiles", new TextDecoder().decode(bytes));
    expect(toOtlpJson("profiles", read)).toEqual(toOtlpJson("profiles", protobuf));
    const again = toProtobuf("profiles", toOtlpJson("profiles", protobuf));
    expect(toOtlpJson("profiles", again)).toEqual(toOtlpJson("profiles", protobuf));
    fromBinary(schema, again);
  });
});

describe("reading OTLP/JSON", () => {
  const span = (fields: object): object => ({ resourceSpans: [{ scopeSpans: [{ spans: [fields] }] }] });
  const spanOf = (fields: object): unknown => {
    const json = toOtlpJson("traces", toProtobuf("traces", span(fields))) as {
      resourceSpans: [{ scopeSpans: [{ spans: [unknown] }] }];
    };
    return json.resourceSpans[0].scopeSpans[0].spans[0];
  };

  test("takes ids in upper case, and profile ids in base64 as plain protobuf JSON has them", () => {
    expect(spanOf({ traceId: "5B8EFFF798038103D269B633813FC60C" })).toEqual({
      traceId: "5b8efff798038103d269b633813fc60c",
    });
    const id = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    const profile = { resourceProfiles: [{ scopeProfiles: [{ profiles: [{ profileId: id.toString("base64") }] }] }] };
    expect(JSON.stringify(toOtlpJson("profiles", toProtobuf("profiles", profile)))).toContain(id.toString("hex"));
  });

  test("keeps every digit of 64-bit numbers, written as numbers or as strings", () => {
    const text = JSON.stringify(span({ startTimeUnixNano: "NUMBER", endTimeUnixNano: "1544712660999999999" }));
    const json = text.replace('"NUMBER"', "18446744073709551615");
    expect(toOtlpJson("traces", toProtobuf("traces", json))).toEqual(
      span({ startTimeUnixNano: "18446744073709551615", endTimeUnixNano: "1544712660999999999" }),
    );
  });

  test("passes over unknown keys and null, also those that objects inherit", () => {
    expect(spanOf({ name: "a", unknown: { x: [1] }, links: null, constructor: 1, toString: 2 })).toEqual({ name: "a" });
    expect(toProtobuf("traces", '{"__proto__": {"resourceSpans": [{}]}}').length).toBe(0);
  });

  test("takes names and unknown numbers of enumerations, NaN and the infinities", () => {
    expect(spanOf({ kind: "SPAN_KIND_SERVER" })).toEqual({ kind: 2 });
    expect(spanOf({ kind: 77 })).toEqual({ kind: 77 });
    const doubles = ["NaN", "Infinity", "-Infinity", "1.5", 2].map((doubleValue) => ({ value: { doubleValue } }));
    const told = (spanOf({ attributes: doubles }) as { attributes: { value: { doubleValue: unknown } }[] }).attributes;
    expect(told.map(({ value }) => value.doubleValue)).toEqual(["NaN", "Infinity", "-Infinity", 1.5, 2]);
  });

  test.each<[object | string, string]>([
    [span({ name: 5 }), "resourceSpans[0].scopeSpans[0].spans[0].name: expected a string, found 5"],
    [
      span({ traceId: "xyz" }),
      'resourceSpans[0].scopeSpans[0].spans[0].traceId: expected 32 hexadecimal digits, found "xyz"',
    ],
    [
      span({ startTimeUnixNano: "-1" }),
      "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: -1 does not fit fixed64",
    ],
    [
      span({ startTimeUnixNano: 1.5 }),
      "resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: expected an integer, found 1.5",
    ],
    [
      span({ kind: "SERVER" }),
      'resourceSpans[0].scopeSpans[0].spans[0].kind: "SERVER" is none of SPAN_KIND_UNSPECIFIED, …',
    ],
    [
      span({ attributes: {} }),
      "resourceSpans[0].scopeSpans[0].spans[0].attributes: expected an array, found an object",
    ],
    [span({ status: [] }), "resourceSpans[0].scopeSpans[0].spans[0].status: expected an object, found an array"],
    [
      span({ attributes: [null] }),
      "resourceSpans[0].scopeSpans[0].spans[0].attributes[0]: expected an object, found null",
    ],
    [{ resourceSpans: 1 }, "resourceSpans: expected an array, found 1"],
    [[], "not a JSON object"],
  ])("refuses %j with the path to what is wrong", (json, message) => {
    expect(problem("traces", json)).toBe(message);
  });

  test("refuses what is not JSON, not UTF-8, or nests without end", () => {
    expect(jsonToProtobuf("logs", new TextEncoder().encode("{"), pool)).toBeInstanceOf(ParseError);
    expect(jsonToProtobuf("logs", Uint8Array.of(0x22, 0xff, 0x22), pool)).toBeInstanceOf(ParseError);
    let value: object = {};
    for (let level = 0; level < 200; level++) value = { arrayValue: { values: [value] } };
    expect(problem("traces", span({ attributes: [{ key: "k", value }] }))).toContain("nests deeper than 100 messages");
  });
});

describe("writing OTLP/JSON", () => {
  test("names the place of what cannot be read", () => {
    // resource_spans[0].scope_spans[0].spans[0].name as a varint.
    const json = protobufToJson("traces", Uint8Array.of(0x0a, 6, 0x12, 4, 0x12, 2, 0x28, 1));
    expect(json).toBeInstanceOf(ParseError);
    expect((json as ParseError).message).toBe(
      "resource_spans[0].scope_spans[0].spans[0].name: wire type 0 instead of 2",
    );
  });
});

test("protobuf-es itself reads what we write, where no ids are in it", () => {
  const schema = schemaOf("metrics");
  const bytes = toProtobuf("metrics", {
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: [{ asInt: "5" }] } }] }] }],
  });
  const message = fromJson(schema, toOtlpJson("metrics", bytes) as JsonValue);
  expect(toBinary(schema, message)).toEqual(toBinary(schema, fromBinary(schema, bytes)));
});
