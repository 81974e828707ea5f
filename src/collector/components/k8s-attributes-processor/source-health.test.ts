import { expect, test } from "vitest";
import type { SourceState } from "#identity";
import { hearsOfPods } from "./source-health.ts";

const well: SourceState = { from: "a kubelet", synced: true, lastError: undefined };
const failing: SourceState = { from: "a runtime", synced: true, lastError: "connection refused" };

function watch(resource: string, message?: string): NonNullable<SourceState["watches"]>[number] {
  const lastError = message === undefined ? undefined : { message, atMs: 1 };
  return {
    resource,
    phase: "watching",
    sinceMs: 1,
    synced: true,
    objects: 1,
    resourceVersion: "1",
    lastError,
    heardMs: 1,
  };
}

test("a source hears of pods unless its last attempt failed", () => {
  expect([hearsOfPods(well), hearsOfPods(failing)]).toEqual([true, false]);
});

test("what fails for other objects doesn't matter", () => {
  const watches = [watch("pods"), watch("replicasets", "403 Forbidden")];
  expect(hearsOfPods({ ...failing, watches })).toBe(true);
  expect(hearsOfPods({ ...failing, watches: [watch("pods", "503"), watch("replicasets")] })).toBe(false);
});

test("of several sources one is enough", () => {
  expect(hearsOfPods({ ...failing, parts: [failing, well] })).toBe(true);
  expect(hearsOfPods({ ...failing, parts: [failing, failing] })).toBe(false);
});
