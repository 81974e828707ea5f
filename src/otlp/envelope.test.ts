import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, MessageBuffer, ParseError, Writer } from "#wire";
import { countItems } from "./envelope.ts";
import { INTERNAL_ORIGIN, Payload } from "./payload.ts";
import { receivePayload } from "./receive.ts";
import { SIGNALS, type Signal } from "./signal.ts";
import { arbitraryRequest } from "./testing/arbitrary-request.ts";
import { oracle } from "./testing/oracle.ts";
import { recorded } from "./testing/recorded.ts";

/** A request whose third resource has a second scope with this content. */
function withScope(content: readonly number[]): Uint8Array {
  const writer = new Writer();
  for (let index = 0; index < 3; index++) {
    writer.open(1);
    writer.bytes(1, new Uint8Array(0));
    writer.bytes(2, new Uint8Array(0));
    if (index === 2) writer.bytes(2, Uint8Array.from(content));
    writer.close();
  }
  return writer.finish();
}

function problem(signal: Signal, bytes: Uint8Array): string {
  const counted = countItems(signal, bytes);
  return counted instanceof ParseError ? counted.message : `${counted} items`;
}

describe("countItems", () => {
  test.each(SIGNALS)("counts the items of %s as a decoder does", (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (bytes) => {
        expect(countItems(signal, bytes)).toBe(oracle(signal, bytes).items);
      }),
      { numRuns: 200 },
    );
  });

  test("counts records of 16 KiB and more, and lengths with padding", () => {
    const writer = new Writer();
    writer.open(1);
    writer.open(2);
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 70_000]) writer.bytes(2, new Uint8Array(size));
    // An empty record whose length takes four bytes.
    writer.raw(Uint8Array.of(0x12, 0x80, 0x80, 0x80, 0x00));
    writer.close();
    writer.close();
    expect(countItems("traces", writer.finish())).toBe(8);
  });

  test.each<[Signal, Uint8Array, string]>([
    ["traces", Uint8Array.of(0x0a, 5), "length 5 runs past the end"],
    ["traces", Uint8Array.of(0x08, 5), "field 1 has wire type 0"],
    ["profiles", Uint8Array.of(0x10, 5), "field 2 has wire type 0"],
    ["traces", Uint8Array.of(0x10, 5), "0 items"],
    ["traces", withScope([0x12, 200, 1]), "resource_spans[2].scope_spans[1]: length 200 runs past the end"],
    ["logs", withScope([0x10, 1]), "resource_logs[2].scope_logs[1]: field 2 has wire type 0"],
    [
      "profiles",
      withScope([0x12, 2, 0x12, 9]),
      "resource_profiles[2].scope_profiles[1].profiles[0]: length 9 runs past the end",
    ],
    [
      "metrics",
      withScope([0x12, 2, 0x28, 1]),
      "resource_metrics[2].scope_metrics[1].metrics[0]: field 5 has wire type 0",
    ],
    [
      "metrics",
      withScope([0x12, 4, 0x2a, 2, 0x0a, 7]),
      "resource_metrics[2].scope_metrics[1].metrics[0]: length 7 runs past the end",
    ],
  ])("says of broken %s where they are broken", (signal, bytes, message) => {
    expect(problem(signal, bytes)).toBe(message);
  });

  test("takes a request cut off anywhere for broken, or for one with fewer items", () => {
    const { bytes } = recorded("captures/ebpf-20hz-grpc.binpb")[0]!;
    for (let end = 0; end < bytes.length; end++) {
      const counted = countItems("profiles", bytes.subarray(0, end));
      if (typeof counted === "number") expect(counted).toBeLessThanOrEqual(49);
    }
    expect(countItems("profiles", bytes.subarray(0, bytes.length - 1))).toBeInstanceOf(ParseError);
  });
});

describe("receivePayload", () => {
  test("takes zero bytes for a request without items, and keeps no buffer it refuses", () => {
    const pool = new BufferPool();
    const empty = receivePayload("logs", pool.take(0), INTERNAL_ORIGIN);
    expect(empty).toBeInstanceOf(Payload);
    (empty as Payload).release();
    const refused = pool.copyOf(Uint8Array.of(0xff));
    expect(receivePayload("logs", refused, INTERNAL_ORIGIN)).toBeInstanceOf(ParseError);
    refused.release();
    expect(pool.stats.leased).toBe(0);
  });
});

describe("Payload", () => {
  test("counts its items when first asked, and takes bytes that are no request for none", () => {
    const bytes = withScope([0x12, 0, 0x12, 0]);
    expect(new Payload("logs", MessageBuffer.copyOf(bytes), INTERNAL_ORIGIN).items).toBe(2);
    expect(new Payload("logs", MessageBuffer.copyOf(Uint8Array.of(0xff)), INTERNAL_ORIGIN).items).toBe(0);
  });
});
