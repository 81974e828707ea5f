import { expect, test } from "vitest";
import { ManualClock, MetricRegistry } from "#telemetry";
import { keyOfContainer, keyOfUid } from "./arrivals.ts";
import { DepartedKeys } from "./departed-keys.ts";
import { Directory } from "./directory.ts";
import { containerOf, podOf } from "./pod-fixtures.ts";

test("the oldest keys give way", () => {
  const keys = new DepartedKeys(2);
  for (const key of ["a", "b", "a", "c"]) keys.add(key);
  expect(["a", "b", "c"].map((key) => keys.has(key))).toEqual([true, false, true]);
});

test("a directory remembers the uid and the container ids of a pod whose grace period is over", async () => {
  const clock = new ManualClock();
  const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
  directory.keepFor(10_000);
  const pod = podOf({ uid: "u", name: "p", containers: [containerOf({ containerId: "containerd://abc" })] });
  directory.upsert(pod);
  directory.remove(pod);
  expect(directory.departed.any).toBe(false);
  await clock.advance(12_000);
  expect(directory.size).toBe(0);
  expect(directory.departed.has(keyOfUid("u")!)).toBe(true);
  expect(directory.departed.has(keyOfContainer("docker://abc")!)).toBe(true);
  expect(directory.departed.has(keyOfUid("other")!)).toBe(false);
});
