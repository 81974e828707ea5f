import { describe, expect, test } from "vitest";
import type { IdentityEntry, IdentityKey, ProfileStore } from "../profile-store.ts";
import { byLabel, totalOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { requestOf } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const HIT = 50_000_000;
const CONTAINER = "c0ffee".padEnd(64, "0");
const ADDRESS = "10.1.2.3";

/** Names join at read time. */
export function identitySuite({ open, settle }: SuiteContext): void {
  const sampled = async (store: ProfileStore, resource: Record<string, string>, ...times: number[]): Promise<void> => {
    const samples = times.map((time) => ({ stack: ["main"], time }));
    await store.append({ bytes: await requestOf({ resource, samples }), receivedAt: START });
    await settle(store);
  };
  const told = async (store: ProfileStore, ...entries: readonly IdentityEntry[]): Promise<void> => {
    await store.recordIdentity(entries);
    await settle(store);
  };

  describe("identity", () => {
    test("a container that nobody named says so, and can be selected by that", async () => {
      const store = await open();
      await sampled(store, { "container.id": CONTAINER }, minutes(1));
      const [span] = await store.resolve([{ name: "named", op: "=", value: "false" }], HOUR, "cpu");
      expect(span?.labels.get("container_id")).toBe(CONTAINER);
      expect(span?.labels.get("origin")).toBe("container");
    });

    test("a name that comes an hour late names the past", async () => {
      const store = await open();
      await sampled(store, { "container.id": CONTAINER }, minutes(1));
      await told(store, named("container.id", CONTAINER, minutes(58), "cart"));
      expect(await byLabel(store, { from: START, to: minutes(5) }, "pod")).toEqual({ cart: HIT });
      const selector = [
        { name: "namespace", op: "=", value: "shop" },
        { name: "named", op: "=", value: "true" },
      ] as const;
      expect(await totalOf(store, HOUR, { selector })).toBe(HIT);
    });

    test("a name that is known before the first sample is there at once", async () => {
      const store = await open();
      await told(store, named("container.id", CONTAINER, minutes(-30), "cart"));
      await sampled(store, { "container.id": CONTAINER }, minutes(1));
      expect(await byLabel(store, HOUR, "pod")).toEqual({ cart: HIT });
    });

    test("a pod's uid names its containers", async () => {
      const store = await open();
      const uid = "4f1d7d1e-0000-4000-8000-000000000001";
      await sampled(store, { "container.id": CONTAINER, "k8s.pod.uid": uid }, minutes(1));
      await told(store, named("k8s.pod.uid", uid, minutes(10), "cart"));
      expect(await byLabel(store, HOUR, "pod")).toEqual({ cart: HIT });
    });

    test("what a sender knew of a container names all of its samples", async () => {
      const store = await open();
      await sampled(store, { "container.id": CONTAINER }, minutes(1));
      const known = { "k8s.namespace.name": "shop", "k8s.pod.name": "cart-1", "k8s.deployment.name": "cart" };
      await sampled(store, { "container.id": CONTAINER, ...known }, minutes(20));
      expect(await byLabel(store, HOUR, "pod")).toEqual({ "cart-1": 2 * HIT });
      expect(await byLabel(store, HOUR, "workload_name")).toEqual({ cart: 2 * HIT });
      expect(await byLabel(store, HOUR, "workload_kind")).toEqual({ Deployment: 2 * HIT });
    });

    test("labels that changed split the time, and each part has its own", async () => {
      const store = await open();
      await sampled(store, { "container.id": CONTAINER }, minutes(5), minutes(25), minutes(35));
      const entry = named("container.id", CONTAINER, minutes(-10), "cart");
      const later = { ...entry, validFrom: minutes(30), attributes: extended(entry, "k8s.pod.label.team", "blue") };
      const earlier = { ...entry, attributes: extended(entry, "k8s.pod.label.team", "red") };
      // In the wrong order, and one of them twice.
      await told(store, later);
      await told(store, earlier, later);
      expect(await byLabel(store, HOUR, "k8s_pod_label_team")).toEqual({ red: 2 * HIT, blue: HIT });
      expect(await byLabel(store, { from: minutes(30), to: minutes(40) }, "k8s_pod_label_team")).toEqual({ blue: HIT });
      const spans = await store.resolve([], HOUR, "cpu");
      expect(spans.map(({ from, to }) => [from, to])).toEqual([
        [HOUR.from, minutes(30)],
        [minutes(30), HOUR.to],
      ]);
    });

    test("a pod that is gone keeps its name in the past, and nobody else gets it", async () => {
      const store = await open();
      await told(store, named("container.id", CONTAINER, minutes(0), "cart-1", minutes(20)));
      await sampled(store, { "container.id": CONTAINER }, minutes(5), minutes(19));
      const successor = CONTAINER.replace("c0ffee", "c0ffed");
      await told(store, named("container.id", successor, minutes(21), "cart-2"));
      await sampled(store, { "container.id": successor }, minutes(25));
      expect(await byLabel(store, HOUR, "pod")).toEqual({ "cart-1": 2 * HIT, "cart-2": HIT });
      expect((await store.labelValues("pod", [], { from: minutes(21), to: minutes(60) }, 10)).values).toEqual([
        "cart-2",
      ]);
    });

    test("two pods that had one address never mix", async () => {
      const store = await open();
      await sampled(store, { "k8s.pod.ip": ADDRESS, "service.name": "s" }, minutes(5), minutes(25), minutes(45));
      await told(
        store,
        named("k8s.pod.ip", ADDRESS, minutes(0), "first", minutes(20)),
        named("k8s.pod.ip", ADDRESS, minutes(40), "second", minutes(60)),
      );
      expect(await byLabel(store, HOUR, "pod")).toEqual({ first: HIT, "": HIT, second: HIT });
    });

    test("where two pods claim one address nobody is named", async () => {
      const store = await open();
      await sampled(store, { "k8s.pod.ip": ADDRESS, "service.name": "s" }, minutes(5), minutes(25), minutes(45));
      await told(
        store,
        named("k8s.pod.ip", ADDRESS, minutes(0), "first", minutes(30)),
        named("k8s.pod.ip", ADDRESS, minutes(20), "second", minutes(60)),
      );
      expect(await byLabel(store, HOUR, "pod")).toEqual({ first: HIT, "": HIT, second: HIT });
    });

    test("without a container the resource's own attributes are the labels", async () => {
      const store = await open();
      const resource = { "host.name": "node-a", "process.executable.name": "kubelet", "process.pid": "7" };
      await sampled(store, resource, minutes(1));
      await sampled(store, { ...resource, "process.pid": "8" }, minutes(2));
      const spans = await store.resolve([], HOUR, "cpu");
      expect(spans).toHaveLength(1);
      expect(spans[0]!.labels.get("process_executable_name")).toBe("kubelet");
      expect(spans[0]!.labels.get("origin")).toBe("host");
      expect(await totalOf(store, HOUR)).toBe(2 * HIT);
    });

    test("lists of texts count: of an image's tags one is the revision, where nothing says more", async () => {
      const store = await open();
      const resource = { "container.id": CONTAINER, "k8s.pod.name": "cart-1", "container.image.tags": ["1.2.3"] };
      const samples = [{ stack: ["main"], time: minutes(1) }];
      await store.append({ bytes: await requestOf({ resource, samples }), receivedAt: START });
      await settle(store);
      expect(await byLabel(store, HOUR, "revision")).toEqual({ "1.2.3": HIT });
    });

    test("samples of whom nothing is known are unattributed", async () => {
      const store = await open();
      await sampled(store, {}, minutes(1));
      expect(await byLabel(store, HOUR, "origin")).toEqual({ unattributed: HIT });
    });

    test("a container is one whatever its runtime calls it, and one in each cluster", async () => {
      const store = await open();
      await sampled(store, { "container.id": CONTAINER, "k8s.cluster.name": "east" }, minutes(1));
      await sampled(store, { "container.id": `containerd://${CONTAINER}`, "k8s.cluster.name": "east" }, minutes(2));
      await sampled(store, { "container.id": CONTAINER, "k8s.cluster.name": "west" }, minutes(3));
      expect(await byLabel(store, HOUR, "cluster")).toEqual({ east: 2 * HIT, west: HIT });
      expect((await store.labelValues("container_id", [], HOUR, 10)).values).toEqual([CONTAINER]);
    });
  });
}

function named(
  kind: IdentityKey["kind"],
  value: string,
  validFrom: number,
  pod: string,
  validTo?: number,
): IdentityEntry {
  const attributes = new Map([
    ["k8s.namespace.name", "shop"],
    ["k8s.pod.name", pod],
    ["k8s.container.name", "main"],
  ]);
  return { key: { kind, value }, validFrom, validTo, attributes };
}

function extended({ attributes }: IdentityEntry, name: string, value: string): ReadonlyMap<string, string> {
  return new Map([...attributes, [name, value]]);
}
