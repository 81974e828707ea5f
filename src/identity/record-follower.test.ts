import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { KeyFilter, PodObject } from "#kubernetes";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import type { FollowedState } from "./followed-identity.ts";
import { IdentityHub, type IdentityHandle } from "./identity-hub.ts";
import type { SourceSinks } from "./pod-source.ts";
import { containerOf, objectOf, ownerOf, podOf } from "./pod-fixtures.ts";
import type { Following, FollowSettings } from "./record-follower.ts";

const ID1 = "1".repeat(64);
const ID2 = "2".repeat(64);
const CREATED_MS = 1_699_999_990_000;
const GRACE_MS = 120_000;
const TEAM: KeyFilter = { label: (key) => key === "team", annotation: () => false };
const NOTHING: KeyFilter = { label: () => false, annotation: () => false };

const pod = podOf({
  uid: "cart-uid",
  name: "cart-66f5996c7c-x",
  namespace: "shop",
  nodeName: "node-1",
  podIps: ["10.0.0.7"],
  createdMs: CREATED_MS,
  startedMs: CREATED_MS + 1_000,
  labels: new Map([
    ["team", "blue"],
    ["pod-template-hash", "66f5996c7c"],
  ]),
  owners: [ownerOf("ReplicaSet", "cart-66f5996c7c")],
  containers: [containerOf({ containerId: `containerd://${ID1}`, image: "cart:1", imageId: "cart@sha256:1" })],
});

let clock: ManualClock;
let metrics: MetricRegistry;
let hub: IdentityHub;
let sinks: SourceSinks;
let kept: KeyFilter;
let batches: FollowedState[][];

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  batches = [];
  hub = new IdentityHub({
    telemetry: { clock, metrics, logger: silentLogger },
    open(_settings, wanted, opened) {
      sinks = opened;
      kept = wanted.keys;
      return Promise.resolve({
        state: () => ({ from: "test", synced: true, lastError: undefined }),
        stop: () => Promise.resolve(),
      });
    },
  });
  onTestFinished(() => hub.shutdown());
});

async function join(path = "pods"): Promise<IdentityHandle> {
  const handle = hub.join({
    source: { kind: "file", path },
    keys: NOTHING,
    objects: new Map([["ReplicaSet", { keys: NOTHING }]]),
    keysName: "none",
    graceMs: GRACE_MS,
  });
  await handle.start();
  return handle;
}

function follow(settings: Partial<FollowSettings> = {}): Following {
  return hub.follow({
    keys: TEAM,
    telemetry: { clock, metrics, logger: silentLogger },
    listener: (states) => void batches.push([...states]),
    ...settings,
  });
}

async function told(): Promise<FollowedState[]> {
  await clock.advance(1_000);
  return batches.splice(0).flat();
}

const changed = (fields: Partial<PodObject>): PodObject => ({ ...pod, ...fields });

describe("a follower", () => {
  test("hears of a pod and of each of its runs", async () => {
    follow();
    await join();
    sinks.pods.upsert(pod);
    const [own, run, ...others] = await told();
    expect(others).toEqual([]);
    const expected = {
      uid: "cart-uid",
      name: "cart-66f5996c7c-x",
      namespace: "shop",
      nodeName: "node-1",
      ips: ["10.0.0.7"],
      labels: new Map([["team", "blue"]]),
      annotations: new Map(),
      owners: [ownerOf("ReplicaSet", "cart-66f5996c7c")],
      workload: { kind: "Deployment", name: "cart" },
      revision: "66f5996c7c",
      createdMs: CREATED_MS,
      startedMs: CREATED_MS + 1_000,
    };
    expect(own).toEqual({ pod: expected, container: undefined, validFromMs: CREATED_MS, validToMs: undefined });
    expect(run).toEqual({
      pod: expected,
      container: {
        bareId: ID1,
        name: "app",
        kind: "app",
        image: "cart:1",
        imageId: "cart@sha256:1",
        restartCount: 0,
      },
      validFromMs: CREATED_MS,
      validToMs: undefined,
    });
  });

  test("that comes late hears what is known", async () => {
    await join();
    sinks.pods.upsert(pod);
    follow();
    expect((await told()).map(({ container }) => container?.bareId)).toEqual([undefined, ID1]);
  });

  test("hears nothing twice, whatever the source repeats", async () => {
    follow();
    await join();
    sinks.pods.upsert(pod);
    await told();
    sinks.pods.upsert(changed({ hostname: "nobody remembers this" }));
    sinks.pods.listing();
    sinks.pods.upsert(pod);
    sinks.pods.listed();
    expect(await told()).toEqual([]);
  });

  test("hears what changed, from when it was heard of", async () => {
    follow();
    await join();
    sinks.pods.upsert(pod);
    await told();
    sinks.pods.upsert(changed({ labels: new Map([["team", "red"]]) }));
    const heardMs = clock.nowMs();
    const states = await told();
    expect(states.map((state) => [state.pod.labels.get("team"), state.validFromMs - heardMs <= 1_000])).toEqual([
      ["red", true],
      ["red", true],
    ]);
  });

  test("hears that a run ended, and which came after it", async () => {
    follow();
    await join();
    sinks.pods.upsert(pod);
    await told();
    const again = containerOf({ containerId: `containerd://${ID2}`, restartCount: 1, image: "cart:1" });
    sinks.pods.upsert(changed({ containers: [again] }));
    const endMs = clock.nowMs();
    expect((await told()).map(({ container, validToMs }) => [container?.bareId, validToMs])).toEqual([
      [ID2, undefined],
      [ID1, endMs],
    ]);
  });

  test("hears when a pod and its runs were gone, and that they came back", async () => {
    follow();
    await join();
    sinks.pods.upsert(pod);
    await told();
    sinks.pods.remove(pod);
    const goneMs = clock.nowMs();
    const gone = await told();
    expect(gone.map(({ validFromMs, validToMs }) => [validFromMs, validToMs])).toEqual([
      [CREATED_MS, goneMs],
      [CREATED_MS, goneMs],
    ]);
    sinks.pods.upsert(pod);
    expect((await told()).map(({ validToMs }) => validToMs)).toEqual([undefined, undefined]);
  });

  test("hears of the workload that an owner names when it arrives after its pod", async () => {
    follow();
    await join();
    sinks.pods.upsert(changed({ owners: [ownerOf("ReplicaSet", "odd")] }));
    expect((await told())[0]?.pod.workload).toEqual({ kind: "ReplicaSet", name: "odd" });
    sinks.objects("ReplicaSet").upsert(objectOf("ReplicaSet", "odd", { controller: ownerOf("Rollout", "cart") }));
    expect((await told()).map((state) => state.pod.workload)).toEqual([
      { kind: "Rollout", name: "cart" },
      { kind: "Rollout", name: "cart" },
    ]);
  });

  test("isn't told addresses of the host, nor labels that it didn't ask for", async () => {
    follow({ keys: NOTHING });
    await join();
    sinks.pods.upsert(changed({ hostNetwork: true }));
    const [state] = await told();
    expect([state?.pod.ips, state?.pod.labels.size, state?.pod.revision]).toEqual([[], 0, "66f5996c7c"]);
  });

  test("has what it asks for kept by sources that are opened later", async () => {
    follow();
    await join();
    expect(["team", "pod-template-hash", "controller-revision-hash", "other"].map((key) => kept.label(key))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("follows all directories, until they end", async () => {
    follow();
    const handle = await join("a");
    sinks.pods.upsert(pod);
    await join("b");
    sinks.pods.upsert(changed({ uid: "other", containers: [] }));
    expect((await told()).map((state) => state.pod.uid)).toEqual(["cart-uid", "cart-uid", "other"]);
    await handle.shutdown();
    expect(await told()).toEqual([]);
  });

  test("is told in portions, one after the other", async () => {
    let open = 0;
    follow({
      listener: async (states) => {
        expect(++open).toBe(1);
        batches.push([...states]);
        await Promise.resolve();
        open--;
      },
    });
    await join();
    for (let at = 0; at < 700; at++) sinks.pods.upsert(changed({ uid: `uid-${at}`, containers: [] }));
    await clock.advance(1_000);
    expect(batches.map(({ length }) => length)).toEqual([500, 200]);
  });

  test("that fails is told again, the last state of each", async () => {
    let fails = true;
    follow({
      listener(states) {
        if (fails) throw new Error("disk full");
        batches.push([...states]);
      },
    });
    await join();
    sinks.pods.upsert(pod);
    await clock.advance(300);
    fails = false;
    sinks.pods.upsert(changed({ name: "renamed" }));
    expect((await told()).map((state) => state.pod.name)).toEqual(["renamed", "renamed"]);
    expect(metrics.render()).toContain("podflame_identity_followed_failures_total 1");
  });

  test("that takes too long loses the oldest changes, counted", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    follow({ listener: () => promise, maxWaiting: 2 });
    await join();
    sinks.pods.upsert(pod);
    await clock.advance(300);
    for (let at = 0; at < 5; at++) sinks.pods.upsert(changed({ uid: `uid-${at}`, containers: [] }));
    expect(metrics.render()).toContain("podflame_identity_followed_dropped_total 3");
    resolve();
  });

  test("that stops is told what it didn't hear yet, and nothing after", async () => {
    const following = follow();
    await join();
    sinks.pods.upsert(pod);
    await following.stop();
    expect(batches.flat().length).toBe(2);
    sinks.pods.upsert(changed({ name: "later" }));
    await clock.advance(1_000);
    expect(batches.flat().length).toBe(2);
    expect(clock.pending).toBe(0);
  });
});
