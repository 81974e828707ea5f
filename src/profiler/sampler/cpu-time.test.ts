import { beforeEach, describe, expect, test } from "vitest";
import { CpuTimeKeeper } from "./cpu-time.ts";

const PERIOD_MS = 10;
let nowMs: number;
let times: Map<number, { idleMs: number; busyMs: number }>;
let keeper: CpuTimeKeeper;

beforeEach(() => {
  nowMs = 1000;
  times = new Map([
    [0, { idleMs: 500, busyMs: 100 }],
    [1, { idleMs: 0, busyMs: 0 }],
  ]);
  keeper = new CpuTimeKeeper(
    PERIOD_MS,
    () => times,
    () => nowMs,
  );
});

/** Time goes on; each CPU idles and works for so long of it, and for the rest it isn't there. */
function pass(byMs: number, ...cpus: { idleMs: number; busyMs: number }[]): void {
  nowMs += byMs;
  for (const [cpu, { idleMs, busyMs }] of cpus.entries()) {
    const before = times.get(cpu)!;
    times.set(cpu, { idleMs: before.idleMs + idleMs, busyMs: before.busyMs + busyMs });
  }
}

describe("periods without a hit", () => {
  test("there are none when each period had its hit", () => {
    keeper.begin(0, 0);
    pass(1000, { idleMs: 0, busyMs: 1000 });
    expect(keeper.unhit(() => ({ all: 100, idle: 0 }))).toEqual({ idle: 0, missed: 0 });
  });

  test("those of an idle CPU whose timer slept are idle", () => {
    keeper.begin(0, 0);
    pass(1000, { idleMs: 800, busyMs: 200 });
    expect(keeper.unhit(() => ({ all: 20, idle: 0 }))).toEqual({ idle: 80, missed: 0 });
  });

  test("those while somebody else had the CPU are missed", () => {
    keeper.begin(0, 0);
    pass(1000, { idleMs: 300, busyMs: 200 });
    expect(keeper.unhit(() => ({ all: 50, idle: 30 }))).toEqual({ idle: 0, missed: 50 });
  });

  test("never more idle ones than there are without a hit, and none below zero", () => {
    keeper.begin(0, 0);
    pass(1000, { idleMs: 1000, busyMs: 0 });
    expect(keeper.unhit(() => ({ all: 95, idle: 0 }))).toEqual({ idle: 5, missed: 0 });
    expect(keeper.unhit(() => ({ all: 102, idle: 90 }))).toEqual({ idle: 0, missed: 0 });
  });

  test("another period counts from its beginning on, and CPUs add up", () => {
    keeper.begin(0, 0);
    keeper.begin(1, 0);
    pass(1000, { idleMs: 0, busyMs: 1000 }, { idleMs: 1000, busyMs: 0 });
    keeper.setPeriod(1);
    pass(1000, { idleMs: 0, busyMs: 1000 }, { idleMs: 1000, busyMs: 0 });
    const unhit = keeper.unhit((cpu) => ({ all: cpu === 0 ? 1000 : 1050, idle: cpu === 0 ? 0 : 1050 }));
    expect(unhit).toEqual({ idle: 50, missed: 100 });
  });

  test("the time that a CPU was offline doesn't count", () => {
    keeper.begin(1, 0);
    pass(100, { idleMs: 0, busyMs: 0 }, { idleMs: 0, busyMs: 100 });
    keeper.end(1);
    times.delete(1);
    pass(5000);
    times.set(1, { idleMs: 0, busyMs: 0 });
    keeper.begin(1, 10);
    pass(100, { idleMs: 0, busyMs: 0 }, { idleMs: 0, busyMs: 100 });
    expect(keeper.unhit(() => ({ all: 18, idle: 0 }))).toEqual({ idle: 0, missed: 2 });
  });
});

describe("a dead timer", () => {
  test("is one without a hit while the CPU is busy", () => {
    keeper.begin(0, 7);
    pass(900, { idleMs: 0, busyMs: 900 });
    expect(keeper.isDead(0, 7)).toBe(false);
    pass(900, { idleMs: 0, busyMs: 900 });
    keeper.unhit(() => ({ all: 7, idle: 0 }));
    expect(keeper.isDead(0, 7)).toBe(true);
  });

  test("isn't one of an idle CPU, nor one that fired since the last look", () => {
    keeper.begin(0, 7);
    pass(60_000, { idleMs: 60_000, busyMs: 0 });
    expect(keeper.isDead(0, 7)).toBe(false);
    pass(60_000, { idleMs: 0, busyMs: 60_000 });
    expect(keeper.isDead(0, 8)).toBe(false);
    expect(keeper.isDead(0, 8)).toBe(false);
  });
});
