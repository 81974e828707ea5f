import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock, MetricRegistry } from "#telemetry";
import { MIRROR_ANNOTATION } from "../kubernetes/objects.ts";
import { Directory } from "./directory.ts";
import { IdentityView, LONGEST_EXTENSION_MS } from "./identity-view.ts";
import { containerOf, podOf } from "./pod-fixtures.ts";
import { AMBIGUOUS, BY_IP, BY_NAME, podNameKey, type PodIndex } from "./pod-index.ts";
import type { PodRecord } from "./records.ts";

const ID1 = "1".repeat(64);
const ID2 = "2".repeat(64);
const ID3 = "3".repeat(64);
const UID = "f2b3c4d5-0000-4000-8000-0123456789ab";
const OTHER_UID = "f2b3c4d5-0000-4000-8000-0123456789ac";
const GRACE_MS = 120_000;

let clock: ManualClock;
let metrics: MetricRegistry;
let directory: Directory;
let view: IdentityView;
let byIp: PodIndex;

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  directory = new Directory({ telemetry: { clock, metrics } });
  directory.keepFor(GRACE_MS);
  view = new IdentityView(directory, GRACE_MS, clock);
  byIp = directory.openIndex(BY_IP);
});

function container(id: string): string | undefined {
  const bytes = Buffer.from(id);
  return view.container(bytes, 0, bytes.length)?.container.name;
}

function uid(text: string): PodRecord | undefined {
  const bytes = Buffer.from(text);
  return view.uid(bytes, 0, bytes.length);
}

function ip(text: string): string | undefined {
  const found = view.in(byIp, text);
  return found === AMBIGUOUS ? "ambiguous" : found?.pod.name;
}

describe("a static pod", () => {
  const STATIC_UID = "0123456789abcdef0123456789abcdef";
  const mirror = podOf({ uid: UID, name: "mirror", annotations: new Map([[MIRROR_ANNOTATION, STATIC_UID]]) });

  test("is found by the uid that it has on its node, and by the API's", () => {
    directory.upsert(mirror);
    expect([uid(STATIC_UID)?.pod.name, uid(UID)?.pod.name]).toEqual(["mirror", "mirror"]);
  });

  test("whose mirror is made anew is the new one, also after the old one's grace period", async () => {
    directory.upsert(mirror);
    directory.remove(mirror);
    directory.upsert({ ...mirror, uid: OTHER_UID, name: "again" });
    expect(uid(STATIC_UID)?.pod.name).toBe("again");
    await clock.advance(GRACE_MS * 2);
    expect([uid(STATIC_UID)?.pod.name, uid(UID)]).toEqual(["again", undefined]);
  });

  test("that loses the annotation loses the uid", () => {
    directory.upsert(mirror);
    directory.upsert({ ...mirror, annotations: new Map() });
    expect([uid(STATIC_UID), uid(UID)?.pod.name]).toEqual([undefined, "mirror"]);
  });

  test("can't take the uid of a pod that really has it", () => {
    directory.upsert(podOf({ uid: STATIC_UID, name: "real" }));
    directory.upsert(mirror);
    expect(uid(STATIC_UID)?.pod.name).toBe("real");
    directory.remove(mirror);
    expect(uid(STATIC_UID)?.pod.name).toBe("real");
  });
});

describe("keys of a pod", () => {
  test("IDN-2: every container is found by its id, in any spelling, and so is the pod by its uid", () => {
    directory.upsert(
      podOf({
        uid: UID,
        containers: [
          containerOf({ name: "app", containerId: `containerd://${ID1}` }),
          containerOf({ name: "setup", kind: "init", containerId: `cri-o://${ID2}` }),
          containerOf({ name: "debug", kind: "ephemeral", containerId: `docker://${ID3}` }),
        ],
      }),
    );
    expect([ID1, `docker://${ID2}`, `/kubepods/pod${UID}/${ID3}`].map(container)).toEqual(["app", "setup", "debug"]);
    expect(uid(UID)).toBe(uid(UID.replaceAll("-", "_")));
    expect(uid(UID)).toBeDefined();
    expect(directory.keys).toBe(4);
  });

  test("a container that waits has no key", () => {
    directory.upsert(podOf({ uid: UID, containers: [containerOf({ containerId: "" })] }));
    expect(container("")).toBeUndefined();
    expect(directory.keys).toBe(1);
  });

  test("ids and uids of odd forms are found by their text", () => {
    directory.upsert(podOf({ uid: "uid-1", containers: [containerOf({ containerId: "rkt://one" })] }));
    expect(container("one")).toBe("app");
    expect(uid("uid-1")).toBeDefined();
    expect(uid("uid-2")).toBeUndefined();
  });

  test("IDN-4: a pod without uid is found by its address", () => {
    directory.upsert(podOf({ name: "a", podIps: ["1.1.1.1"] }));
    expect(ip("1.1.1.1")).toBe("a");
  });

  test("IDN-7: an empty object leaves no key and is counted", () => {
    directory.upsert(podOf());
    expect(directory.keys).toBe(0);
    expect(metrics.value("podflame_identity_evicted", { directory: "pods", reason: "no_uid_no_name" })).toBe(1);
  });

  test("IDN-8: a pod on the host's network isn't found by address", () => {
    directory.upsert(podOf({ uid: UID, hostNetwork: true, podIps: ["10.0.0.1"] }));
    expect(ip("10.0.0.1")).toBeUndefined();
    expect(uid(UID)).toBeDefined();
  });

  test("IDN-9: a pod gains its address while it starts, and every key leads to the latest state", () => {
    directory.upsert(podOf({ uid: UID, name: "a" }));
    directory.upsert(podOf({ uid: UID, name: "a", startedMs: 1 }));
    expect(directory.keys).toBe(1);
    directory.upsert(podOf({ uid: UID, name: "a", startedMs: 1, podIps: ["1.1.1.1", "fd00::1"] }));
    expect(directory.keys).toBe(3);
    expect(ip("fd00::1")).toBe("a");
    expect(uid(UID)?.pod.podIps).toEqual(["1.1.1.1", "fd00::1"]);
  });

  test("an index opened late knows the pods that were there", () => {
    directory.upsert(podOf({ uid: UID, namespace: "shop", name: "a" }));
    const byName = directory.openIndex(BY_NAME);
    expect(view.in(byName, podNameKey("shop", "a"))).toBe(uid(UID));
    expect(directory.openIndex(BY_NAME)).toBe(byName);
    const keys = directory.keys;
    directory.closeIndex(byName);
    expect(directory.keys).toBe(keys);
    directory.closeIndex(byName);
    expect(directory.keys).toBe(keys - 1);
  });
});

describe("restarts", () => {
  const before = podOf({ uid: UID, containers: [containerOf({ containerId: `containerd://${ID1}`, image: "app:1" })] });
  const restarted = (current: string, previous: string, restartCount: number): ReturnType<typeof podOf> =>
    podOf({
      uid: UID,
      containers: [
        containerOf({
          containerId: current,
          previousContainerId: previous,
          restartCount,
          image: `app:${restartCount}`,
        }),
      ],
    });

  test("the previous run in lastState is known from the first list on", () => {
    directory.upsert(restarted(ID2, ID1, 3));
    expect(container(ID1)).toBe("app");
    expect(uid(UID)?.run("app", 2)?.id).toBe(ID1);
    expect(uid(UID)?.current("app")?.id).toBe(ID2);
  });

  test("IDN-13: an id that the pod no longer mentions stays for the grace period", async () => {
    directory.upsert(before);
    directory.upsert(restarted(ID2, `containerd://${ID1}`, 1));
    directory.upsert(restarted(ID3, ID2, 2));
    expect([ID1, ID2, ID3].map(container)).toEqual(["app", "app", "app"]);
    await clock.advance(GRACE_MS);
    expect(uid(UID)?.instances).toHaveLength(3);
    await clock.advance(2_000);
    expect([ID1, ID2, ID3].map(container)).toEqual([undefined, "app", "app"]);
    expect(uid(UID)?.instances).toHaveLength(2);
    directory.remove(restarted(ID3, ID2, 2));
    await clock.advance(GRACE_MS + 1_000);
    expect(directory.keys).toBe(0);
  });

  test("an earlier run keeps the image it ran, where that was seen", () => {
    directory.upsert(before);
    directory.upsert(restarted(ID2, ID1, 1));
    expect(uid(UID)?.instances.map((run) => [run.current, run.restartCount, run.container.image])).toEqual([
      [true, 1, "app:1"],
      [false, 0, "app:1"],
    ]);
    directory.upsert(restarted(ID3, ID2, 2));
    expect(uid(UID)?.run("app", 1)?.container.image).toBe("app:1");
    expect(uid(UID)?.current("app")?.container.image).toBe("app:2");
  });

  test("a container in back-off, whose status repeats the id of the ended run, is one run", () => {
    directory.upsert(restarted(ID1, ID1, 1));
    expect(uid(UID)?.instances).toHaveLength(1);
  });

  test("a container that waits for its next start has a run without id, which then gets one", () => {
    directory.upsert(before);
    directory.upsert(restarted("", ID1, 1));
    expect(uid(UID)?.current("app")?.id).toBe("");
    directory.upsert(restarted(ID2, ID1, 1));
    expect(uid(UID)?.instances).toHaveLength(2);
    expect(container(ID2)).toBe("app");
  });
});

describe("what is gone", () => {
  test("DEL-1: a pod that isn't known can't be deleted", () => {
    directory.upsert(podOf({ uid: UID, podIps: ["1.1.1.1"] }));
    directory.remove(podOf({ uid: OTHER_UID, podIps: ["1.1.1.1"] }));
    directory.remove(podOf());
    expect(uid(UID)).toBeDefined();
    expect(clock.pending).toBe(0);
  });

  test("DEL-4, IDN-14: a deleted pod is found until the grace period ends, and leaves nothing", async () => {
    directory.upsert(
      podOf({ uid: UID, name: "a", podIps: ["1.1.1.1"], containers: [containerOf({ containerId: ID1 })] }),
    );
    // As deletes are reported at times: without what the pod had.
    directory.remove(podOf({ uid: UID }));
    expect([ip("1.1.1.1"), container(ID1), uid(UID)?.pod.name]).toEqual(["a", "app", "a"]);
    await clock.advance(GRACE_MS + 1);
    expect([ip("1.1.1.1"), container(ID1), uid(UID)?.pod.name]).toEqual([undefined, undefined, undefined]);
    await clock.advance(2_000);
    expect([directory.keys, directory.size, clock.pending]).toEqual([0, 0, 0]);
  });

  describe("and is still asked for", () => {
    beforeEach(() => {
      directory.upsert(
        podOf({ uid: UID, name: "a", podIps: ["1.1.1.1"], containers: [containerOf({ containerId: ID1 })] }),
      );
      directory.remove(podOf({ uid: UID }));
    });

    test("stays by its uid and its containers' ids, but not by an address, which others may have", async () => {
      for (let asked = 0; asked < 5; asked++) {
        await clock.advance(GRACE_MS);
        expect([container(ID1), uid(UID)?.pod.name]).toEqual(["app", "a"]);
      }
      expect(ip("1.1.1.1")).toBeUndefined();
      await clock.advance(GRACE_MS + 1);
      expect([container(ID1), uid(UID)]).toEqual([undefined, undefined]);
      await clock.advance(2_000);
      expect([directory.keys, directory.size, clock.pending]).toEqual([0, 0, 0]);
    });

    test("is forgotten in the end", async () => {
      let lastFoundMs = 0;
      for (let goneMs = 0; goneMs <= 2 * LONGEST_EXTENSION_MS; goneMs += GRACE_MS) {
        if (uid(UID) !== undefined) lastFoundMs = goneMs;
        await clock.advance(GRACE_MS);
      }
      expect(lastFoundMs).toBe(LONGEST_EXTENSION_MS);
      expect([directory.size, clock.pending]).toEqual([0, 0]);
    });

    test("goes before others when there is no room, if it wasn't asked for as late as they were", async () => {
      const small = new Directory({ telemetry: { clock, metrics }, maxPods: 2 });
      const sees = new IdentityView(small, GRACE_MS, clock);
      small.keepFor(GRACE_MS);
      const names = (): (string | undefined)[] =>
        [UID, OTHER_UID].map((text) => sees.uid(Buffer.from(text), 0, text.length)?.pod.name);
      for (const [podUid, name] of [
        [UID, "asked"],
        [OTHER_UID, "other"],
      ] as const) {
        small.upsert(podOf({ uid: podUid, name }));
        small.remove(podOf({ uid: podUid }));
        await clock.advance(1_000);
      }
      await clock.advance(GRACE_MS - 2_000);
      sees.uid(Buffer.from(UID), 0, UID.length);
      // The first one's grace period would have ended by now.
      await clock.advance(500);
      small.upsert(podOf({ uid: "new", name: "new" }));
      expect(names()).toEqual(["asked", undefined]);
      small.close();
    });
  });

  test("a user with a shorter grace period doesn't see what is kept for another", async () => {
    const strict = new IdentityView(directory, 0, clock);
    directory.upsert(podOf({ uid: UID, podIps: ["1.1.1.1"], containers: [containerOf({ containerId: ID1 })] }));
    directory.remove(podOf({ uid: UID }));
    await clock.advance(1);
    expect(strict.container(Buffer.from(ID1), 0, 64)).toBeUndefined();
    expect(strict.in(byIp, "1.1.1.1")).toBeUndefined();
    expect(container(ID1)).toBe("app");
  });

  test("IDN-15: a key that comes back within the grace period is not removed when that ends", async () => {
    const withIp = podOf({ uid: UID, name: "a", podIps: ["1.1.1.1"] });
    directory.upsert(withIp);
    directory.upsert(podOf({ uid: UID, name: "a" }));
    await clock.advance(GRACE_MS / 2);
    expect(ip("1.1.1.1")).toBe("a");
    directory.upsert(withIp);
    await clock.advance(GRACE_MS * 2);
    expect(ip("1.1.1.1")).toBe("a");
  });

  test("a pod that comes back within the grace period stays", async () => {
    const pod = podOf({ uid: UID, containers: [containerOf({ containerId: ID1 })] });
    directory.upsert(pod);
    directory.remove(pod);
    await clock.advance(GRACE_MS / 2);
    directory.upsert(pod);
    await clock.advance(GRACE_MS * 2);
    expect(container(ID1)).toBe("app");
  });

  test("what a new list doesn't mention is deleted, and until the list is complete everything stays known", async () => {
    directory.listing();
    directory.upsert(podOf({ uid: UID, name: "stays" }));
    directory.upsert(podOf({ uid: OTHER_UID, name: "goes" }));
    expect(directory.isSynced).toBe(false);
    directory.listed();
    await directory.synced;
    directory.listing();
    directory.upsert(podOf({ uid: UID, name: "stays" }));
    await clock.advance(GRACE_MS * 2);
    expect(uid(OTHER_UID)).toBeDefined();
    directory.listed();
    await clock.advance(GRACE_MS * 2);
    expect(uid(OTHER_UID)).toBeUndefined();
    expect(uid(UID)?.pod.name).toBe("stays");
    expect(metrics.value("otelcol_k8s_watcher_pod_deleted")).toBe(1);
  });
});

describe("an address that several pods claim", () => {
  test("IDN-10: goes to the pod that started later, whatever the order of the events", () => {
    directory.upsert(podOf({ uid: UID, name: "young", startedMs: 20_000, podIps: ["1.1.1.1"] }));
    directory.upsert(podOf({ uid: OTHER_UID, name: "old", startedMs: 10_000, podIps: ["1.1.1.1"] }));
    expect(ip("1.1.1.1")).toBe("young");
    expect(uid(OTHER_UID)?.pod.name).toBe("old");
  });

  test("DEL-5: goes to a live pod rather than to one in its grace period, and stays with it", async () => {
    directory.upsert(podOf({ uid: UID, name: "gone", startedMs: 20_000, podIps: ["1.1.1.1"] }));
    directory.remove(podOf({ uid: UID }));
    directory.upsert(podOf({ uid: OTHER_UID, name: "live", startedMs: 10_000, podIps: ["1.1.1.1"] }));
    expect(ip("1.1.1.1")).toBe("live");
    await clock.advance(GRACE_MS * 2);
    expect(ip("1.1.1.1")).toBe("live");
    expect(byIp.size).toBe(1);
  });

  test("is ambiguous between two live pods of the same age, and counted", () => {
    directory.upsert(podOf({ uid: UID, name: "a", startedMs: 10_000, podIps: ["1.1.1.1"] }));
    directory.upsert(podOf({ uid: OTHER_UID, name: "b", startedMs: 10_000, podIps: ["1.1.1.1"] }));
    expect(ip("1.1.1.1")).toBe("ambiguous");
    expect(metrics.value("podflame_identity_ambiguous")).toBe(1);
    directory.remove(podOf({ uid: UID }));
    expect(ip("1.1.1.1")).toBe("b");
  });

  test("a key that needn't be exclusive goes to the youngest, or to any of them", () => {
    const byNode = directory.openIndex({ name: "node", keysOf: (pod) => [pod.nodeName], exclusive: false });
    directory.upsert(podOf({ uid: UID, name: "a", nodeName: "n", startedMs: 1 }));
    directory.upsert(podOf({ uid: OTHER_UID, name: "b", nodeName: "n", startedMs: 1 }));
    expect(view.in(byNode, "n")).toBe(uid(UID));
  });
});

describe("a clock that is an hour off", () => {
  const HOUR_MS = 3_600_000;
  const at = (text: string, timeMs: number): string | undefined => {
    const found = view.in(byIp, text, { timeMs });
    return found === AMBIGUOUS ? "ambiguous" : found?.pod.name;
  };

  test.each([
    ["behind", -HOUR_MS],
    ["ahead", HOUR_MS],
  ])("%s, at a sender, does no harm where one pod has the address, nor to ids", (_which, offMs) => {
    const startedMs = clock.nowMs() - 10_000;
    directory.upsert(
      podOf({
        uid: UID,
        name: "cart",
        startedMs,
        podIps: ["1.1.1.1"],
        containers: [containerOf({ containerId: ID1 })],
      }),
    );
    expect([at("1.1.1.1", clock.nowMs() + offMs), container(ID1), uid(UID)?.pod.name]).toEqual(["cart", "app", "cart"]);
  });

  test("at a sender costs a name, and gives none that is another's, where an address has passed on", async () => {
    const startedMs = clock.nowMs() - 10_000;
    directory.upsert(podOf({ uid: UID, name: "old", startedMs, podIps: ["1.1.1.1"] }));
    directory.remove(podOf({ uid: UID }));
    await clock.advance(5_000);
    directory.upsert(podOf({ uid: OTHER_UID, name: "new", startedMs: clock.nowMs(), podIps: ["1.1.1.1"] }));
    await clock.advance(5_000);
    expect(at("1.1.1.1", clock.nowMs())).toBe("new");
    expect(at("1.1.1.1", clock.nowMs() - HOUR_MS)).toBeUndefined();
    // Its data of now, of which it says that it is of an hour ahead, can only be the one's who has the address.
    expect(at("1.1.1.1", clock.nowMs() + HOUR_MS)).toBe("new");
  });

  test.each([
    ["behind", -HOUR_MS],
    ["ahead", HOUR_MS],
  ])("%s, of ours against the API server's, keeps nobody from being named while he is there", (_which, offMs) => {
    const startedMs = clock.nowMs() + offMs;
    directory.upsert(podOf({ uid: UID, name: "cart", startedMs, createdMs: startedMs, podIps: ["1.1.1.1"] }));
    expect([at("1.1.1.1", clock.nowMs()), uid(UID)?.pod.name]).toEqual(["cart", "cart"]);
  });
});

describe("bounds", () => {
  test("pods beyond the limit push out deleted ones, and are refused where there are none", () => {
    directory = new Directory({ telemetry: { clock, metrics }, name: "small", maxPods: 2 });
    directory.keepFor(GRACE_MS);
    view = new IdentityView(directory, GRACE_MS, clock);
    for (const name of ["a", "b", "c"]) directory.upsert(podOf({ uid: name, name }));
    expect([uid("a"), uid("b"), uid("c")].map((record) => record?.pod.name)).toEqual(["a", "b", undefined]);
    directory.remove(podOf({ uid: "a" }));
    directory.upsert(podOf({ uid: "c", name: "c" }));
    expect([uid("a"), uid("b"), uid("c")].map((record) => record?.pod.name)).toEqual([undefined, "b", "c"]);
    const evicted = (reason: string): number | undefined =>
      metrics.value("podflame_identity_evicted", { directory: "small", reason });
    expect([evicted("limit_new_pod"), evicted("limit_deleted_pod")]).toEqual([1, 1]);
  });

  test("10,000 pods that come and go leave nothing behind", async () => {
    for (let number = 0; number < 10_000; number++) {
      const id = number.toString(16).padStart(64, "0");
      directory.upsert(
        podOf({ uid: `${number}`, podIps: [`10.0.0.${number % 250}`], containers: [containerOf({ containerId: id })] }),
      );
    }
    expect(container((9_999).toString(16).padStart(64, "0"))).toBe("app");
    directory.listing();
    directory.listed();
    await clock.advance(GRACE_MS + 2_000);
    expect([directory.keys, directory.size, clock.pending]).toEqual([0, 0, 0]);
  });
});

describe("slots", () => {
  test("are emptied when the pod changes, and only then", () => {
    const slot = directory.openSlot("attributes");
    expect(directory.openSlot("attributes")).toBe(slot);
    expect(directory.openSlot("others")).not.toBe(slot);
    const pod = podOf({ uid: UID, labels: new Map([["a", "1"]]), containers: [containerOf({ containerId: ID1 })] });
    directory.upsert(pod);
    uid(UID)!.put(slot, "of the pod");
    uid(UID)!.instances[0]!.put(slot, "of the run");
    directory.upsert({ ...pod, labels: new Map([["a", "1"]]) });
    expect(uid(UID)!.get(slot)).toBe("of the pod");
    directory.upsert({ ...pod, labels: new Map([["a", "2"]]) });
    expect(uid(UID)!.get(slot)).toBeUndefined();
    expect(uid(UID)!.instances[0]!.get(slot)).toBeUndefined();
  });

  test("are emptied when their last user goes, and used again", () => {
    const slot = directory.openSlot("attributes");
    directory.openSlot("attributes");
    directory.upsert(podOf({ uid: UID }));
    uid(UID)!.put(slot, "kept");
    directory.closeSlot("attributes");
    expect(uid(UID)!.get(slot)).toBe("kept");
    directory.closeSlot("attributes");
    expect(uid(UID)!.get(slot)).toBeUndefined();
    expect(directory.openSlot("others")).toBe(slot);
  });
});
