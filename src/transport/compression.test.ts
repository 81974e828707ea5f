import { randomBytes } from "node:crypto";
import * as zlib from "node:zlib";
import fc from "fast-check";
import snappy from "snappyjs";
import { describe, expect, test } from "vitest";
import { BufferPool } from "#wire";
import { createDeflater, inflate, isInflateProblem } from "./compression.ts";
import { blockLength, decodeBlock, encodeFramed, isFramedSnappy, loadBlockEncoder, SnappyError } from "./snappy.ts";
import type { Compression } from "./types.ts";

const ALL = ["gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed"] as const;

/** Bytes with repetitions, so that copies of every kind occur. */
const compressible = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 40 })), { maxLength: 30 })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))));

async function inflated(
  bytes: Uint8Array,
  compression: Exclude<Compression, "none">,
  limit = 1 << 20,
): Promise<Uint8Array | string> {
  const buffers = new BufferPool();
  const result = await inflate(bytes, compression, limit, buffers);
  if (isInflateProblem(result)) {
    expect(buffers.stats.leased).toBe(0);
    return result.kind;
  }
  const copy = result.bytes.slice();
  result.release();
  return copy;
}

describe("round trips", () => {
  test.each(ALL)("%s gives back what went in", async (compression) => {
    const buffers = new BufferPool();
    const deflater = createDeflater({ compression }, buffers);
    await fc.assert(
      fc.asyncProperty(compressible, async (message) => {
        const deflated = await deflater.deflate(message);
        const back = await inflated(deflated.bytes, compression);
        deflated.release();
        return Buffer.from(back as Uint8Array).equals(message);
      }),
      { numRuns: 50 },
    );
    expect(buffers.stats.leased).toBe(0);
  });

  test("levels are heeded", async () => {
    const message = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i) % 251));
    const size = async (level: number) => {
      const deflated = await createDeflater({ compression: "gzip", level }, new BufferPool()).deflate(message);
      return deflated.bytes.length;
    };
    expect(await size(9)).toBeLessThan(await size(1));
  });
});

describe("limits", () => {
  test.each(ALL)("%s of exactly the limit is taken, of one byte more is not", async (compression) => {
    const message = new Uint8Array(100_000);
    const deflated = await createDeflater({ compression }, new BufferPool()).deflate(message);
    expect((await inflated(deflated.bytes, compression, 100_000)).length).toBe(100_000);
    expect(await inflated(deflated.bytes, compression, 99_999)).toBe("too large");
  });

  test("gzip's claim of its length is not believed", async () => {
    const lying = Buffer.from(zlib.gzipSync(Buffer.from("small")));
    lying.writeUInt32LE(0x7fffffff, lying.length - 4);
    expect(await inflated(lying, "gzip")).toBe("corrupt");
  });

  test("large messages are inflated off the event loop, with the same result", async () => {
    const noise = randomBytes(200_000);
    expect(inflate(zlib.gzipSync(noise), "gzip", 1 << 20, new BufferPool())).toBeInstanceOf(Promise);
    expect(Buffer.from((await inflated(zlib.gzipSync(noise), "gzip")) as Uint8Array).equals(noise)).toBe(true);
    expect(await inflated(zlib.gzipSync(noise).subarray(0, 100_000), "gzip")).toBe("corrupt");
  });
});

describe("snappy", () => {
  test("blocks of the library decode as they were", () => {
    fc.assert(
      fc.property(compressible, (message) => {
        const block = snappy.compress(new Uint8Array(message));
        const { length, offset } = blockLength(block);
        const output = new Uint8Array(length);
        decodeBlock(block, offset, output);
        return Buffer.from(output).equals(message);
      }),
    );
  });

  test("no bytes make the decoder hang, write past its end or throw anything else", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(compressible, fc.nat(), fc.nat(255)).map(([message, at, value]) => {
        const block = snappy.compress(new Uint8Array(message));
        block[at % block.length] = value;
        return block;
      }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          const { length, offset } = blockLength(input);
          if (length <= 1 << 20) decodeBlock(input, offset, new Uint8Array(length));
        } catch (error) {
          expect(error).toBeInstanceOf(SnappyError);
        }
      }),
    );
  });

  test("a literal of nearly 4 GiB, on which a decoder with signed lengths never ends", () => {
    const block = Uint8Array.of(10, 0xfc, 0xfa, 0xff, 0xff, 0xff, 1, 2, 3);
    expect(() => decodeBlock(block, 1, new Uint8Array(10))).toThrow(SnappyError);
  });

  test("a framed chunk with a wrong checksum is corrupt", async () => {
    const stream = encodeFramed(Buffer.from("some message"), await loadBlockEncoder());
    expect(isFramedSnappy(stream)).toBe(true);
    stream[stream.length - 1]! ^= 1;
    expect(await inflated(stream, "snappy")).toBe("corrupt");
  });

  test("the checksum is CRC-32C, masked", async () => {
    // CRC-32C's check value is e3069283 for "123456789"; it is rotated right by 15 and a282ead8 is added.
    const crc = 0xe3069283;
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    const stream = encodeFramed(Buffer.from("123456789"), await loadBlockEncoder());
    expect(Buffer.from(stream).readUInt32LE(14)).toBe(masked);
  });
});
