import { beforeEach, describe, expect, test } from "vitest";
import type { MetadataObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { Directory } from "./directory.ts";
import { IdentityView } from "./identity-view.ts";
import { objectOf, ownerOf, podOf } from "./pod-fixtures.ts";

const GRACE_MS = 10_000;

let clock: ManualClock;
let metrics: MetricRegistry;
let directory: Directory;
let view: IdentityView;

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  directory = new Directory({ telemetry: { clock, metrics } });
  directory.keepFor(GRACE_MS);
  directory.follow(["Namespace", "Node", "ReplicaSet", "Deployment"]);
  view = new IdentityView(directory, GRACE_MS, clock);
});

const replicaSet = objectOf("ReplicaSet", "shop-abc", { controller: ownerOf("Deployment", "shop") });
const deployment = objectOf("Deployment", "shop");
const pod = podOf({
  uid: "p",
  name: "shop-abc-1",
  namespace: "ns",
  nodeName: "node-1",
  owners: [ownerOf("ReplicaSet", "shop-abc")],
});

function list(kind: MetadataObject["kind"], ...objects: MetadataObject[]): void {
  const sink = directory.objects.sink(kind);
  sink.listing();
  for (const object of objects) sink.upsert(object);
  sink.listed();
}

describe("owners", () => {
  const deploymentOf = (): string | undefined => directory.findUidText("p")!.related("Deployment")?.object?.name;

  test.each([
    ["before their pods", ["Deployment", "ReplicaSet", "Pod"]],
    ["after them", ["Pod", "ReplicaSet", "Deployment"]],
    ["in any order", ["ReplicaSet", "Pod", "Deployment"]],
  ])("complete pods that come %s", (_, order) => {
    for (const kind of order) {
      if (kind === "Pod") directory.upsert(pod);
      else if (kind === "ReplicaSet") list("ReplicaSet", replicaSet);
      else list("Deployment", deployment);
    }
    expect(deploymentOf()).toBe("shop");
  });

  test("that arrive late empty what was derived of the pod, and give it the keys that depend on them", () => {
    const byDeployment = directory.openIndex({
      name: "deployment",
      keysOf: (_, record) => {
        const uid = record.ownerRecord("shop-abc-uid")?.object?.controller?.uid;
        return uid === undefined ? [] : [uid];
      },
      exclusive: false,
    });
    directory.upsert(pod);
    const record = directory.findUidText("p")!;
    const slot = directory.openSlot("test");
    record.put(slot, "derived without the owner");
    expect(view.in(byDeployment, "shop-uid")).toBeUndefined();
    directory.objects.sink("ReplicaSet").upsert(replicaSet);
    expect(record.get(slot)).toBeUndefined();
    expect(view.in(byDeployment, "shop-uid")).toBe(record);
    // What changes nothing about the owners costs nothing.
    record.put(slot, "kept");
    directory.objects.sink("ReplicaSet").upsert({ ...replicaSet, labels: new Map([["a", "b"]]) });
    expect(record.get(slot)).toBe("kept");
  });

  test("that are deleted stay known as long as a pod mentions them, and no longer", async () => {
    list("Deployment", deployment);
    list("ReplicaSet", replicaSet);
    directory.upsert(pod);
    list("Deployment");
    list("ReplicaSet");
    await clock.advance(GRACE_MS * 3);
    expect(deploymentOf()).toBe("shop");
    expect(view.object("Deployment", "shop-uid")).toBeUndefined();
    directory.remove(pod);
    await clock.advance(GRACE_MS * 3);
    expect([directory.size, directory.objects.find("ReplicaSet", "shop-abc-uid")]).toEqual([0, undefined]);
    expect(directory.objects.size).toBe(0);
  });

  test("are found by pods that were there before somebody followed their kind", () => {
    directory.upsert(podOf({ uid: "q", owners: [ownerOf("Job", "import")] }));
    directory.follow(["Job"]);
    list("Job", objectOf("Job", "import"));
    expect(directory.findUidText("q")!.related("Job")?.object?.name).toBe("import");
  });

  test("of kinds that are known by name, as a static pod's node, are no links", () => {
    directory.upsert(podOf({ uid: "q", owners: [ownerOf("Node", "node-1")] }));
    expect(directory.findUidText("q")!.links).toEqual([]);
  });
});

describe("objects by name", () => {
  const namespace = objectOf("Namespace", "ns", { labels: new Map([["team", "a"]]) });

  test("count for the grace period after they were deleted", async () => {
    list("Namespace", namespace);
    directory.objects.sink("Namespace").remove(namespace);
    await clock.advance(GRACE_MS - 1_000);
    expect(view.object("Namespace", "ns")?.object).toBe(namespace);
    await clock.advance(2_000);
    expect(view.object("Namespace", "ns")).toBeUndefined();
    await clock.advance(GRACE_MS);
    expect(directory.objects.size).toBe(0);
  });

  test("aren't gone with an older one of the same name", () => {
    const again = { ...namespace, uid: "another" };
    list("Namespace", again);
    directory.objects.sink("Namespace").remove(namespace);
    expect(view.object("Namespace", "ns")?.object).toBe(again);
    expect(metrics.value("otelcol_k8s_watcher_namespace_deleted")).toBeUndefined();
  });

  test("that are only mentioned are no objects, and go with the last pod", async () => {
    directory.upsert(pod);
    expect(view.object("Node", "node-1")).toBeUndefined();
    expect(directory.objects.size).toBe(3);
    directory.remove(pod);
    await clock.advance(GRACE_MS * 2);
    expect(directory.objects.size).toBe(0);
  });
});

test("more objects than there may be are refused and counted; pods are named all the same", () => {
  const small = new Directory({ telemetry: { clock, metrics }, name: "small", maxObjects: 2 });
  small.follow(["Namespace"]);
  const sink = small.objects.sink("Namespace");
  for (const name of ["a", "b", "c"]) sink.upsert(objectOf("Namespace", name));
  small.upsert({ ...pod, namespace: "d" });
  expect(small.objects.size).toBe(2);
  expect(metrics.value("podflame_identity_objects_refused", { directory: "small" })).toBe(2);
  expect(small.findUidText("p")?.pod.name).toBe("shop-abc-1");
});
