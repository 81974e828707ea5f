import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { ProfileStore } from "../profile-store.ts";
import { foldedOf, totalOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { requestOf, type TestSample } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const HIT = 50_000_000;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const OTHER_SPAN = "00f067aa0ba902b8";

/** Answers add up, however they are asked for. */
export function questionSuite({ open, settle }: SuiteContext): void {
  describe("questions", () => {
    let store: ProfileStore;
    let total: number;

    beforeEach(async () => {
      store = await open();
      const random = numbers();
      const samples = (count: number): TestSample[] =>
        Array.from({ length: count }, () => ({
          stack: ["main", `f${Math.floor(random() * 5)}`, `g${Math.floor(random() * 5)}`],
          time: START + Math.floor(random() * 3_600_000),
          process: random() < 0.3 ? "helper" : "app",
        }));
      total = 0;
      for (const [at, count] of [40, 70, 25].entries()) {
        const resource = { "container.id": String(at).repeat(64), "k8s.namespace.name": at === 0 ? "shop" : "web" };
        await store.append({ bytes: await requestOf({ resource, samples: samples(count) }), receivedAt: START });
        await settle(store);
        total += count * HIT;
      }
    });

    test("sums of parts of the time are the sum of the whole", async () => {
      const split = fc.uniqueArray(fc.integer({ min: 1, max: 11 }), { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(split, async (cuts) => {
          const edges = [0, ...cuts.sort((a, b) => a - b), 12].map((five) => minutes(five * 5));
          let sum = 0;
          for (let at = 1; at < edges.length; at++)
            sum += await totalOf(store, { from: edges[at - 1]!, to: edges[at]! });
          expect(sum).toBe(total);
        }),
        { numRuns: 5 },
      );
    });

    test("selectors whose expressions could keep the store busy are refused", async () => {
      for (const op of ["=~", "!~"] as const) {
        const resolved = store.resolve([{ name: "namespace", op, value: "(a+)+b" }], HOUR);
        await expect(resolved).rejects.toMatchObject({ name: "StoreError", kind: "invalid" });
      }
    });

    test("sums by stack, by process and by nothing are the same sum", async () => {
      for (const by of ["stack", "process", "nothing"] as const) {
        const values = Object.values(await foldedOf(store, HOUR, { by }));
        expect(values.reduce((sum, value) => sum + value, 0)).toBe(total);
      }
      expect(Object.keys(await foldedOf(store, HOUR, { by: "process" })).sort()).toEqual(["app", "helper"]);
      expect(Object.keys(await foldedOf(store, HOUR, { by: "nothing" }))).toEqual([""]);
    });

    test("groups keep values apart", async () => {
      const spans = await store.resolve([], HOUR, "cpu");
      const grouped = spans.map((span, group) => ({ ...span, group }));
      const { length, group, value } = await store.sum({ type: "cpu", range: HOUR, spans: grouped, by: "stack" });
      const sums = new Map<string, number>();
      for (let at = 0; at < length; at++) {
        const id = spans[group[at]!]!.labels.get("container_id")!;
        sums.set(id, (sums.get(id) ?? 0) + value[at]!);
      }
      expect([...sums.values()].sort((a, b) => a - b)).toEqual([25 * HIT, 40 * HIT, 70 * HIT]);
    });

    test("a span counts only for its own time", async () => {
      const spans = await store.resolve([], HOUR, "cpu");
      const halves = spans.flatMap((span) => [
        { ...span, to: minutes(30), group: 0 },
        { ...span, from: minutes(30), group: 1 },
      ]);
      const { length, group, value } = await store.sum({ type: "cpu", range: HOUR, spans: halves, by: "nothing" });
      const sums = [0, 0];
      for (let at = 0; at < length; at++) sums[group[at]!]! += value[at]!;
      expect(sums[0]).toBe(await totalOf(store, { from: START, to: minutes(30) }));
      expect(sums[0]! + sums[1]!).toBe(total);
    });

    test("a question may be about thousands of series", async () => {
      const count = 3000;
      const resources = Array.from({ length: count }, (_, at) => ({
        resource: { "container.id": `${at}`.padStart(64, "f") },
        samples: [{ stack: ["main"], time: minutes(7) }],
      }));
      await store.append({ bytes: await requestOf(...resources), receivedAt: START });
      await settle(store);
      const selector = [{ name: "container_id", op: "=~", value: "f.*" }] as const;
      const spans = await store.resolve(selector, HOUR, "cpu");
      expect(spans).toHaveLength(count);
      const grouped = spans.map((span, group) => ({ ...span, group }));
      const { length, group, value } = await store.sum({ type: "cpu", range: HOUR, spans: grouped, by: "nothing" });
      expect(new Set(group.subarray(0, length)).size).toBe(count);
      expect(value.subarray(0, length).every((each) => each === HIT)).toBe(true);
    });

    test("nodes of stacks come behind their callers", async () => {
      const spans = (await store.resolve([], HOUR, "cpu")).map((span) => ({ ...span, group: 0 }));
      const { nodes, node, length } = await store.sum({ type: "cpu", range: HOUR, spans, by: "stack" });
      for (let at = 1; at < nodes.length; at++) expect(nodes.parent[at]).toBeLessThan(at);
      for (let at = 0; at < length; at++) expect(node[at]).toBeLessThan(nodes.length);
    });

    test("a timeline has steps that are long enough, and its values are the sum", async () => {
      const spans = (await store.resolve([], HOUR, "cpu")).map((span, at) => ({ ...span, group: at % 2 }));
      const timeline = await store.timeline({ type: "cpu", range: HOUR, spans, step: 60_000 });
      expect(timeline.step).toBeGreaterThanOrEqual(60_000);
      expect(timeline.start).toBeLessThanOrEqual(HOUR.from);
      expect(timeline.start + timeline.slots * timeline.step).toBeGreaterThanOrEqual(HOUR.to);
      expect(timeline.values).toHaveLength(timeline.groups * timeline.slots);
      expect(timeline.values.reduce((sum, value) => sum + value, 0)).toBe(total);
      const from = timeline.start + 3 * timeline.step;
      const slot = Array.from({ length: timeline.groups }, (_, group) => timeline.values[group * timeline.slots + 3]!);
      expect(slot.reduce((sum, value) => sum + value, 0)).toBe(
        await totalOf(store, { from, to: from + timeline.step }),
      );
    });

    test("a plan says what was read, and which time that covers", async () => {
      const spans = (await store.resolve([], HOUR, "cpu")).map((span) => ({ ...span, group: 0 }));
      const { plan } = await store.sum({ type: "cpu", range: HOUR, spans, by: "stack" });
      expect(plan.covered.from).toBeLessThanOrEqual(HOUR.from);
      expect(plan.covered.to).toBeGreaterThanOrEqual(HOUR.to);
      expect(plan.tiers.length).toBeGreaterThan(0);
      expect(plan.gaps).toEqual([]);
    });

    test("selectors choose by equal, unequal, matching and not matching, and by what isn't there", async () => {
      const select = (op: "=" | "!=" | "=~" | "!~", value: string, name = "namespace") =>
        totalOf(store, HOUR, { selector: [{ name, op, value }] });
      expect(await select("=", "shop")).toBe(40 * HIT);
      expect(await select("!=", "shop")).toBe(95 * HIT);
      expect(await select("=~", "sh.*")).toBe(40 * HIT);
      expect(await select("=~", "sho")).toBe(0);
      expect(await select("!~", "web|bank")).toBe(40 * HIT);
      expect(await select("=", "", "no_such_label")).toBe(total);
      expect(await select("!=", "", "no_such_label")).toBe(0);
    });

    test("labels and their values are listed in order, and the list says where it was cut", async () => {
      expect(await store.labelNames([], HOUR)).toEqual(expect.arrayContaining(["container_id", "namespace"]));
      expect(await store.labelValues("namespace", [], HOUR, 10)).toEqual({ values: ["shop", "web"], truncated: false });
      expect(await store.labelValues("namespace", [], HOUR, 1)).toEqual({ values: ["shop"], truncated: true });
      const selector = [{ name: "namespace", op: "=", value: "web" }] as const;
      const found = await store.labelValues("container_id", selector, HOUR, 10);
      expect(found.values).toEqual(["1".repeat(64), "2".repeat(64)]);
    });

    test("nothing is found outside of its time, or of another type", async () => {
      const earlier = { from: minutes(-120), to: minutes(-60) };
      expect(await store.profileTypes(earlier)).toEqual([]);
      expect(await totalOf(store, earlier)).toBe(0);
      expect(await store.resolve([], HOUR, "off_cpu")).toEqual([]);
    });

    test("a question whose asker has gone is not answered", async () => {
      const spans = (await store.resolve([], HOUR, "cpu")).map((span) => ({ ...span, group: 0 }));
      const leaving = new AbortController();
      const sum = store.sum({ type: "cpu", range: HOUR, spans, by: "stack", signal: leaving.signal });
      leaving.abort();
      await expect(sum).rejects.toMatchObject({ name: "StoreError", kind: "cancelled" });
      const signal = AbortSignal.abort();
      const timeline = store.timeline({ type: "cpu", range: HOUR, spans, step: 60_000, signal });
      await expect(timeline).rejects.toMatchObject({ kind: "cancelled" });
      expect(await totalOf(store, HOUR)).toBe(total);
    });
  });

  describe("samples of spans and traces", () => {
    test("are found by the one and by the other", async () => {
      const store = await open();
      const samples = [
        { stack: ["main", "a"], time: minutes(1), trace: TRACE, span: SPAN },
        { stack: ["main", "b"], time: minutes(1), trace: TRACE, span: OTHER_SPAN },
        { stack: ["main", "c"], time: minutes(1) },
      ];
      const resource = { "container.id": "d".repeat(64), "process.executable.name": "app" };
      await store.append({ bytes: await requestOf({ resource, samples }), receivedAt: START });
      await settle(store);
      expect(await foldedOf(store, HOUR, { links: [SPAN] })).toEqual({ "app;main;a": HIT });
      expect(await foldedOf(store, HOUR, { links: [SPAN, OTHER_SPAN.toUpperCase()] })).toEqual({
        "app;main;a": HIT,
        "app;main;b": HIT,
      });
      expect(await foldedOf(store, HOUR, { links: [TRACE] })).toEqual({ "app;main;a": HIT, "app;main;b": HIT });
      expect(await foldedOf(store, HOUR, { links: ["f".repeat(16)] })).toEqual({});
    });

    test("are not looked for by what is no id", async () => {
      const store = await open();
      const resource = { "container.id": "d".repeat(64) };
      const bytes = await requestOf({ resource, samples: [{ stack: ["main"], time: minutes(1) }] });
      await store.append({ bytes, receivedAt: START });
      await expect(foldedOf(store, HOUR, { links: ["span'--"] })).rejects.toMatchObject({ kind: "invalid" });
    });

    test("are found within a second by the times of single samples", async () => {
      const store = await open();
      const resource = { "container.id": "e".repeat(64) };
      const samples = [0, 20, 20, 980].map((offset) => ({ stack: ["main"], time: minutes(1) + offset }));
      await store.append({ bytes: await requestOf({ resource, samples }), receivedAt: START });
      await settle(store);
      const range = { from: minutes(1), to: minutes(1) + 1000 };
      const spans = (await store.resolve([], range, "cpu")).map((span) => ({ ...span, group: 0 }));
      const { values, slots, step } = await store.timeline({ type: "cpu", range, spans, step: 20, raw: true });
      expect({ slots, step }).toEqual({ slots: 50, step: 20 });
      expect([values[0], values[1], values[2], values[49]]).toEqual([HIT, 2 * HIT, 0, HIT]);
    });
  });
}

/** The same numbers from 0 to 1 each time. */
function numbers(): () => number {
  let state = 12_345;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
