import { expect, test } from "vitest";
import type { PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { Directory } from "../directory.ts";
import { containerOf, ownerOf, podOf } from "../pod-fixtures.ts";
import { LIVE } from "../records.ts";
import { PodMerger } from "./pod-merger.ts";
import type { SourceKind } from "./precedence.ts";

function merging(completing: readonly SourceKind[] = ["api", "kubelet", "cri"]): {
  directory: Directory;
  clock: ManualClock;
  merger: PodMerger;
} {
  const clock = new ManualClock();
  const directory = new Directory({ telemetry: { clock, metrics: new MetricRegistry() } });
  directory.keepFor(120_000);
  return { directory, clock, merger: new PodMerger({ sink: directory, completing }) };
}

const uid = "11111111-0000-4000-8000-000000000000";
const idOf = (digit: string): string => `containerd://${digit.repeat(64)}`;
const run = (digit: string, restartCount: number): Partial<PodObject> => ({
  uid,
  containers: [containerOf({ containerId: idOf(digit), restartCount })],
});

/** Field, what each source says, what comes out. */
const FIELDS: readonly (readonly [
  says: string,
  views: Partial<Record<SourceKind, Partial<PodObject>>>,
  expected: Partial<PodObject>,
])[] = [
  ["the API's name, for it has one", { cri: { name: "b" }, api: { name: "a" } }, { name: "a" }],
  [
    "the kubelet's addresses where the API has none",
    { api: {}, kubelet: { podIps: ["10.0.0.1"] } },
    { podIps: ["10.0.0.1"] },
  ],
  [
    "the API's address before the runtime's",
    { cri: { podIps: ["10.0.0.9"] }, api: { podIps: ["10.0.0.1"] } },
    { podIps: ["10.0.0.1"] },
  ],
  [
    "the API's labels, even if it has none any more",
    { api: {}, cri: { labels: new Map([["app", "old"]]), annotations: new Map([["note", "old"]]) } },
    { labels: new Map(), annotations: new Map() },
  ],
  [
    "the runtime's labels before a file's",
    { cri: { labels: new Map([["a", "1"]]) }, file: {} },
    { labels: new Map([["a", "1"]]) },
  ],
  [
    "owners of whoever knows them",
    { cri: {}, kubelet: { owners: [ownerOf("ReplicaSet", "shop-1")] } },
    { owners: [ownerOf("ReplicaSet", "shop-1")] },
  ],
  ["the host's network if anybody saw it", { api: {}, cri: { hostNetwork: true } }, { hostNetwork: true }],
  ["the end of a pod if anybody saw it", { api: { deletedMs: 0 }, kubelet: { deletedMs: 7 } }, { deletedMs: 7 }],
  ["the creation as the API has it", { api: { createdMs: 5 }, cri: { createdMs: 6 } }, { createdMs: 5 }],
  [
    "a container id as soon as the runtime has it, on the API's container",
    {
      api: { containers: [containerOf({ kind: "init", image: "app:1" })] },
      cri: { containers: [containerOf({ image: "docker.io/library/app:1", containerId: idOf("a"), imageId: "x" })] },
    },
    { containers: [containerOf({ kind: "init", image: "app:1", containerId: idOf("a"), imageId: "x" })] },
  ],
  [
    "the run with the most restarts, and the one that others still take for it as the one before",
    { api: run("a", 0), cri: run("b", 1) },
    { containers: [containerOf({ containerId: idOf("b"), restartCount: 1, previousContainerId: idOf("a") })] },
  ],
  [
    "the present run of an up-to-date API while the runtime is asked seldom",
    { api: run("b", 1), cri: run("a", 0) },
    { containers: [containerOf({ containerId: idOf("b"), restartCount: 1, previousContainerId: idOf("a") })] },
  ],
  ["of equal runs the one that changed last", { api: run("a", 0), cri: run("c", 0) }, run("c", 0)],
];

test.each(FIELDS)("of several views a pod has %s", (_says, views, expected) => {
  const { directory, merger } = merging();
  for (const [source, fields] of Object.entries(views)) {
    merger.source(source as SourceKind).upsert(podOf({ uid, ...fields }));
  }
  expect(directory.findUidText(uid)?.pod).toEqual(podOf({ uid, ...expected }));
});

test("what one source takes back stays as long as another knows it", () => {
  const { directory, merger } = merging();
  const pod = podOf({ uid, name: "cart" });
  const [api, cri] = [merger.source("api"), merger.source("cri")];
  api.upsert(pod);
  cri.upsert(podOf({ uid, name: "cart", podIps: ["10.0.0.1"] }));
  api.remove(pod);
  expect(directory.findUidText(uid)).toMatchObject({ goneSinceMs: LIVE, pod: { podIps: ["10.0.0.1"] } });
  cri.listing();
  cri.listed();
  expect(directory.findUidText(uid)?.goneSinceMs).not.toBe(LIVE);
});

test("a list takes back only what its own source told", () => {
  const { directory, merger } = merging();
  merger.source("file").upsert(podOf({ uid: "from-file" }));
  const api = merger.source("api");
  api.listing();
  api.upsert(podOf({ uid: "one" }));
  api.upsert(podOf({ uid: "two" }));
  api.listed();
  api.listing();
  api.upsert(podOf({ uid: "two" }));
  api.listed();
  const isLive = (id: string): boolean => directory.findUidText(id)?.goneSinceMs === LIVE;
  expect(["from-file", "one", "two"].map(isLive)).toEqual([true, false, true]);
  expect([merger.sizeOf("api"), merger.sizeOf("file")]).toEqual([1, 1]);
});

test("the directory is complete with the first whole list of a source that sees everything", () => {
  const { directory, merger } = merging(["cri"]);
  const file = merger.source("file");
  file.listing();
  file.listed();
  expect(directory.isSynced).toBe(false);
  const cri = merger.source("cri");
  cri.listing();
  cri.listed();
  expect(directory.isSynced).toBe(true);
});

test("a static pod and its mirror are one, known by both uids, whoever tells first and whoever goes", async () => {
  const { directory, clock, merger } = merging();
  const onNode = podOf({ uid: "static-uid", name: "etcd-node", containers: [containerOf({ containerId: idOf("e") })] });
  const mirror = podOf({
    uid,
    name: "etcd-node",
    labels: new Map([["tier", "control-plane"]]),
    annotations: new Map([["kubernetes.io/config.mirror", "static-uid"]]),
    containers: [containerOf()],
  });
  const [api, kubelet] = [merger.source("api"), merger.source("kubelet")];
  kubelet.upsert(onNode);
  expect(directory.findUidText("static-uid")?.pod).toBe(onNode);
  api.upsert(mirror);
  // Long after the grace of the pod by the other uid.
  await clock.advance(600_000);
  for (const found of [directory.findUidText(uid), directory.findUidText("static-uid")]) {
    expect(found).toMatchObject({ goneSinceMs: LIVE, pod: { uid, labels: mirror.labels } });
  }
  expect(directory.findContainerText(idOf("e"))?.record).toBe(directory.findUidText(uid));
  expect(directory.size).toBe(1);

  api.remove(mirror);
  await clock.advance(600_000);
  expect(directory.findUidText("static-uid")).toMatchObject({ goneSinceMs: LIVE, pod: onNode });
  expect(directory.findUidText(uid)).toBeUndefined();
  expect(directory.findContainerText(idOf("e"))?.record.pod).toEqual(onNode);
});

test("the same told again changes nothing", () => {
  const { directory, merger } = merging();
  const [api, cri] = [merger.source("api"), merger.source("cri")];
  cri.upsert(podOf(run("c", 0)));
  api.upsert(podOf(run("a", 0)));
  cri.upsert(podOf(run("c", 0)));
  expect(directory.findUidText(uid)?.pod.containers[0]?.containerId).toBe(idOf("a"));
});
