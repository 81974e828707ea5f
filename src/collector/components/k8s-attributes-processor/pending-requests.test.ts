import { beforeEach, describe, expect, test } from "vitest";
import { Arrivals, keyOfContainer, keyOfUid } from "#identity";
import { ManualClock, MetricRegistry } from "#telemetry";
import { ByteBudget } from "./byte-budget.ts";
import { PendingRequests } from "./pending-requests.ts";
import { VainKeys } from "./vain-keys.ts";

const MAX_WAIT_MS = 3_000;
const BUDGET_BYTES = 100_000;
const A = keyOfUid("aaaaaaaa-0000-4000-8000-000000000001")!;
const B = keyOfUid("bbbbbbbb-0000-4000-8000-000000000002")!;
const ID = keyOfContainer("c".repeat(64))!;

let clock: ManualClock;
let metrics: MetricRegistry;
let arrivals: Arrivals;
let budget: ByteBudget;
let vain: VainKeys;
let pending: PendingRequests;
let isSourceWell: boolean;
let resumed: string[];

beforeEach(() => {
  clock = new ManualClock();
  metrics = new MetricRegistry();
  arrivals = new Arrivals();
  budget = new ByteBudget(BUDGET_BYTES);
  vain = new VainKeys(clock);
  isSourceWell = true;
  resumed = [];
  pending = new PendingRequests({
    processor: "k8s_attributes",
    signal: "logs",
    clock,
    metrics,
    arrivals,
    maxWaitMs: MAX_WAIT_MS,
    budget,
    vain,
    isSourceWell: () => isSourceWell,
  });
});

function hold(name: string, ...unknown: readonly (readonly string[])[]): boolean {
  return pending.hold(100, unknown, () => void resumed.push(name));
}

function ended(end: string): number | undefined {
  return metrics.value("podflame_identity_waits", { processor: "k8s_attributes", otel_signal: "logs", end });
}

/** All that was taken was given back, and nobody waits. */
function expectNothingLeft(): void {
  expect([budget.heldBytes, arrivals.any]).toEqual([0, false]);
}

describe("a request goes on", () => {
  test("when its pod is known, and not before", async () => {
    hold("one", [A]);
    await clock.advance(MAX_WAIT_MS - 1);
    expect(resumed).toEqual([]);
    arrivals.announce(A);
    // The directory is in the midst of a change.
    expect(resumed).toEqual([]);
    await Promise.resolve();
    expect(resumed).toEqual(["one"]);
    expect(ended("arrived")).toBe(1);
    expectNothingLeft();
  });

  test("when all of its resources are known", async () => {
    hold("one", [A], [B]);
    arrivals.announce(B);
    await clock.advance(0);
    expect(resumed).toEqual([]);
    arrivals.announce(A);
    await clock.advance(0);
    expect(resumed).toEqual(["one"]);
    expectNothingLeft();
  });

  test("when a resource is known by one of its keys", async () => {
    hold("one", [ID, A]);
    arrivals.announce(A);
    await clock.advance(0);
    expect(resumed).toEqual(["one"]);
    expectNothingLeft();
    // The other key wasn't waited for long enough to be given up.
    await clock.advance(MAX_WAIT_MS);
    expect(pending.isWorthwhile(ID)).toBe(true);
  });

  test("when its time is up", async () => {
    hold("one", [A], [B]);
    arrivals.announce(A);
    await clock.advance(MAX_WAIT_MS);
    expect(resumed).toEqual(["one"]);
    expect([ended("arrived"), ended("timeout")]).toEqual([1, 1]);
    expectNothingLeft();
  });

  test("when the process ends, before that goes on", () => {
    hold("one", [A]);
    hold("two", [B]);
    pending.close();
    expect(resumed).toEqual(["one", "two"]);
    expect(ended("shutdown")).toBe(2);
    expect(pending.isWorthwhile(A)).toBe(false);
    expect(clock.pending).toBe(0);
    expectNothingLeft();
  });
});

describe("order", () => {
  test("of those who wait for the same is that of their arrival", async () => {
    hold("one", [A]);
    hold("two", [A]);
    hold("three", [A]);
    arrivals.announce(A);
    await clock.advance(0);
    expect(resumed).toEqual(["one", "two", "three"]);
  });

  test("is kept where a later request was complete earlier in one burst of events", async () => {
    hold("one", [A], [B]);
    hold("two", [A]);
    arrivals.announce(A);
    arrivals.announce(B);
    await clock.advance(0);
    expect(resumed).toEqual(["one", "two"]);
  });

  test("leaves those alone who wait for something else", async () => {
    hold("one", [A]);
    hold("two", [B]);
    arrivals.announce(B);
    await clock.advance(0);
    expect(resumed).toEqual(["two"]);
  });
});

describe("a key that never comes", () => {
  test("delays no request longer than the first one", async () => {
    hold("one", [A]);
    await clock.advance(MAX_WAIT_MS - 100);
    hold("two", [A]);
    await clock.advance(100);
    expect(resumed).toEqual(["one", "two"]);
  });

  test("isn't waited for again as long as it is sent", async () => {
    hold("one", [A]);
    await clock.advance(MAX_WAIT_MS);
    for (let second = 0; second < 100; second += 20) {
      expect(pending.isWorthwhile(A)).toBe(false);
      await clock.advance(20_000);
    }
    await clock.advance(20_000);
    expect(pending.isWorthwhile(A)).toBe(true);
  });

  test("isn't held against it where the source was not well; nobody waits until it is", async () => {
    isSourceWell = false;
    expect(pending.isWorthwhile(A)).toBe(true);
    hold("one", [A]);
    await clock.advance(MAX_WAIT_MS);
    expect([pending.isWorthwhile(A), pending.isWorthwhile(B), vain.size]).toEqual([false, false, 0]);
    isSourceWell = true;
    expect(pending.isWorthwhile(A)).toBe(true);
  });

  test("is one of a bounded number", () => {
    for (let count = 0; count < 20_000; count++) vain.add(`uid ${count}`);
    expect([vain.size, vain.has("uid 0"), vain.has("uid 19999")]).toEqual([10_000, false, true]);
  });
});

describe("memory", () => {
  test("is bounded: what has no room goes on, and is counted", () => {
    expect(pending.hold(BUDGET_BYTES - 1_000, [[A]], () => undefined)).toBe(true);
    expect(hold("two", [B])).toBe(false);
    expect(ended("full")).toBe(1);
    pending.close();
    expectNothingLeft();
  });

  test("counts what the keys cost, of which there may be many in few bytes", () => {
    const many = Array.from({ length: 500 }, (_, count) => [`uid ${count}`]);
    expect(hold("one", ...many)).toBe(false);
  });

  test("is shown", () => {
    hold("one", [A]);
    const labels = { processor: "k8s_attributes", otel_signal: "logs" };
    expect(metrics.value("podflame_identity_pending_requests", labels)).toBe(1);
    expect(metrics.value("podflame_identity_pending_bytes", { processor: "k8s_attributes" })).toBeGreaterThan(100);
  });
});
