import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RingReader } from "#linux";
import { MemoryRing } from "../../src/linux/kernel/testing/memory-ring.ts";
import { AwayStacks, SwitchKind } from "../../src/profiler/sampler/away-stacks.ts";
import { RecordStream } from "../../src/profiler/sampler/record-stream.ts";
import { RecordKind } from "../../src/profiler/sampler/record.ts";
import { recordBytes } from "../../src/profiler/sampler/testing/record-bytes.ts";

function streamOf(ring: MemoryRing): RecordStream {
  return new RecordStream(new RingReader(ring.memory), new AwayStacks(undefined));
}

function pidsOf(stream: RecordStream, limit = Infinity): readonly number[] {
  const pids: number[] = [];
  stream.drain(({ pid }) => pids.push(pid), limit);
  return pids;
}

describe("records of a ring", () => {
  test("come as they were written, in their order", () => {
    const ring = new MemoryRing(1 << 16);
    const stream = streamOf(ring);
    for (const pid of [1, 2, 3]) ring.write(recordBytes({ pid, user: [1n, 2n] }));
    expect(pidsOf(stream, 2)).toEqual([1, 2]);
    expect(pidsOf(stream)).toEqual([3]);
  });

  test("that are too short, of another layout, or longer than their place are skipped and counted", () => {
    const ring = new MemoryRing(1 << 16);
    const stream = streamOf(ring);
    const good = recordBytes({ pid: 1, user: [1n] });
    const changed = (at: number, byte: number): Uint8Array => good.with(at, byte);
    ring.write(good.subarray(0, 40));
    ring.write(new Uint8Array(0));
    ring.write(changed(0, 2));
    ring.write(changed(5, 1));
    ring.write(changed(66, 2));
    ring.write(changed(71, 17));
    ring.write(recordBytes({ pid: 2 }));
    expect(pidsOf(stream)).toEqual([2]);
    expect(stream.malformed).toBe(6);
  });

  test("of unknown kinds are handed out: who reads them passes over what it doesn't know", () => {
    const ring = new MemoryRing(1 << 16);
    ring.write(recordBytes({ pid: 9, kind: 77 }));
    expect(pidsOf(streamOf(ring))).toEqual([9]);
  });

  test("of a task that left and came back are one, and count as one", () => {
    const ring = new MemoryRing(1 << 16);
    const stream = streamOf(ring);
    ring.write(recordBytes({ kind: SwitchKind.Left, pid: 5, tid: 6, valueNs: 1006, timeNs: 100, user: [7n] }));
    expect(pidsOf(stream)).toEqual([]);
    ring.write(recordBytes({ kind: SwitchKind.Back, tid: 1006, timeNs: 300, valueNs: 200 }));
    ring.write(recordBytes({ kind: SwitchKind.Back, tid: 1006, timeNs: 400, valueNs: 100 }));
    const seen: unknown[] = [];
    stream.drain(({ kind, timeNs, valueNs, userFrames }) => seen.push({ kind, timeNs, valueNs, userFrames }), Infinity);
    expect(seen).toEqual([{ kind: RecordKind.OffCpu, timeNs: 300, valueNs: 200, userFrames: 1 }]);
    expect(stream.offCpu).toBe(1);
  });

  test("may hold anything: each is handed out whole or counted", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(95), fc.nat(255)), { maxLength: 12 }), fc.nat(8), (changes, kind) => {
        const ring = new MemoryRing(1 << 16);
        const stream = streamOf(ring);
        const bytes = recordBytes({ kind, pid: 1, kernel: [1n], user: [2n, 3n] });
        for (const [at, byte] of changes) bytes[at] = byte;
        ring.write(bytes);
        const handedOut = stream.drain((record) => {
          expect(record.userEnd).toBeLessThanOrEqual(record.at + bytes.length / 4);
          expect(record.comm.length).toBeLessThanOrEqual(15);
          if (record.kind === RecordKind.CgroupMade) expect(record.cgroupName.length).toBeLessThanOrEqual(255);
        }, Infinity);
        expect(handedOut + stream.malformed).toBeLessThanOrEqual(1);
      }),
    );
  });
});
