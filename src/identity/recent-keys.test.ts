import { expect, test } from "vitest";
import { ManualClock, MetricRegistry } from "#telemetry";
import { keyOfContainer, keyOfUid } from "./arrivals.ts";
import { Directory } from "./directory.ts";
import { containerOf, podOf } from "./pod-fixtures.ts";
import { RecentKeys } from "./recent-keys.ts";

test("the oldest keys give way", () => {
  const keys = new RecentKeys(2);
  for (const [at, key] of ["a", "b", "a", "c"].entries()) keys.add(key, at);
  expect(["a", "b", "c"].map((key) => keys.sinceOf(key))).toEqual([2, undefined, 3]);
});

test("a directory remembers the uid and the container ids of a pod whose grace period is over", async () => {
  const clock = new ManualClock();
  const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
  directory.keepFor(10_000);
  const pod = podOf({ uid: "u", name: "p", containers: [containerOf({ containerId: "containerd://abc" })] });
  directory.upsert(pod);
  await clock.advance(5_000);
  const goneMs = clock.monotonicMs();
  directory.remove(pod);
  expect(directory.departed.any).toBe(false);
  await clock.advance(12_000);
  expect(directory.size).toBe(0);
  expect(directory.departed.sinceOf(keyOfUid("u")!)).toBe(goneMs);
  expect(directory.departed.sinceOf(keyOfContainer("docker://abc")!)).toBe(goneMs);
  expect(directory.departed.sinceOf(keyOfUid("other")!)).toBeUndefined();
});
