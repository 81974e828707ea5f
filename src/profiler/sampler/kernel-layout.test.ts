import { expect, test } from "vitest";
import { cgroupKey, configBytes, controlBytes, CPU_COUNTERS, CpuCounters, processBytes } from "./kernel-layout.ts";

test("settings have the size that the programs' structures have", () => {
  const offsets = new Uint32Array(30);
  const settings = { onlyPid: 1, pidNamespace: 0, hasTaskRegisters: true, offCpuRoomBytes: 2, copyRoomBytes: 3 };
  expect(configBytes(offsets, { ...settings, copies: undefined })).toHaveLength(148);
  expect(controlBytes({ selection: "all", offCpuShare: 0 })).toHaveLength(8);
});

test("a share of intervals becomes a bound on a random number: none, half of them, all", () => {
  const threshold = (offCpuShare: number): number =>
    new DataView(controlBytes({ selection: "all", offCpuShare }).buffer).getUint32(4, true);
  expect([0, 0.5, 1].map(threshold)).toEqual([0, 2 ** 31, 2 ** 32 - 1]);
});

test("ids of different hierarchies have different keys", () => {
  const key = (hierarchy: 1 | 2): bigint =>
    new DataView(cgroupKey({ hierarchy, id: 77n }).buffer).getBigUint64(0, true);
  expect([key(2), key(1)]).toEqual([77n, 77n | (1n << 63n)]);
});

const NODE_24 = { fpContext: -8, fpFunction: -16, fpBytecodeArray: -32, fpBytecodeOffset: -40, functionShared: 32 };

test("V8's slots are words, counted from the fifth one below the frame pointer", () => {
  const bytes = processBytes({ v8: NODE_24 })!;
  expect(bytes).toHaveLength(128);
  expect([...bytes.subarray(0, 14)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 4, 3, 1, 0, 32, 0]);
});

test("offsets that can't be those of a frame are refused", () => {
  for (const change of [{ fpContext: 8 }, { fpFunction: -48 }, { fpBytecodeArray: -12 }, { fpBytecodeOffset: NaN }]) {
    expect(processBytes({ v8: { ...NODE_24, ...change } })).toBeUndefined();
  }
  for (const functionShared of [-1, 2 ** 31, 0.5]) {
    expect(processBytes({ v8: { ...NODE_24, functionShared } })).toBeUndefined();
  }
});

test("a process's copies have a mode, a limit, and up to four ranges of code that keeps frame pointers", () => {
  const kept = [1, 2, 3, 4, 5].map((at) => ({ start: at * 2 ** 40, end: at * 2 ** 40 + 4096 }));
  const bytes = processBytes({ copies: { mode: "always", limitBytes: 65_536, kept } })!;
  expect([...bytes.subarray(0, 4)]).toEqual([0, 2, 0x00, 0x60]);
  const ranges = new BigUint64Array(bytes.buffer, 64);
  expect([...ranges]).toEqual([1, 2, 3, 4].flatMap((at) => [BigInt(at) << 40n, 4096n]));
});

test("counters are summed over CPUs, beyond 32 bits too", () => {
  const counters = new CpuCounters(2);
  const words = new BigUint64Array(counters.bytes.buffer);
  words[0] = 2n ** 33n;
  words[CPU_COUNTERS.length] = 5n;
  words[CPU_COUNTERS.length + 1] = 7n;
  expect(counters.sum("samples")).toBe(2 ** 33 + 5);
  expect([counters.hits(0), counters.hits(1), counters.of(1, "idle")]).toEqual([2 ** 33, 12, 7]);
});
