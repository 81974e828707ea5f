import { describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { TokenBucket } from "./token-bucket.ts";

/** Asks `count` times at once; returns when each was let through, in milliseconds from now. */
function ask(bucket: TokenBucket, clock: ManualClock, count: number): number[] {
  const began = clock.nowMs();
  const times: number[] = [];
  for (let i = 0; i < count; i++) void bucket.take().then(() => times.push(clock.nowMs() - began));
  return times;
}

describe("a token bucket", () => {
  test("lets the burst through at once and the rest at its rate, in order", async () => {
    const clock = new ManualClock();
    const times = ask(new TokenBucket(clock, 5, 3), clock, 6);
    await clock.advance(10_000);
    expect(times).toEqual([0, 0, 0, 200, 400, 600]);
  });

  test("fills up again, but never beyond the burst", async () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, 5, 2);
    ask(bucket, clock, 2);
    await clock.advance(60_000);
    const times = ask(bucket, clock, 3);
    await clock.advance(1000);
    expect(times).toEqual([0, 0, 200]);
  });

  test("lets go of who is aborted", async () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, 1, 1);
    await bucket.take();
    const controller = new AbortController();
    const taken = bucket.take(controller.signal);
    controller.abort(new Error("no more"));
    await expect(taken).rejects.toThrow("no more");
    expect(clock.pending).toBe(0);
  });
});
