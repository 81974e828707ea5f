import { expect, test } from "vitest";
import { UnixClock } from "./unix-clock.ts";

const OFFSET_NS = 1_795_354_524_126_038_959n;

/** A wall clock that is cut to milliseconds, as `Date.now` is. */
function rig() {
  const time = { monotonicNs: 10n ** 12n, offsetNs: OFFSET_NS };
  const nowMs = (): number => Number((time.monotonicNs + time.offsetNs) / 1_000_000n);
  return { time, clock: new UnixClock({ nowMs }, () => time.monotonicNs) };
}

test("the offset is right within a millisecond at once, and better with each look", () => {
  const { time, clock } = rig();
  expect(Number(OFFSET_NS - clock.offsetNs())).toBeLessThan(1e6);
  for (let look = 0; look < 100; look++) {
    time.monotonicNs += 5_000_270_000n;
    clock.offsetNs();
  }
  expect(Number(OFFSET_NS - clock.offsetNs())).toBeLessThan(1e5);
  expect(clock.offsetNs()).toBeLessThanOrEqual(OFFSET_NS);
});

test.each([3_600n * 10n ** 9n, -3_600n * 10n ** 9n, -2_000_000n])(
  "a wall clock that is set by %d ns is followed",
  (by) => {
    const { time, clock } = rig();
    clock.offsetNs();
    time.offsetNs += by;
    time.monotonicNs += 5n * 10n ** 9n;
    expect(Math.abs(Number(time.offsetNs - clock.offsetNs()))).toBeLessThan(1e6);
  },
);
