import { expect, test } from "vitest";
import { Writer } from "#wire";
import { type AttributeValue, decodeAttributes, encodeAttribute } from "./attribute-value.ts";

/** A string table of three entries, the first of which is empty, as in OTLP. */
const STRINGS = { text: (index: number): string | undefined => ["", "service.name", "cart"][index] };

/** KeyValue.key_strindex (3) and AnyValue.string_value_strindex (8) in an attribute of a Resource. */
function referring(key: number, value: number): Uint8Array {
  const writer = new Writer(16);
  writer.open(1);
  writer.open(2);
  writer.varint(8, value);
  writer.close();
  writer.varint(3, key);
  writer.close();
  return writer.finish();
}

function decoded(...fields: readonly Uint8Array[]): [string, AttributeValue][] {
  return [...decodeAttributes(Buffer.concat(fields), 1, STRINGS)];
}

test("references give the strings that they lead to", () => {
  expect(decoded(referring(1, 2))).toEqual([["service.name", "cart"]]);
});

test("a reference that leads nowhere gives no key, and no value", () => {
  expect(decoded(referring(7, 2), referring(1, 9))).toEqual([
    ["", "cart"],
    ["service.name", undefined],
  ]);
});

test("of a key that stands twice the first is taken, by whatever spelling", () => {
  expect(decoded(encodeAttribute("service.name", "shop"), referring(1, 2))).toEqual([["service.name", "shop"]]);
});

test("an attribute that is broken is left out, its neighbours are not", () => {
  const broken = Uint8Array.of(0x0a, 2, 0x0a, 9);
  expect(decoded(encodeAttribute("a", 1n), broken, encodeAttribute("b", true))).toEqual([
    ["a", 1n],
    ["b", true],
  ]);
});

test("attributes of a scope are in a field of their own", () => {
  expect(decodeAttributes(encodeAttribute("a", 1n), 3, STRINGS).size).toBe(0);
});
