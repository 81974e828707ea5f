import { expect, test } from "vitest";
import { ownerOf, podOf } from "./pod-fixtures.ts";
import { PodRecord } from "./records.ts";
import { revisionOf, workloadOf } from "./workload.ts";

const SCHEDULED_MS = 28_333_333 * 60_000;

test.each([
  ["a ReplicaSet with the pod's template hash", "ReplicaSet", "cart-abc", "Deployment", "cart"],
  ["a ReplicaSet of another name", "ReplicaSet", "cart-xyz", "ReplicaSet", "cart-xyz"],
  ["a ReplicaSet of nothing but the hash", "ReplicaSet", "-abc", "ReplicaSet", "-abc"],
  ["a Job of its scheduled minute", "Job", "night-28333333", "CronJob", "night"],
  ["a Job of another number", "Job", "night-20200101", "Job", "night-20200101"],
  ["a StatefulSet", "StatefulSet", "db", "StatefulSet", "db"],
  ["an operator's resource", "Rollout", "cart", "Rollout", "cart"],
  ["a kind that every object has a property of", "constructor", "cart", "constructor", "cart"],
])("a pod of %s belongs to that", (_what, kind, name, topKind, topName) => {
  const pod = podOf({
    owners: [ownerOf(kind, name)],
    labels: new Map([["pod-template-hash", "abc"]]),
    createdMs: SCHEDULED_MS,
  });
  expect(workloadOf(new PodRecord(pod))).toEqual({ kind: topKind, name: topName });
});

test("an owner that doesn't control the pod is no workload", () => {
  const pod = podOf({ owners: [ownerOf("ReplicaSet", "cart-abc", { controller: false })] });
  expect(workloadOf(new PodRecord(pod))).toBeUndefined();
});

test("the revision is the template's hash, by whichever label", () => {
  const of = (key: string): string => revisionOf(podOf({ labels: new Map([[key, "abc"]]) }));
  expect([of("pod-template-hash"), of("controller-revision-hash"), of("team")]).toEqual(["abc", "abc", ""]);
});
