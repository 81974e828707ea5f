import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, parseTime, rangeOf } from "./time.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600_000;

describe("times", () => {
  test.for([
    ["now", NOW],
    ["now-1h", NOW - HOUR],
    ["now-1h30m", NOW - 1.5 * HOUR],
    ["now+15s", NOW + 15_000],
    ["2026-11-22T11:00:00Z", NOW - HOUR],
    ["2026-11-22T12:00:00+01:00", NOW - HOUR],
    ["2026-11-22T12:00:00 01:00", NOW - HOUR],
    ["2026-11-22 12:00:00.5 0100", NOW - HOUR + 500],
    ["now 15s", NOW + 15_000],
    ["2026-11-22T11:00:00", NOW - HOUR],
    ["2026-11-22 11:00", NOW - HOUR],
    ["2026-11-22", NOW - 12 * HOUR],
    [String(NOW / 1000), NOW],
    [`${NOW / 1000}.5`, NOW + 500],
    [String(NOW), NOW],
    [`${NOW}000000`, NOW],
  ] as const)("%s is understood", ([text, time]) => {
    expect(parseTime(text, NOW)).toBe(time);
  });

  test.for([
    "",
    "yesterday",
    "now-",
    "now-1",
    "now-1x",
    "2026-13-40T00:00:00Z",
    "-5",
    "1e9",
    "9".repeat(30),
    `now-${"9".repeat(20)}y`,
  ])("%s is refused or a number of seconds", (text) => {
    if (text === "now-1") expect(parseTime(text, NOW)).toBe(NOW - 1000);
    else expect(() => parseTime(text, NOW)).toThrow("not a ");
  });

  test("are in any case finite or refused", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(Number.isFinite(parseTime(text, NOW))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ kind: "invalid" });
        }
      }),
    );
  });

  test("durations add their parts up", () => {
    expect(parseDuration("1d2h3m4s5ms")).toBe(86_400_000 + 2 * HOUR + 180_000 + 4005);
    expect(parseDuration("90")).toBe(90_000);
  });

  test("a range is the last hour unless told otherwise, and never empty", () => {
    expect(rangeOf(undefined, undefined, NOW)).toEqual({ from: NOW - HOUR, to: NOW });
    expect(() => rangeOf(NOW, NOW, NOW)).toThrow("empty");
    expect(() => rangeOf(0, NOW, NOW)).toThrow("ten years");
  });
});
