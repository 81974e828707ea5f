import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RingReader } from "./ring-buffer.ts";
import { MemoryRing } from "./testing/memory-ring.ts";

const SIZE = 4096;

function bytesOf(words: Uint32Array, at: number, sizeBytes: number): Uint8Array {
  return new Uint8Array(words.buffer, at * 4, sizeBytes).slice();
}

function drained(reader: RingReader, limit?: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  reader.drain((words, at, sizeBytes) => records.push(bytesOf(words, at, sizeBytes)), limit);
  return records;
}

describe("RingReader", () => {
  test("hands out what was written, in order, whatever the lengths, also far from zero and over the end", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 52n }).map((start) => start & ~7n),
        fc.array(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 8 }), { maxLength: 20 }),
        (start, batches) => {
          const ring = new MemoryRing(SIZE, start);
          const reader = new RingReader(ring.memory);
          for (const batch of batches) {
            const written = batch.filter((record) => ring.write(record));
            expect(drained(reader)).toEqual(written);
            expect(reader.isEmpty).toBe(true);
          }
        },
      ),
    );
  });

  test("positions carry over 2^32 without a gap", () => {
    const ring = new MemoryRing(SIZE, 2n ** 32n - 16n);
    const reader = new RingReader(ring.memory);
    for (let record = 0; record < 3; record++) ring.write(Uint8Array.of(record));
    expect(drained(reader)).toEqual([Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)]);
    expect(ring.consumed).toBe(2n ** 32n + 32n);
  });

  test("waits for a record that is still being written, and passes over one that was given up", () => {
    const ring = new MemoryRing(SIZE);
    const reader = new RingReader(ring.memory);
    ring.write(Uint8Array.of(1), "discarded");
    ring.write(Uint8Array.of(2));
    ring.write(Uint8Array.of(3), "busy");
    ring.write(Uint8Array.of(4));
    expect(drained(reader)).toEqual([Uint8Array.of(2)]);
    expect(drained(reader)).toEqual([]);
    expect(reader.isEmpty).toBe(false);
  });

  test("a limit leaves the rest for the next time", () => {
    const ring = new MemoryRing(SIZE);
    const reader = new RingReader(ring.memory);
    for (let record = 0; record < 5; record++) ring.write(Uint8Array.of(record));
    expect(drained(reader, 2)).toHaveLength(2);
    expect(drained(reader)).toHaveLength(3);
  });

  test("space goes back to the kernel while a long drain is under way, and when the visitor throws", () => {
    const ring = new MemoryRing(SIZE);
    const reader = new RingReader(ring.memory);
    while (ring.write(new Uint8Array(8)));
    let most = 0n;
    reader.drain(() => (most = ring.consumed));
    expect(most).toBeGreaterThan(0n);
    ring.write(Uint8Array.of(1));
    const failing = (): never => {
      throw new Error("visitor");
    };
    expect(() => reader.drain(failing)).toThrow("visitor");
    expect(reader.isEmpty).toBe(true);
  });

  test("a length that can't be gives up what waits, is counted, and what comes later is read again", () => {
    const ring = new MemoryRing(SIZE);
    const reader = new RingReader(ring.memory);
    ring.write(Uint8Array.of(1), "done", 0x3fff_fff0);
    ring.write(Uint8Array.of(2));
    expect(drained(reader)).toEqual([]);
    expect(reader.malformed).toBe(1);
    ring.write(Uint8Array.of(3));
    expect(drained(reader)).toEqual([Uint8Array.of(3)]);
  });

  test("whatever stands in the memory, it ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.bigInt(0n, 512n), (noise, waiting) => {
        const data = new ArrayBuffer(1024);
        new Uint8Array(data).set(noise);
        new Uint8Array(data).set(noise, 512);
        const producer = new BigUint64Array([waiting]).buffer;
        const reader = new RingReader({ consumer: new ArrayBuffer(8), producer, data });
        reader.drain((words, at, sizeBytes) => {
          expect(at * 4 + sizeBytes).toBeLessThanOrEqual(words.byteLength);
        });
      }),
    );
  });
});
