import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { cpuTimes, onlineCpus, parseCpuList, possibleCpus } from "./cpus.ts";

test("CPU lists are read as the kernel writes them", () => {
  expect(parseCpuList("0\n")).toEqual([0]);
  expect(parseCpuList("0-3,8,10-11\n")).toEqual([0, 1, 2, 3, 8, 10, 11]);
  expect(parseCpuList("\n")).toEqual([]);
});

test("what is no list is refused, and no range is too long", () => {
  for (const text of ["0-", "a", "1,,x", "0-99999999", "-1"]) expect(() => parseCpuList(text)).toThrow(/CPU list/);
});

test("this machine has CPUs, and none that can't be", () => {
  const online = onlineCpus();
  expect(online.length).toBeGreaterThanOrEqual(availableParallelism());
  expect(possibleCpus()).toBeGreaterThanOrEqual(online.length);
  expect([...cpuTimes().keys()]).toEqual(online);
});

test("idle time counts waiting for disks; time stolen counts nowhere", () => {
  const text = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 40 5 6 7 800 9 10\ncpu12 0 0 0 1 0 0 0 0 0 0\nintr 5\n";
  expect([...cpuTimes(text)]).toEqual([
    [0, { idleMs: 450, busyMs: 190 }],
    [12, { idleMs: 10, busyMs: 0 }],
  ]);
});
