import { BinaryWriter, WireType as EsWireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool } from "./buffer-pool.ts";
import { varintSize, writeVarint, writeVarint64, writeVarintHalves } from "./varint.ts";
import { Writer, WriterFullError } from "./writer.ts";

describe("varints", () => {
  test("have the bytes and the size that protobuf-es gives them", () => {
    const scratch = new Uint8Array(10);
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        const unsigned = BigInt.asUintN(64, value);
        const expected = new BinaryWriter().uint64(unsigned).finish();
        expect(scratch.slice(0, writeVarint64(scratch, 0, value))).toEqual(expected);
        const [low, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
        expect(scratch.slice(0, writeVarintHalves(scratch, 0, low, high))).toEqual(expected);
        if (unsigned >= 2n ** 53n) return;
        expect(scratch.slice(0, writeVarint(scratch, 0, Number(unsigned)))).toEqual(expected);
        expect(varintSize(Number(unsigned))).toBe(expected.length);
      }),
    );
  });

  test("change their size where seven more bits are needed", () => {
    for (let bits = 7; bits < 53; bits += 7) {
      expect(varintSize(2 ** bits - 1)).toBe(bits / 7);
      expect(varintSize(2 ** bits)).toBe(bits / 7 + 1);
    }
  });
});

describe("Writer", () => {
  test("writes halves of numbers as the numbers", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const [low, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
        const [whole, halves] = [new Writer(), new Writer()];
        whole.rawVarint64(value);
        whole.rawFixed64(value);
        halves.rawVarintHalves(low, high);
        halves.rawFixed64Halves(low, high);
        expect(halves.finish()).toEqual(whole.finish());
      }),
    );
  });

  test("refuses to grow beyond its limit, and takes what fits", () => {
    const writer = new Writer(16, 1000);
    writer.bytes(1, new Uint8Array(900));
    expect(writer.length).toBe(903);
    expect(() => writer.bytes(1, new Uint8Array(200))).toThrow(WriterFullError);
    expect(writer.finish().length).toBe(903);
  });

  test("writes nested messages as protobuf-es does, whatever the size of their content", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { minLength: 1, maxLength: 6 }), fc.string(), (sizes, text) => {
        const ours = new Writer(1);
        const theirs = new BinaryWriter();
        for (const size of sizes) {
          const bytes = new Uint8Array(size).fill(0xff);
          ours.open(3);
          theirs.tag(3, EsWireType.LengthDelimited).fork();
          ours.bytes(1, bytes);
          theirs.tag(1, EsWireType.LengthDelimited).bytes(bytes);
        }
        ours.string(2, text);
        theirs.tag(2, EsWireType.LengthDelimited).string(text);
        ours.varint64(4, -1n);
        theirs.tag(4, EsWireType.Varint).int64(-1n);
        ours.double(5, -0.5);
        theirs.tag(5, EsWireType.Bit64).double(-0.5);
        ours.fixed64(6, 2n ** 64n - 1n);
        theirs.tag(6, EsWireType.Bit64).fixed64(2n ** 64n - 1n);
        ours.fixed32(7, 0xdeadbeef);
        theirs.tag(7, EsWireType.Bit32).fixed32(0xdeadbeef);
        for (const _ of sizes) {
          ours.close();
          theirs.join();
        }
        expect(ours.finish()).toEqual(theirs.finish());
      }),
    );
  });

  test("takes back a field that was begun, whatever stands before it", () => {
    const writer = new Writer();
    writer.bytes(1, Uint8Array.of(0x80, 0xff));
    writer.open(1000);
    writer.string(1, "gone");
    writer.abandon();
    expect(writer.finish()).toEqual(Uint8Array.of(0x0a, 2, 0x80, 0xff));
  });

  test("refuses to end while a field is open, and to close one that isn't", () => {
    const writer = new Writer();
    expect(() => writer.close()).toThrow("no open field");
    writer.open(1);
    expect(() => writer.finish()).toThrow("1 fields are still open");
    writer.reset();
    const buffer = writer.toBuffer(new BufferPool());
    expect(buffer.bytes.length).toBe(0);
    buffer.release();
  });
});
