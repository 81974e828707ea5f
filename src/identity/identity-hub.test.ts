import { beforeEach, describe, expect, test } from "vitest";
import type { KeyFilter, MetadataObject, ObjectKind, PodObject, ReflectorSink } from "#kubernetes";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { type IdentityHandle, IdentityHub, type IdentityNeeds } from "./identity-hub.ts";
import { type ObjectNeeds, united, type Wanted } from "./object-needs.ts";
import { objectOf, podOf } from "./pod-fixtures.ts";
import type { PodSource } from "./pod-source.ts";

/** What the hub did with its sources, and the sink and filter of the last. */
let log: string[];
let sink: ReflectorSink<PodObject>;
let keys: KeyFilter;
let objects: ObjectNeeds;
let clock: ManualClock;
let hub: IdentityHub;
let failure: Error | undefined;

beforeEach(() => {
  log = [];
  failure = undefined;
  clock = new ManualClock();
  hub = new IdentityHub({
    telemetry: { clock, metrics: new MetricRegistry(), logger: silentLogger },
    open(settings, wanted, sinks): Promise<PodSource> {
      if (failure) return Promise.reject(failure);
      const from = settings.kind === "file" ? settings.path : "api";
      log.push(`open ${from}`);
      sink = sinks.pods;
      ({ keys, objects } = wanted);
      return Promise.resolve({
        state: () => ({ from, synced: false, lastError: "refused" }),
        stop: () => Promise.resolve(void log.push(`stop ${from}`)),
      });
    },
  });
});

function needs(path: string, label: string, graceMs = 0): IdentityNeeds {
  return {
    source: { kind: "file", path },
    keys: { label: (key) => key === label, annotation: () => false },
    keysName: label,
    graceMs,
  };
}

describe("IdentityHub", () => {
  test("users of equal sources share one directory, and their wishes are united before it is filled", async () => {
    const a = hub.join(needs("pods", "a"));
    const b = hub.join(needs("pods", "b"));
    const other = hub.join(needs("others", "a"));
    expect(a.view.directory).toBe(b.view.directory);
    expect(a.view.directory).not.toBe(other.view.directory);
    await Promise.all([a.start(), b.start()]);
    expect(log).toEqual(["open pods"]);
    expect(["a", "b", "c"].map((key) => keys.label(key))).toEqual([true, true, false]);
    await a.shutdown();
    await a.shutdown();
    expect(log).toEqual(["open pods"]);
    await b.shutdown();
    expect(log).toEqual(["open pods", "stop pods"]);
    await other.shutdown();
    expect(hub.directories).toBe(0);
  });

  test("a user that comes later reopens the source only for wishes that are new", async () => {
    const a = hub.join(needs("pods", "a"));
    await a.start();
    sink.listing();
    sink.upsert(podOf({ uid: "u", name: "known" }));
    sink.listed();
    await hub.join(needs("pods", "a")).start();
    expect(log).toEqual(["open pods"]);
    await hub.join(needs("pods", "b")).start();
    expect(log).toEqual(["open pods", "stop pods", "open pods"]);
    expect(["a", "b"].map((key) => keys.label(key))).toEqual([true, true]);
    // What was known stays known while the list runs again.
    expect(a.view.uid(Buffer.from("u"), 0, 1)?.pod.name).toBe("known");
    await hub.shutdown();
    expect(log.at(-1)).toBe("stop pods");
  });

  test("kinds of objects that any user wants are followed, with what all of them want to know", async () => {
    const wants = (label: string, ...kinds: ObjectKind[]): IdentityNeeds => ({
      ...needs("pods", label),
      objects: new Map(
        kinds.map((kind) => [kind, { keys: { label: (key) => key === label, annotation: () => false } }]),
      ),
    });
    const a = hub.join(wants("a", "Namespace"));
    const b = hub.join(wants("b", "Namespace", "Node"));
    await Promise.all([a.start(), b.start()]);
    expect([...objects.keys()]).toEqual(["Namespace", "Node"]);
    const { keys: namespaceKeys } = objects.get("Namespace")!;
    expect(["a", "b", "c"].map((key) => namespaceKeys.label(key))).toEqual([true, true, false]);
    // Pods decide whether waiting is over in time; what else is missing is named.
    sink.listing();
    sink.listed();
    const waiting = a.waitForSync(1_000);
    await clock.advance(1_000);
    expect(await waiting).toEqual({ synced: true, missing: ["Namespace", "Node"] });
    await hub.shutdown();
  });

  test("of one kind only one object is followed where all want the same one", () => {
    const keys = { label: () => false, annotation: () => false };
    const wanted = (only?: string): Wanted => ({ keys, objects: new Map([["Namespace", { keys, only }]]) });
    const only = (...all: Wanted[]): string | undefined => united(all).objects.get("Namespace")?.only;
    expect(only(wanted("kube-system"), wanted("kube-system"), { keys, objects: new Map() })).toBe("kube-system");
    expect(only(wanted("kube-system"), wanted("default"))).toBeUndefined();
    expect(only(wanted("kube-system"), wanted())).toBeUndefined();
  });

  test("each user sees its own grace period", async () => {
    const short = hub.join(needs("pods", "a", 1_000));
    const long = hub.join(needs("pods", "a", 60_000));
    await short.start();
    sink.upsert(podOf({ uid: "u" }));
    sink.remove(podOf({ uid: "u" }));
    await clock.advance(2_000);
    const uid = Buffer.from("u");
    expect([short.view.uid(uid, 0, 1), long.view.uid(uid, 0, 1)?.pod.uid]).toEqual([undefined, "u"]);
    await hub.shutdown();
  });

  test("waiting for the first list ends with it, or says what the source last said", async () => {
    const handle = hub.join(needs("pods", "a"));
    await handle.start();
    const early = handle.waitForSync(1_000);
    await clock.advance(1_000);
    expect(await early).toEqual({ synced: false, state: { from: "pods", synced: false, lastError: "refused" } });
    const late = handle.waitForSync(1_000);
    sink.listing();
    sink.listed();
    expect(await late).toEqual({ synced: true, missing: [] });
    await clock.advance(0);
    expect(clock.pending).toBe(0);
    await hub.shutdown();
  });

  test("waiting ends when its user leaves", async () => {
    const handle = hub.join(needs("pods", "a"));
    await handle.start();
    const waiting = handle.waitForSync(60_000);
    await handle.shutdown();
    expect((await waiting).synced).toBe(false);
  });

  test("a source that can't be opened fails the start, and can be tried again", async () => {
    const handle = hub.join(needs("pods", "a"));
    failure = new Error("no such file");
    await expect(handle.start()).rejects.toThrow("no such file");
    failure = undefined;
    await handle.start();
    expect(log).toEqual(["open pods"]);
    await handle.shutdown();
  });

  test("a user that never started can leave", async () => {
    await hub.join(needs("pods", "a")).shutdown();
    expect([log, hub.directories]).toEqual([[], 0]);
  });

  describe("of a process that loads its configuration anew", () => {
    const life = {};
    const next = async (from = "pods", owner: object = life): Promise<IdentityHandle> => {
      hub = new IdentityHub({
        telemetry: { clock, metrics: new MetricRegistry(), logger: silentLogger },
        process: owner,
        open(_settings, wanted, sinks) {
          sink = sinks.pods;
          for (const kind of wanted.objects.keys()) objectSink = sinks.objects(kind);
          const state = { from, synced: false, lastError: undefined };
          return Promise.resolve({ state: () => state, stop: () => Promise.resolve() });
        },
      });
      const keys: KeyFilter = { label: () => false, annotation: () => false };
      const handle = hub.join({ ...needs(from, "a", 60_000), objects: new Map([["Namespace", { keys }]]) });
      await handle.start();
      return handle;
    };
    let objectSink: ReflectorSink<MetadataObject>;
    const knows = (handle: IdentityHandle, uid: string): boolean =>
      handle.view.uid(Buffer.from(uid), 0, uid.length) !== undefined;

    test("knows at once what it knew, until the lists say otherwise", async () => {
      await next();
      objectSink.upsert(objectOf("Namespace", "shop"));
      for (const uid of ["here", "gone", "going"]) sink.upsert(podOf({ uid, namespace: "shop" }));
      sink.remove(podOf({ uid: "gone" }));
      await hub.shutdown();
      const after = await next();
      expect(["here", "gone", "going"].map((uid) => knows(after, uid))).toEqual([true, true, true]);
      expect(after.view.object("Namespace", "shop")?.object?.name).toBe("shop");
      expect(after.view.directory.isSynced).toBe(false);
      sink.listing();
      sink.upsert(podOf({ uid: "here" }));
      sink.listed();
      await clock.advance(62_000);
      expect(["here", "gone", "going"].map((uid) => knows(after, uid))).toEqual([true, false, false]);
      await hub.shutdown();
      await clock.advance(60_000);
      expect(clock.pending).toBe(0);
    });

    test("begins with nothing from another source, in another process, or after a minute", async () => {
      await next();
      sink.upsert(podOf({ uid: "here" }));
      await hub.shutdown();
      for (const [from, owner] of [
        ["others", life],
        ["pods", {}],
      ] as const) {
        expect(knows(await next(from, owner), "here")).toBe(false);
        await hub.shutdown();
      }
      await next();
      sink.upsert(podOf({ uid: "here" }));
      await hub.shutdown();
      await clock.advance(60_000);
      expect(knows(await next(), "here")).toBe(false);
    });
  });
});
