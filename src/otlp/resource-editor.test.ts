import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, MessageBuffer, Writer } from "#wire";
import { ResourceSchema } from "../../test/generated/opentelemetry/proto/resource/v1/resource_pb.js";
import { AttributeKeys } from "./attribute-keys.ts";
import { AttributeKind } from "./attribute-scanner.ts";
import { encodeAttribute, type AttributeValue } from "./attribute-value.ts";
import { INTERNAL_ORIGIN, Payload } from "./payload.ts";
import { receivePayload } from "./receive.ts";
import { ResourceEditor } from "./resource-editor.ts";
import type { ResourceView } from "./resource-view.ts";
import { SIGNALS, type Signal } from "./signal.ts";
import { arbitraryRequest } from "./testing/arbitrary-request.ts";
import { keyOf, oracle, REQUEST_SCHEMAS, textOf } from "./testing/oracle.ts";

const pool = new BufferPool();
const keys = new AttributeKeys(["container.id", "process.pid", "k8s.pod.name"]);
const [CONTAINER, PID, POD] = [0, 1, 2];

function payloadOf(signal: Signal, bytes: Uint8Array): Payload {
  return new Payload(signal, MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN);
}

/** What a test wants done to each resource. */
interface Edit {
  readonly append: readonly Uint8Array[];
  readonly remove: readonly number[];
  readonly removeOther: boolean;
}

const arbitraryEdit: fc.Arbitrary<Edit> = fc.record({
  append: fc.array(
    fc.constantFrom(
      encodeAttribute("k8s.pod.name", "checkout-0"),
      encodeAttribute("k8s.pod.labels", "x".repeat(200)),
      encodeAttribute("n", 7n),
    ),
    { maxLength: 3 },
  ),
  remove: fc.subarray([CONTAINER, PID, POD]),
  removeOther: fc.boolean(),
});

function applyEdit(view: ResourceView, edit: Edit): void {
  for (const key of edit.remove) view.remove(key);
  if (edit.removeOther) view.forEachAttribute(({ key }) => (key.startsWith("other") ? "remove" : "keep"));
  for (const encoded of edit.append) view.append(encoded);
}

describe.each(SIGNALS)("editing the resources of %s", (signal) => {
  test("gives what decoding, editing and encoding gives, for any legal encoding", () => {
    const editor = new ResourceEditor(keys, pool);
    fc.assert(
      fc.property(arbitraryRequest(signal), fc.array(arbitraryEdit, { minLength: 1, maxLength: 3 }), (bytes, edits) => {
        const input = payloadOf(signal, bytes);
        const output = editor.edit(input, (view) => applyEdit(view, edits[view.index % edits.length]!));
        const expected = oracle(signal, bytes);
        expect(editor.malformed).toBe(0);
        expect(editor.resources).toBe(expected.owners.length);
        for (const [index, owner] of expected.owners.entries()) {
          const edit = edits[index % edits.length]!;
          const added = edit.append.flatMap((one) => fromBinary(ResourceSchema, one).attributes);
          if (!owner.resource && added.length > 0) owner.resource = create(ResourceSchema);
          if (!owner.resource) continue;
          const kept = owner.resource.attributes.filter((attribute) => {
            const key = keyOf(attribute, expected.strings);
            if (edit.removeOther && key.startsWith("other")) return false;
            return !edit.remove.some((removed) => keys.keys[removed] === key);
          });
          owner.resource.attributes = [...kept, ...added];
        }
        const schema = REQUEST_SCHEMAS[signal];
        const actual = oracle(signal, output.bytes);
        // As bytes, because NaN equals nothing; unknown fields are among them.
        expect(toBinary(schema, actual.message)).toEqual(toBinary(schema, expected.message));
        expect(output.items).toBe(expected.items);
        expect(input.bytes).toEqual(bytes);
        if (output !== input) output.release();
      }),
      { numRuns: 250 },
    );
  });

  test("sees the same attributes as a decoder, and returns the same payload when nothing is edited", () => {
    const editor = new ResourceEditor(keys, pool);
    fc.assert(
      fc.property(arbitraryRequest(signal), (bytes) => {
        const expected = oracle(signal, bytes);
        const input = payloadOf(signal, bytes);
        const output = editor.edit(input, (view) => {
          const attributes = expected.resources[view.index]!.resource?.attributes ?? [];
          for (const [number, key] of keys.keys.entries()) {
            const first = attributes.find((attribute) => keyOf(attribute, expected.strings) === key);
            expect(view.present(number)).toBe(first !== undefined);
            const text = first && textOf(first, expected.strings);
            expect(view.kind(number) === AttributeKind.STRING).toBe(text !== undefined);
            expect(view.text(number)).toBe(text ?? "");
            const value = first?.value?.value;
            if (value?.case === "intValue") {
              expect(view.value(number)).toBe(value.value);
              if (Number.isSafeInteger(Number(value.value))) expect(view.int(number)).toBe(Number(value.value));
            } else expect(view.int(number)).toBeNaN();
          }
          const seen: string[] = [];
          view.forEachAttribute(({ key }) => (seen.push(key), "keep"));
          expect(seen).toEqual(attributes.map((attribute) => keyOf(attribute, expected.strings)));
        });
        expect(output).toBe(input);
      }),
      { numRuns: 250 },
    );
  });
});

/** A request of traces with a resource of each of these contents. */
function requestWith(...resources: readonly Uint8Array[]): Payload {
  const writer = new Writer();
  for (const resource of resources) {
    writer.open(1);
    writer.bytes(1, resource);
    writer.close();
  }
  return payloadOf("traces", writer.finish());
}

describe("a resource that is malformed", () => {
  const sound = encodeAttribute("container.id", "abc");
  const broken: readonly [string, Uint8Array][] = [
    ["is cut off inside an attribute", sound.subarray(0, sound.length - 1)],
    ["has an attribute that is a number", Uint8Array.of(0x08, 0x01)],
    ["has a key that is a number", Uint8Array.of(0x0a, 0x02, 0x08, 0x01)],
    ["has a value that is a number", Uint8Array.of(0x0a, 0x02, 0x10, 0x01)],
    ["has a string value of the wrong wire type", Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x08, 0x01)],
    ["has a value cut off", Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x0a, 0x05)],
    ["holds field number 0", Uint8Array.of(0x00)],
  ];

  test.each(broken)("that %s keeps its bytes, is counted, and leaves its neighbours alone", (_what, bytes) => {
    const input = requestWith(sound, bytes, sound);
    // The envelope is sound, so the request as a whole is taken.
    expect(receivePayload("traces", input.buffer, INTERNAL_ORIGIN)).toBeInstanceOf(Payload);
    const editor = new ResourceEditor(keys, pool);
    const added = encodeAttribute("k8s.pod.name", "p");
    const seen: number[] = [];
    const output = editor.edit(input, (view) => {
      seen.push(view.index);
      expect(view.text(CONTAINER)).toBe("abc");
      view.append(added);
    });
    expect(seen).toEqual([0, 2]);
    expect([editor.resources, editor.malformed]).toEqual([3, 1]);
    const both = Buffer.concat([sound, added]);
    expect(output.bytes).toEqual(new Uint8Array(requestWith(both, bytes, both).bytes));
    output.release();
  });
});

describe("ResourceEditor", () => {
  test("counts references that lead nowhere and takes what they stand for as absent", () => {
    const writer = new Writer();
    writer.open(1);
    writer.open(1);
    for (const [key, value] of [
      [1, 99],
      [99, 1],
      [-1, 2 ** 31],
    ] as const) {
      writer.open(1);
      writer.varint64(3, BigInt(key));
      writer.open(2);
      writer.varint64(8, BigInt(value));
      writer.close();
      writer.close();
    }
    writer.close();
    writer.close();
    writer.open(2);
    writer.string(5, "");
    writer.string(5, "container.id");
    writer.close();
    const editor = new ResourceEditor(keys, pool);
    editor.edit(payloadOf("profiles", writer.finish()), (view) => {
      expect(view.kind(CONTAINER)).toBe(AttributeKind.EMPTY);
      expect(view.nonEmpty(CONTAINER)).toBe(false);
    });
    expect(editor.unresolved).toBe(4);
  });

  test("is ready for the next request after a visitor threw", () => {
    const editor = new ResourceEditor(keys, pool);
    const input = requestWith(encodeAttribute("container.id", "abc"));
    const visit = (view: ResourceView): void => {
      view.append(encodeAttribute("a", "b"));
      throw new Error("visitor");
    };
    expect(() => editor.edit(input, visit)).toThrow("visitor");
    expect(editor.edit(input, () => undefined)).toBe(input);
  });

  test("keeps the leases of the pool even: one for each edited payload, until it is released", () => {
    const own = new BufferPool();
    const editor = new ResourceEditor(keys, own);
    const input = requestWith(encodeAttribute("container.id", "abc"));
    const output = editor.edit(input, (view) => view.remove(CONTAINER));
    expect(own.stats.leased).toBe(1);
    output.release();
    expect(own.stats.leased).toBe(0);
  });
});

describe("encodeAttribute", () => {
  test("gives every kind of value back when it is read again", () => {
    const leaf = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.boolean(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double(),
      fc.uint8Array(),
      fc.constant(undefined),
    );
    const value: fc.Arbitrary<AttributeValue> = fc.oneof(
      leaf,
      fc.array(leaf),
      fc.array(fc.tuple(fc.string(), leaf)).map((entries) => new Map(entries)),
    );
    fc.assert(
      fc.property(value, (expected) => {
        const editor = new ResourceEditor(keys, pool);
        editor.edit(requestWith(encodeAttribute("container.id", expected)), (view) => {
          expect(view.value(CONTAINER)).toEqual(expected);
          expect(view.present(CONTAINER)).toBe(true);
        });
      }),
    );
  });
});

describe("AttributeKeys", () => {
  test("finds its keys among others of the same length, and nothing else", () => {
    const names = Array.from({ length: 300 }, (_none, index) => `key.${index}`);
    const many = new AttributeKeys(names);
    const encoder = new TextEncoder();
    for (let index = 0; index < 400; index++) {
      const bytes = encoder.encode(`__key.${index}__`);
      expect(many.find(bytes, 2, bytes.length - 2)).toBe(index < 300 ? index : -1);
    }
    expect(many.find(new Uint8Array(1000), 0, 1000)).toBe(-1);
    expect(new AttributeKeys([]).find(encoder.encode("x"), 0, 1)).toBe(-1);
    expect(() => new AttributeKeys(["a", "a"])).toThrow("not distinct");
    expect(() => many.indexOf("absent")).toThrow("not in the set");
  });
});
