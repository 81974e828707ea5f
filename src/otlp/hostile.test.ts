import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, MessageBuffer, ParseError } from "#wire";
import { AttributeKeys } from "./attribute-keys.ts";
import { encodeAttribute } from "./attribute-value.ts";
import { decodeResources } from "./decode-resources.ts";
import { countItems } from "./envelope.ts";
import { mergeRequests, splitRequest } from "./merge.ts";
import { INTERNAL_ORIGIN, Payload } from "./payload.ts";
import { ResourceEditor } from "./resource-editor.ts";
import { decodeResponse } from "./response.ts";
import { SIGNALS, type Signal } from "./signal.ts";
import { decodeStatus } from "./status.ts";
import { arbitraryRequest } from "./testing/arbitrary-request.ts";
import { recorded } from "./testing/recorded.ts";
import { decodeRequest, jsonToProtobuf, protobufToJson } from "./transcoder.ts";

const pool = new BufferPool();
const editor = new ResourceEditor(new AttributeKeys(["container.id", "process.pid", "service.name"]), pool);
const added = encodeAttribute("added", "x".repeat(100));

/** Runs everything that reads requests. It must answer; what it says is for other tests. */
function readAll(signal: Signal, bytes: Uint8Array): void {
  const payload = new Payload(signal, MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN);
  const counted = countItems(signal, bytes);
  const output = editor.edit(payload, (resource) => {
    for (let key = 0; key < 3; key++) {
      resource.text(key);
      resource.int(key);
      resource.value(key);
    }
    resource.forEachAttribute(({ key }) => (key.length % 2 === 0 ? "keep" : "remove"));
    resource.append(added);
  });
  // Where the envelope was sound it is afterwards, with as many items.
  if (typeof counted === "number") expect(countItems(signal, output.bytes)).toBe(counted);
  expect(payload.bytes).toEqual(bytes);
  if (output !== payload) output.release();
  decodeResources(payload);
  decodeRequest(signal, bytes);
  const json = protobufToJson(signal, bytes);
  if (typeof json === "string") {
    const back = jsonToProtobuf(signal, new TextEncoder().encode(json), pool);
    if (!(back instanceof ParseError)) back.release();
  }
  for (const part of splitRequest(payload, { maxBytes: 100 }, pool)) part.release();
  decodeResponse(bytes);
  decodeStatus(bytes);
}

const corrupt = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
});

describe("hostile bytes", () => {
  test.each([
    ...recorded("captures/*.binpb"),
    ...recorded("otlp-profiles/d10/l1.*.pb"),
    ...recorded("otlp-profiles/e/l1.*.pb"),
  ])("$name, overwritten in places and cut off, is answered and never thrown at", ({ bytes }) => {
    fc.assert(
      fc.property(
        fc.array(corrupt, { maxLength: 5 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(...SIGNALS),
        (changes, cut, signal) => {
          const changed = bytes.slice(0, cut > 0.5 ? bytes.length : Math.ceil(bytes.length * cut * 2));
          for (const change of changes) {
            const at = Math.floor(change.at * changed.length);
            changed.set(change.bytes.subarray(0, Math.max(0, changed.length - at)), at);
          }
          readAll(signal, changed);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each(SIGNALS)("odd but legal %s, overwritten, are answered and never thrown at", (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), fc.array(corrupt, { minLength: 1, maxLength: 3 }), (bytes, changes) => {
        const changed = bytes.slice();
        for (const change of changes) {
          const at = Math.floor(change.at * changed.length);
          changed.set(change.bytes.subarray(0, Math.max(0, changed.length - at)), at);
        }
        readAll(signal, changed);
      }),
      { numRuns: 150 },
    );
  });

  test("bytes that are no request at all are answered and never thrown at", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...SIGNALS), readAllSwapped), {
      numRuns: 500,
    });
  });

  test("attribute values nested a hundred thousand deep end in a value cut off, not in the stack's end", () => {
    // AnyValue.array_value, ArrayValue.values, …: each level takes two length prefixes of up to four bytes.
    let content = new Uint8Array(0);
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (let level = 0; level < 100_000; level++) {
      for (const tag of [0x0a, 0x2a]) {
        const prefix = varintOf(length);
        pieces.push(prefix, Uint8Array.of(tag));
        length += prefix.length + 1;
      }
    }
    content = new Uint8Array(Buffer.concat(pieces.toReversed()));
    const wrap = (tag: number, inner: Uint8Array): Uint8Array<ArrayBuffer> =>
      new Uint8Array(Buffer.concat([Uint8Array.of(tag), varintOf(inner.length), inner]));
    // The outermost piece is array_value; around it KeyValue.value, attributes, resource, resource_spans.
    const key = new Uint8Array(Buffer.from("0a0c636f6e7461696e65722e6964", "hex"));
    const pair = Buffer.concat([key, wrap(0x12, content)]);
    readAll("traces", wrap(0x0a, wrap(0x0a, wrap(0x0a, new Uint8Array(pair)))));
  });

  test("JSON of the wrong shape is answered and never thrown at", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(...SIGNALS), (json, signal) => {
        const result = jsonToProtobuf(signal, new TextEncoder().encode(json), pool);
        if (!(result instanceof ParseError)) result.release();
      }),
      { numRuns: 500 },
    );
    const deep = `{"resourceSpans":${"[".repeat(200_000)}`;
    expect(jsonToProtobuf("traces", new TextEncoder().encode(deep), pool)).toBeInstanceOf(ParseError);
  });
});

function readAllSwapped(bytes: Uint8Array, signal: Signal): void {
  readAll(signal, bytes);
}

function varintOf(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

describe("mergeRequests", () => {
  test.each(["traces", "metrics", "logs"] as const)(
    "gives %s whose resources and items are those of all, and splitting gives them back",
    (signal) => {
      fc.assert(
        fc.property(
          fc.array(arbitraryRequest(signal), { minLength: 1, maxLength: 4 }),
          fc.nat(6),
          (requests, maxItems) => {
            const payloads = requests.map((bytes) => new Payload(signal, MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN));
            const merged = mergeRequests(signal, payloads, pool);
            expect(decodeResources(merged)).toEqual(payloads.flatMap((payload) => decodeResources(payload)));
            expect(merged.items).toBe(payloads.reduce((sum, payload) => sum + payload.items, 0));
            const parts = splitRequest(merged, { maxItems, maxBytes: 500 }, pool);
            expect(Buffer.concat(parts.map((part) => part.bytes))).toEqual(Buffer.from(merged.bytes));
            expect(parts.reduce((sum, part) => sum + part.items, 0)).toBe(merged.items);
            for (const part of parts) {
              const resources = decodeResources(part);
              if (resources.length > 1) expect(part.items).toBeLessThanOrEqual(maxItems);
              if (resources.length > 1) expect(part.bytes.length).toBeLessThanOrEqual(500);
              part.release();
            }
            merged.release();
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  test("never cuts profiles, whose resources need their dictionary", () => {
    const { bytes } = recorded("captures/ebpf-20hz-grpc.binpb")[0]!;
    const payload = new Payload("profiles", MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN);
    expect(splitRequest(payload, { maxItems: 1 }, pool)).toEqual([payload]);
  });
});
