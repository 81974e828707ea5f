import { expect, test } from "vitest";
import { RecordFlag, RecordKind, RecordView } from "./record.ts";
import { recordBytes, recordWords } from "./testing/record-bytes.ts";

const view = new RecordView();

function viewOf(...fields: Parameters<typeof recordBytes>): RecordView {
  const { words, at } = recordWords(recordBytes({ pid: 1 }), recordBytes(...fields));
  return view.moveTo(words, at[1]!);
}

test("a record tells what the kernel wrote", () => {
  const record = viewOf({
    kind: RecordKind.OffCpu,
    flags: RecordFlag.KernelMode | RecordFlag.Rooted,
    pid: 4_194_303,
    tid: 77,
    timeNs: 2 ** 52 + 1,
    startTimeNs: 12_345,
    cgroupV2: 2 ** 40 + 9,
    cgroupV1: 23_993,
    stackTop: 0x7ffc_dead_bee0,
    valueNs: 1_500_000_000,
    cpu: 511,
    comm: "worker/3",
    kernel: [0xffff_ffff_8123_4567n],
    user: [0x5555_5555_1000n, 0x7f00_1234_5678n],
  });
  expect(record.wellFormed).toBe(true);
  expect([record.kind, record.flags, record.pid, record.tid, record.cpu]).toEqual([2, 3, 4_194_303, 77, 511]);
  expect([record.timeNs, record.startTimeNs]).toEqual([2 ** 52 + 1, 12_345]);
  expect([record.cgroupV2, record.cgroupV1]).toEqual([2 ** 40 + 9, 23_993]);
  expect([record.stackTop, record.valueNs]).toEqual([0x7ffc_dead_bee0, 1_500_000_000]);
  expect(record.comm).toBe("worker/3");
  expect([record.kernelFrames, record.userFrames, record.userWords, record.registers]).toEqual([1, 2, 1, 0]);
  const stack = [...record.words.subarray(record.kernelAt, record.userEnd)];
  expect(stack).toEqual([0x8123_4567, 0xffff_ffff, 0x5555_1000, 0x5555, 0x1234_5678, 0x7f00]);
  expect(record.userAt - record.kernelAt).toBe(2);
});

test("frames of a V8 process have five words each", () => {
  const record = viewOf({
    user: [
      [1n, 2n, 3n, 4n, 5n],
      [6n, 7n, 8n, 9n, 10n],
    ],
  });
  expect([record.userFrames, record.userWords]).toEqual([2, 5]);
  expect(record.userEnd - record.userAt).toBe(20);
});

test("names that repeat are one string, and a name may fill all its bytes", () => {
  expect(viewOf({ comm: "fifteen-bytes-x" }).comm).toBe("fifteen-bytes-x");
  expect(viewOf({ comm: "node" }).comm).toBe("node");
  expect(viewOf({}).comm).toBe("");
  expect(viewOf({ comm: "ä" }).comm).toBe("ä");
});

test("a record whose sections don't fit its length, or of another layout, isn't well formed", () => {
  const { words } = recordWords(recordBytes({ user: [1n, 2n] }));
  expect(view.moveTo(words, 0).wellFormed).toBe(true);
  words[17]!++;
  expect(view.moveTo(words, 0).wellFormed).toBe(false);
  words[17]!--;
  words[0]!++;
  expect(view.moveTo(words, 0).wellFormed).toBe(false);
});

test("a cgroup that was made has its hierarchy, its parent and its name", () => {
  const name = `cri-containerd-${"4d".repeat(32)}.scope`;
  const made = { kind: RecordKind.CgroupMade, madeCgroup: { parent: 2 ** 33, name } };
  const one = viewOf({ ...made, cgroupV1: 12 });
  expect([one.cgroupHierarchy, one.cgroupId, one.cgroupParent, one.cgroupName]).toEqual([1, 12, 2 ** 33, name]);
  const two = viewOf({ ...made, cgroupV2: 2 ** 34 });
  expect([two.cgroupHierarchy, two.cgroupId, two.wellFormed]).toEqual([2, 2 ** 34, true]);
});

test("a cgroup's record that is cut off isn't well formed", () => {
  expect(viewOf({ kind: RecordKind.CgroupMade, cgroupV2: 5 }).wellFormed).toBe(false);
  expect(viewOf({ kind: RecordKind.CgroupRemoved, cgroupV2: 5 }).wellFormed).toBe(true);
});
