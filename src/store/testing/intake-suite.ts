import { describe, expect, test } from "vitest";
import { foldedOf, totalOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { requestOf } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const RESOURCE = { "container.id": "a".repeat(64), "process.executable.name": "app" };
const HIT = 50_000_000;

/** What goes in is what comes out. */
export function intakeSuite({ open, settle }: SuiteContext): void {
  describe("intake", () => {
    test("an empty store has an answer to everything", async () => {
      const store = await open();
      expect(await store.profileTypes(HOUR)).toEqual([]);
      expect(await store.labelNames([], HOUR)).toEqual([]);
      expect(await store.labelValues("namespace", [], HOUR, 10)).toEqual({ values: [], truncated: false });
      expect(await store.resolve([], HOUR)).toEqual([]);
      expect(await foldedOf(store, HOUR)).toEqual({});
      expect(store.state().oldest).toBeUndefined();
      expect(store.state().damaged).toEqual([]);
    });

    test("hits of a sampler are the CPU time that they stand for, by process and stack", async () => {
      const store = await open();
      const samples = [
        { stack: ["main", "work"], time: minutes(1) },
        { stack: ["main", "work"], time: minutes(2) },
        { stack: ["main", "wait"], time: minutes(2), value: 3 },
      ];
      const receipt = await store.append({
        bytes: await requestOf({ resource: RESOURCE, samples }),
        receivedAt: START,
      });
      await settle(store);
      expect(receipt).toEqual({ samples: 3, rejected: new Map() });
      expect(await store.profileTypes(HOUR)).toMatchObject([{ id: "cpu", unit: "nanoseconds", aggregation: "sum" }]);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;main;work": 2 * HIT, "app;main;wait": 3 * HIT });
    });

    test("senders of different periods add up as time", async () => {
      const store = await open();
      const samples = [{ stack: ["main"], time: minutes(1) }];
      const slow = { resource: RESOURCE, samples, period: 100_000_000 };
      const quick = { resource: { ...RESOURCE, "container.id": "b".repeat(64) }, samples, period: 10_000_000 };
      await store.append({ bytes: await requestOf(slow, quick), receivedAt: START });
      await settle(store);
      expect(await totalOf(store, HOUR)).toBe(110_000_000);
    });

    test("values that are time already are left as they are", async () => {
      const store = await open();
      const samples = [{ stack: ["main", "read"], time: minutes(1), value: 12_345 }];
      const type = ["off_cpu", "nanoseconds"] as const;
      await store.append({ bytes: await requestOf({ resource: RESOURCE, type, samples }), receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR, { type: "off_cpu" })).toEqual({ "app;main;read": 12_345 });
    });

    test("the same request twice counts twice", async () => {
      const store = await open();
      const bytes = await requestOf({ resource: RESOURCE, samples: [{ stack: ["main"], time: minutes(1) }] });
      await store.append({ bytes, receivedAt: START });
      await settle(store);
      await store.append({ bytes, receivedAt: START });
      await settle(store);
      expect(await totalOf(store, HOUR)).toBe(2 * HIT);
    });

    test("the bytes of a request are only borrowed", async () => {
      const store = await open();
      const bytes = await requestOf({ resource: RESOURCE, samples: [{ stack: ["main"], time: minutes(1) }] });
      await store.append({ bytes, receivedAt: START });
      bytes.fill(0xff);
      await settle(store);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;main": HIT });
    });

    test("requests need not wait for one another", async () => {
      const store = await open();
      const requests = Array.from({ length: 20 }, async (_, at) => {
        const samples = [{ stack: ["main", `f${at % 7}`], time: minutes(at) }];
        return store.append({ bytes: await requestOf({ resource: RESOURCE, samples }), receivedAt: START });
      });
      const receipts = await Promise.all(requests);
      await settle(store);
      expect(receipts.map(({ samples }) => samples)).toEqual(Array.from({ length: 20 }, () => 1));
      expect(await totalOf(store, HOUR)).toBe(20 * HIT);
    });

    test("samples without a time have the profile's, and without that when the request came", async () => {
      const store = await open();
      const samples = [{ stack: ["main"] }];
      await store.append({
        bytes: await requestOf({ resource: RESOURCE, samples, time: minutes(5) }),
        receivedAt: START,
      });
      await store.append({ bytes: await requestOf({ resource: RESOURCE, samples }), receivedAt: minutes(40) });
      await settle(store);
      expect(await totalOf(store, { from: minutes(5), to: minutes(10) })).toBe(HIT);
      expect(await totalOf(store, { from: minutes(40), to: minutes(45) })).toBe(HIT);
    });

    test("a sample's own executable goes before the resource's", async () => {
      const store = await open();
      const samples = [
        { stack: ["main"], time: minutes(1), process: "helper" },
        { stack: ["main"], time: minutes(1) },
      ];
      await store.append({ bytes: await requestOf({ resource: RESOURCE, samples }), receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR)).toEqual({ "helper;main": HIT, "app;main": HIT });
    });

    test("a stack that says that it is truncated has a mark between the process and its outermost frame", async () => {
      const store = await open();
      const samples = [
        { stack: ["[truncated]", "inner"], time: minutes(1) },
        { stack: ["main", "inner"], time: minutes(1) },
      ];
      await store.append({ bytes: await requestOf({ resource: RESOURCE, samples }), receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR)).toEqual({ "app;(truncated);inner": HIT, "app;main;inner": HIT });
      // Sums by process keep it apart.
      expect(await foldedOf(store, HOUR, { by: "process" })).toEqual({ "app;(truncated)": HIT, app: HIT });
    });

    test("what can be seen, and since when, is told", async () => {
      const store = await open();
      const samples = [
        { stack: ["main"], time: minutes(10) },
        { stack: ["main"], time: minutes(20) },
      ];
      await store.append({ bytes: await requestOf({ resource: RESOURCE, samples }), receivedAt: START });
      await settle(store);
      const { visibleUpTo, oldest } = store.state();
      expect(visibleUpTo).toBeGreaterThanOrEqual(minutes(20));
      expect(oldest).toBeGreaterThan(minutes(4));
      expect(oldest).toBeLessThanOrEqual(minutes(10));
    });

    test("bytes that are no request are refused for good", async () => {
      const store = await open();
      const append = store.append({ bytes: Buffer.from("not a request at all"), receivedAt: START });
      await expect(append).rejects.toMatchObject({ name: "StoreError", kind: "invalid" });
      expect(await store.resolve([], HOUR)).toEqual([]);
    });

    test("a request with any byte changed is stored or refused, and harms nothing", async () => {
      const store = await open();
      const resource = { "container.id": "c".repeat(64) };
      const good = await requestOf({ resource, samples: [{ stack: ["main"], time: minutes(1) }] });
      for (let at = 0; at < good.length; at++) {
        const bytes = good.slice();
        bytes[at] = bytes[at]! ^ (1 << (at % 8));
        const outcome = await store.append({ bytes, receivedAt: START }).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "StoreError" });
        else expect(outcome).toHaveProperty("samples");
      }
      await store.append({
        bytes: await requestOf({ resource: RESOURCE, samples: [{ stack: ["after"], time: minutes(30) }] }),
        receivedAt: START,
      });
      await settle(store);
      const range = { from: minutes(30), to: minutes(35) };
      expect(
        await foldedOf(store, range, { selector: [{ name: "container_id", op: "=", value: "a".repeat(64) }] }),
      ).toEqual({
        "app;after": HIT,
      });
    });

    test("a closed store says so", async () => {
      const store = await open();
      await store.close();
      await expect(store.resolve([], HOUR)).rejects.toMatchObject({ kind: "unavailable" });
      const bytes = await requestOf({ resource: RESOURCE, samples: [] });
      await expect(store.append({ bytes, receivedAt: START })).rejects.toMatchObject({ kind: "unavailable" });
      await store.close();
    });
  });
}
