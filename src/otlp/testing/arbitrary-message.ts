import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import fc from "fast-check";

/** Bytes of ids, by field name; other bytes are of any length. */
const ID_SIZES: Readonly<Record<string, number>> = {
  trace_id: 16,
  span_id: 8,
  parent_span_id: 8,
  profile_id: 16,
};

/** A decoded message of protobuf-es with any of its fields set to anything that JSON can tell. */
export function arbitraryMessage(schema: DescMessage, depth = 7): fc.Arbitrary<Message> {
  const entries = schema.members.map((member) => {
    if (member.kind === "oneof") {
      const cases = member.fields.filter((field) => depth > 0 || field.fieldKind !== "message");
      const chosen = cases.map((field) => single(field, depth).map((value) => ({ case: field.localName, value })));
      return fc.option(fc.oneof(...chosen), { nil: undefined }).map((value) => [member.localName, value] as const);
    }
    return fieldValue(member, depth).map((value) => [member.localName, value] as const);
  });
  return fc
    .tuple(...entries)
    .map((pairs) => Object.fromEntries(pairs.filter(([, value]) => value !== undefined)))
    .map((init) => create(schema as GenMessage<Message>, init));
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const skipped = depth <= 0 && (field.fieldKind === "message" || field.message !== undefined);
  if (skipped) return fc.constant(undefined);
  if (field.fieldKind === "list") return fc.array(single(field, depth), { maxLength: 2 });
  return fc.option(single(field, depth), { nil: undefined });
}

function single(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) return arbitraryMessage(field.message, depth - 1);
  if (field.enum) return fc.constantFrom(...field.enum.values.map(({ number }) => number));
  return scalar(field.scalar!, field.name);
}

function scalar(type: ScalarType, name: string): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof(fc.string({ unit: "grapheme", maxLength: 8 }), fc.constantFrom("0", "\uFEFF", '"\\\u0000'));
    case ScalarType.BYTES: {
      const size = ID_SIZES[name];
      return size === undefined
        ? fc.uint8Array({ maxLength: 5 })
        : fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: size, maxLength: size }));
    }
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.INT32:
    case ScalarType.SINT32:
      return fc.integer();
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case ScalarType.INT64:
    case ScalarType.SFIXED64:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case ScalarType.FLOAT:
    case ScalarType.SFIXED32:
    case ScalarType.SINT64:
      throw new TypeError(`OTLP has no field of scalar type ${type} (${name})`);
  }
}
