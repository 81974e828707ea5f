import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

const SETTINGS = {
  initialIntervalMs: 1000,
  randomizationFactor: 0.5,
  multiplier: 2,
  maxIntervalMs: 5000,
  maxElapsedMs: 0,
};

test("delays double up to the longest interval", () => {
  const backoff = new Backoff(SETTINGS, () => 0.5);
  expect(Array.from({ length: 5 }, () => backoff.next())).toEqual([1000, 2000, 4000, 5000, 5000]);
});

test("delays spread by the randomization factor on both sides", () => {
  expect(new Backoff(SETTINGS, () => 0).next()).toBe(500);
  expect(new Backoff(SETTINGS, () => 1).next()).toBe(1500);
  expect(new Backoff({ ...SETTINGS, randomizationFactor: 0 }, () => 0.9).next()).toBe(1000);
});
