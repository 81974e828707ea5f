import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { SIGNALS } from "../signal.ts";
import { REQUEST_SCHEMAS } from "../testing/oracle.ts";
import { requestSchema } from "./requests.ts";
import type { FieldSchema, MessageSchema } from "./schema.ts";

/** A field in words that both sides can say. */
function told(field: FieldSchema): string {
  const id = field.scalar === "traceId" || field.scalar === "spanId" || field.scalar === "profileId";
  const type = field.message ? "message" : field.enumeration ? "enum" : id ? "bytes" : field.scalar;
  const presence = field.repeated ? "list" : field.oneof ? "oneof" : field.explicit ? "optional" : "plain";
  return `${field.number} ${field.protoName} ${field.jsonName} ${type} ${presence}`;
}

function toldBy(field: DescField): string {
  const type = field.message ? "message" : field.enum ? "enum" : ScalarType[field.scalar!].toLowerCase();
  const optional = field.fieldKind !== "list" && field.proto.proto3Optional;
  const presence = field.fieldKind === "list" ? "list" : field.oneof ? "oneof" : optional ? "optional" : "plain";
  return `${field.number} ${field.name} ${field.jsonName} ${type} ${presence}`;
}

function compare(ours: MessageSchema, theirs: DescMessage, seen: Set<string>): void {
  if (seen.has(theirs.typeName)) return;
  seen.add(theirs.typeName);
  const byNumber = (a: string, b: string): number => parseInt(a) - parseInt(b);
  expect(ours.fields.map(told).sort(byNumber), theirs.typeName).toEqual(theirs.fields.map(toldBy).sort(byNumber));
  for (const field of theirs.fields) {
    const mine = ours.fields.find(({ number }) => number === field.number)!;
    if (field.message) compare(mine.message!(), field.message, seen);
    if (field.enum) {
      const values = Object.fromEntries(field.enum.values.map(({ name, number }) => [name, number]));
      expect(mine.enumeration, field.enum.typeName).toEqual(values);
    }
  }
}

describe("the message tables", () => {
  test.each(SIGNALS)("of %s say of every message what its definition says", (signal) => {
    const seen = new Set<string>();
    compare(requestSchema(signal), REQUEST_SCHEMAS[signal], seen);
    expect(seen.size).toBeGreaterThan(8);
  });
});
