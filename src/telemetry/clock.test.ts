import { describe, expect, test } from "vitest";
import { ManualClock, systemClock } from "./clock.ts";

describe("ManualClock", () => {
  test("fires timers in the order of their time, at their time", async () => {
    const clock = new ManualClock(0);
    const fired: [string, number][] = [];
    clock.timer(20, () => fired.push(["late", clock.nowMs()]));
    clock.timer(10, () => {
      fired.push(["early", clock.nowMs()]);
      clock.timer(5, () => fired.push(["nested", clock.nowMs()]));
    });
    await clock.advance(30);
    expect(fired).toEqual([
      ["early", 10],
      ["nested", 15],
      ["late", 20],
    ]);
    expect(clock.nowMs()).toBe(30);
  });

  test("a canceled timer doesn't fire", async () => {
    const clock = new ManualClock(0);
    const timer = clock.timer(1, () => expect.unreachable());
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect(clock.pending).toBe(0);
  });

  test("a sleep ends with the signal's reason and leaves no timer behind", async () => {
    const clock = new ManualClock(0);
    const controller = new AbortController();
    const sleeping = clock.sleep(1000, controller.signal);
    controller.abort(new Error("shutting down"));
    await expect(sleeping).rejects.toThrow("shutting down");
    expect(clock.pending).toBe(0);
    await expect(clock.sleep(1, controller.signal)).rejects.toThrow("shutting down");
  });
});

test("the system's clock sleeps and can be interrupted", async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(2);
  expect(systemClock.monotonicMs() - before).toBeGreaterThan(1);
  await expect(systemClock.sleep(60_000, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
});
