import { describe, expect, test } from "vitest";
import { BufferPool, HEADROOM, MessageBuffer } from "./buffer-pool.ts";

describe("BufferPool", () => {
  test("hands out the memory of a released message again, once its last holder let go", () => {
    const pool = new BufferPool();
    const first = pool.take(1000);
    const memory = first.bytes.buffer;
    first.retain();
    first.release();
    expect(pool.take(1000).bytes.buffer).not.toBe(memory);
    first.release();
    expect(pool.take(900).bytes.buffer).toBe(memory);
  });

  test("wastes at most a fifth of a buffer above the smallest size", () => {
    const pool = new BufferPool();
    for (let length = 300; length < 5_000_000; length = Math.floor(length * 1.07) + 1) {
      const size = pool.take(length).bytes.buffer.byteLength;
      expect(size).toBeGreaterThanOrEqual(length + HEADROOM);
      expect((size - length - HEADROOM) / size).toBeLessThanOrEqual(0.2);
    }
  });

  test("keeps no more idle bytes than it may", () => {
    const pool = new BufferPool(10_000);
    const buffers = Array.from({ length: 10 }, () => pool.take(3000));
    expect(pool.stats).toEqual({ idleBytes: 0, leased: 10 });
    for (const buffer of buffers) buffer.release();
    expect(pool.stats.leased).toBe(0);
    expect(pool.stats.idleBytes).toBeLessThanOrEqual(10_000);
    expect(pool.stats.idleBytes).toBeGreaterThan(3000);
  });
});

describe("MessageBuffer", () => {
  test("frames a message for gRPC without copying it", () => {
    const buffer = MessageBuffer.copyOf(Uint8Array.of(1, 2, 3));
    expect(buffer.framed()).toEqual(Uint8Array.of(0, 0, 0, 0, 3, 1, 2, 3));
    expect(buffer.framed().buffer).toBe(buffer.bytes.buffer);
    buffer.truncate(1);
    expect(buffer.framed()).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 1));
    expect(() => buffer.truncate(2)).toThrow(RangeError);
  });

  test("tells who releases too often or comes back too late", () => {
    const buffer = new BufferPool().take(1);
    buffer.release();
    expect(() => buffer.release()).toThrow("more often than retained");
    expect(() => buffer.retain()).toThrow("after its last release");
  });
});
