import { describe, expect, test } from "vitest";
import { formatRange, formatSpan, formatTime, resolveTime, toInputTime } from "./times.ts";

const noon = new Date(2026, 10, 22, 12, 0, 0).getTime();

describe("times", () => {
  test("of today need no day", () => {
    expect(formatTime(noon, noon)).toBe("12:00:00");
    expect(formatTime(noon, noon + 86_400_000)).toBe("2026-11-22 12:00:00");
  });

  test("of one day say it once", () => {
    expect(formatRange(noon, noon + 60_000, noon + 86_400_000)).toBe("2026-11-22 12:00:00 – 12:01:00");
  });

  test.each([
    [90_000, "90 s"],
    [3_600_000, "1 h"],
    [900_000, "15 min"],
    [7_200_000, "2 h"],
    [604_800_000, "7 d"],
  ])("%d ms last %s", (length, text) => {
    expect(formatSpan(length)).toBe(text);
  });

  test("of an address are points relative to now, or milliseconds", () => {
    expect(resolveTime("now", 1000)).toBe(1000);
    expect(resolveTime("now-15m", 1_000_000)).toBe(100_000);
    expect(resolveTime("1700000000000", 0)).toBe(1_700_000_000_000);
    expect(resolveTime("tomorrow", 0)).toBeUndefined();
  });

  test("go into an input and come back", () => {
    expect(Date.parse(toInputTime(noon))).toBe(noon);
  });
});
