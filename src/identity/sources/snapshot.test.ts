import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { MetadataObject, PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry } from "#telemetry";
import { RecordingLogger } from "../../collector/testing/context.ts";
import { RecordingSink } from "../../kubernetes/fixtures/recording-sink.ts";
import { containerOf, objectOf, ownerOf, podOf } from "../pod-fixtures.ts";
import { Snapshot } from "./snapshot.ts";

const MIB = 1 << 20;
const pod = podOf({
  uid: "cart-uid",
  name: "cart",
  namespace: "shop",
  nodeName: "node-1",
  createdMs: 5,
  hostNetwork: true,
  labels: new Map([["app", "cart"]]),
  annotations: new Map([["note", "ä\n"]]),
  owners: [ownerOf("ReplicaSet", "cart-1")],
  containers: [containerOf({ containerId: "containerd://1", restartCount: 2, kind: "init" })],
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "podflame-snapshot-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

function snapshotAt(path: string, clock = new ManualClock(), maxBytes = MIB, logger = new RecordingLogger()): Snapshot {
  const telemetry = { clock, metrics: new MetricRegistry(), logger };
  const objects = new RecordingSink<MetadataObject>();
  const sinks = { pods: new RecordingSink<PodObject>(), objects: () => objects };
  return new Snapshot({ path, intervalMs: 60_000, maxBytes, telemetry }, sinks);
}

test("what was known is known again, addresses excepted, for they may have passed to another pod", async () => {
  const path = join(folder(), "deep/pods.jsonl");
  const before = snapshotAt(path);
  before.pods.upsert({ ...pod, podIps: ["10.0.0.7"] });
  await before.stop();
  expect(await snapshotAt(path).load()).toEqual({ pods: [pod], objects: [] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("it is written at intervals when something changed, and at the end", async () => {
  const path = join(folder(), "pods.jsonl");
  const clock = new ManualClock();
  const snapshot = snapshotAt(path, clock);
  snapshot.start();
  await clock.advance(60_000);
  expect(existsSync(path)).toBe(false);
  snapshot.pods.upsert(pod);
  await clock.advance(60_000);
  await expect.poll(() => existsSync(path), { interval: 1 }).toBe(true);
  snapshot.pods.upsert({ ...pod, name: "renamed" });
  await snapshot.stop();
  expect(await snapshotAt(path).load()).toMatchObject({ pods: [{ name: "renamed" }] });
});

test("pods that are gone stay in it for two minutes", async () => {
  const path = join(folder(), "pods.jsonl");
  const clock = new ManualClock();
  const snapshot = snapshotAt(path, clock);
  snapshot.pods.upsert(pod);
  snapshot.pods.remove(pod);
  await clock.advance(119_000);
  await snapshot.stop();
  expect(await snapshotAt(path).load()).toMatchObject({ pods: [pod] });
  await clock.advance(2_000);
  await snapshot.stop();
  expect(await snapshotAt(path).load()).toEqual({ pods: [], objects: [] });
});

test("pods for which there is no room are left out, with a warning", async () => {
  const path = join(folder(), "pods.jsonl");
  const logger = new RecordingLogger();
  const snapshot = snapshotAt(path, new ManualClock(), 2_000, logger);
  for (let i = 0; i < 20; i++) snapshot.pods.upsert({ ...pod, uid: `cart-${i}` });
  await snapshot.stop();
  expect(statSync(path).size).toBeLessThan(2_200);
  const { pods: kept } = await snapshotAt(path, new ManualClock(), 2_000).load();
  expect(kept.length).toBeGreaterThan(0);
  expect(logger.lines).toMatchObject([
    {
      level: "warn",
      message: "the snapshot has no room for all pods and other objects",
      fields: { leftOut: 20 - kept.length },
    },
  ]);
});

test("one that can't be written is told of, and doesn't stop anything", async () => {
  const logger = new RecordingLogger();
  const snapshot = snapshotAt("/dev/null/pods.jsonl", new ManualClock(), MIB, logger);
  snapshot.pods.upsert(pod);
  await snapshot.stop();
  expect(logger.messages("warn")).toEqual(["cannot write the snapshot of pods"]);
});

test.each<[string, (text: string) => string]>([
  ["is cut off", (text) => text.slice(0, -5)],
  ["lost its end", (text) => text.split("\n").slice(0, -2).join("\n")],
  ["is empty", () => ""],
  ["is of another version", (text) => text.replace('"version":2', '"version":1')],
  ["holds something else than pods", (text) => text.replace('"uid":"cart-uid"', '"uid":7')],
  ["holds garbage", () => "\u0000\u0001"],
  ["is far too long", (text) => text + " ".repeat(2 * MIB)],
])("a file that %s is set aside, with a warning", async (_how, broken) => {
  const path = join(folder(), "pods.jsonl");
  const before = snapshotAt(path);
  before.pods.upsert(pod);
  await before.stop();
  writeFileSync(path, broken(readFileSync(path, "utf8")));
  const logger = new RecordingLogger();
  expect(await snapshotAt(path, new ManualClock(), MIB, logger).load()).toEqual({ pods: [], objects: [] });
  expect([existsSync(path), existsSync(`${path}.broken`)]).toEqual([false, true]);
  expect(logger.lines).toMatchObject([{ level: "warn", fields: { movedTo: `${path}.broken` } }]);
});

test("without a file nothing is known, and nothing said", async () => {
  const logger = new RecordingLogger();
  expect(await snapshotAt(join(folder(), "pods.jsonl"), new ManualClock(), MIB, logger).load()).toEqual({
    pods: [],
    objects: [],
  });
  expect(logger.lines).toEqual([]);
});

test("namespaces, nodes and owners are kept as well, those that are there", async () => {
  const path = join(folder(), "pods.jsonl");
  const before = snapshotAt(path);
  const [shop, mall] = [
    objectOf("Namespace", "shop", { labels: new Map([["team", "blue"]]) }),
    objectOf("Namespace", "mall"),
  ];
  const replicaSet = objectOf("ReplicaSet", "cart-1", { namespace: "shop", controller: ownerOf("Deployment", "cart") });
  const namespaces = before.objects("Namespace");
  for (const object of [shop, mall]) namespaces.upsert(object);
  before.objects("ReplicaSet").upsert(replicaSet);
  namespaces.listing();
  namespaces.upsert(shop);
  namespaces.listed();
  await before.stop();
  expect(await snapshotAt(path).load()).toEqual({ pods: [], objects: [shop, replicaSet] });
});
