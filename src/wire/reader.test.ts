import { BinaryWriter, WireType as EsWireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeText, Reader, WireType } from "./reader.ts";

function reading(...bytes: number[]): Reader {
  const reader = new Reader();
  reader.reset(Uint8Array.from(bytes), 0, bytes.length);
  return reader;
}

/** Walks to the end and tells why it stopped. */
function problemOf(...bytes: number[]): string | undefined {
  const reader = reading(...bytes);
  while (reader.next());
  return reader.failed ? reader.error().message : undefined;
}

describe("Reader", () => {
  test("hands out the fields that protobuf-es writes, with the same values", () => {
    const field = fc.integer({ min: 1, max: 0x1fffffff });
    const value = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((int) => ({ int })),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((fixed) => ({ fixed })),
      fc.double().map((double) => ({ double })),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(field, value), { maxLength: 20 }), (fields) => {
        const writer = new BinaryWriter();
        for (const [number, one] of fields) {
          if ("int" in one) writer.tag(number, EsWireType.Varint).int64(one.int);
          else if ("fixed" in one) writer.tag(number, EsWireType.Bit64).fixed64(one.fixed);
          else if ("double" in one) writer.tag(number, EsWireType.Bit64).double(one.double);
          else writer.tag(number, EsWireType.LengthDelimited).bytes(one.bytes);
        }
        const bytes = writer.finish();
        const reader = new Reader();
        reader.reset(bytes, 0, bytes.length);
        for (const [number, one] of fields) {
          expect(reader.next()).toBe(true);
          expect(reader.field).toBe(number);
          if ("int" in one) {
            expect(reader.int64()).toBe(one.int);
            if (Number.isSafeInteger(Number(one.int))) expect(reader.int()).toBe(Number(one.int));
          } else if ("fixed" in one) expect(reader.uint64()).toBe(one.fixed);
          else if ("double" in one) expect(reader.double()).toBe(one.double);
          else expect(bytes.slice(reader.start, reader.end)).toEqual(one.bytes);
        }
        expect(reader.next()).toBe(false);
        expect(reader.failed).toBe(false);
      }),
    );
  });

  test("takes padded varints in tags, lengths and values, up to ten bytes", () => {
    const reader = reading(
      0x88,
      0x80,
      0x00,
      0x85,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x00,
      0x12,
      0x81,
      0,
      7,
    );
    expect(reader.next()).toBe(true);
    expect([reader.field, reader.int()]).toEqual([1, 5]);
    expect(reader.next()).toBe(true);
    expect([reader.field, reader.start, reader.end]).toEqual([2, 16, 17]);
    expect(reader.next()).toBe(false);
    expect(reader.failed).toBe(false);
  });

  test("hands out a group whole, with groups inside", () => {
    // Field 1 as a group that holds field 2 (varint) and field 3 as a group; then field 4.
    const reader = reading(0x0b, 0x10, 0x01, 0x1b, 0x1c, 0x0c, 0x20, 0x05);
    expect(reader.next()).toBe(true);
    expect([reader.field, reader.wireType, reader.start, reader.end]).toEqual([1, WireType.GROUP, 1, 5]);
    expect(reader.next()).toBe(true);
    expect([reader.field, reader.int()]).toEqual([4, 5]);
  });

  test.each<[string, number[], string]>([
    ["field number 0", [0x02, 0x00], "field number 0"],
    ["wire type 6", [0x0e], "wire type 6"],
    ["wire type 7", [0x0f], "wire type 7"],
    ["the end of a group that was never begun", [0x0c], "wire type 4"],
    ["a length past the end", [0x0a, 0x05, 0x01], "length 5 runs past the end"],
    [
      "a length of 2^63",
      [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      "length 9223372036854776000 runs past the end",
    ],
    ["a varint of eleven bytes", [0x08, ...Array<number>(10).fill(0x80), 0x00], "number is longer than 10 bytes"],
    ["a varint that is cut off", [0x08, 0x80], "ends inside a number"],
    ["a tag without a value", [0x08], "ends inside a number"],
    ["a tag without a length", [0x0a], "ends inside a field"],
    ["a fixed64 that is cut off", [0x09, 1, 2, 3, 4, 5, 6, 7], "ends inside a field"],
    ["a fixed32 that is cut off", [0x0d, 1, 2, 3], "ends inside a field"],
    ["a group without an end", [0x0b, 0x10, 0x01], "group 1 has no end"],
    ["a group that ends as another one", [0x0b, 0x14], "group 1 ends as another one"],
    ["groups nested without end", Array<number>(100_000).fill(0x0b), "groups nest deeper than 32"],
    ["a tag of more than 32 bits", [0x8a, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00], "tag has more than 32 bits"],
  ])("refuses %s", (_what, bytes, problem) => {
    expect(problemOf(...bytes)).toBe(problem);
  });

  test("never reads past the end of the message it was given, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
        const end = Math.min(cut, bytes.length);
        const reader = new Reader();
        reader.reset(bytes, 0, end);
        let before = 0;
        while (reader.next()) {
          expect(reader.fieldStart).toBe(before);
          expect(reader.position).toBeGreaterThan(before);
          expect(reader.position).toBeLessThanOrEqual(end);
          before = reader.position;
        }
        expect(reader.failed || before === end).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("nextOf", () => {
  test("finds the fields that a walk over all of them finds, and fails where it fails", () => {
    const field = fc.oneof(
      fc
        .tuple(fc.constantFrom(1, 5, 20), fc.constantFrom(0, 1, 3, 127, 128, 300, 16_384), fc.nat(3))
        .map(([number, size, padding]) => {
          const writer = new BinaryWriter().tag(number, EsWireType.LengthDelimited);
          if (padding > 0) writer.raw(Uint8Array.from([size | 0x80, (size >>> 7) | 0x80, size >>> 14]));
          else writer.uint32(size);
          return [...writer.raw(new Uint8Array(size)).finish()];
        }),
      fc.constantFrom([0x28, 1], [0x2d, 1, 2, 3, 4], [0x0b, 0x0c], [0xaa, 0x00, 1, 7]),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 8 }), fc.nat(20), fc.constantFrom(1, 5, 20), (fields, cut, wanted) => {
        const whole = Uint8Array.from(fields.flat());
        const bytes = whole.subarray(0, Math.max(0, whole.length - (cut > 10 ? 0 : cut)));
        const all = new Reader();
        const some = new Reader();
        all.reset(bytes, 0, bytes.length);
        some.reset(bytes, 0, bytes.length);
        while (all.next()) {
          if (all.field !== wanted || all.wireType !== WireType.LEN) continue;
          expect(some.nextOf(wanted)).toBe(true);
          const place = (reader: Reader): number[] => [reader.fieldStart, reader.prefixStart, reader.start, reader.end];
          expect(place(some)).toEqual(place(all));
        }
        expect(some.nextOf(wanted)).toBe(false);
        expect(some.failed).toBe(all.failed);
      }),
      { numRuns: 500 },
    );
  });
});

describe("decodeText", () => {
  test("decodes as TextDecoder does, short and long, and keeps a byte order mark", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.constantFrom("", "é", "\uFEFF", "🔥"), (ascii, other) => {
        const text = other + ascii + other;
        const bytes = new TextEncoder().encode(text);
        expect(decodeText(bytes, 0, bytes.length)).toBe(text);
      }),
    );
    expect(decodeText(Uint8Array.from([0x61, 0xff, 0x62]), 0, 3)).toBe("a\uFFFDb");
  });
});
