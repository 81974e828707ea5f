import { expect, test } from "vitest";
import { besideBefore } from "./windows.ts";

const now = 1_700_000_000_000;
const LIVE = { query: "{}", from: "now-15m", to: "now" };

test("what is just before a live range moves along with it", () => {
  expect(besideBefore(LIVE, undefined, now)).toEqual({
    ...LIVE,
    other: { query: "{}", from: "now-1800s", to: "now-900s" },
  });
  expect(besideBefore(LIVE, now - 1_800_000, now)).toEqual(besideBefore(LIVE, undefined, now));
});

test("what is just before fixed times is fixed", () => {
  const fixed = { query: "", from: "1000000", to: "1060000" };
  expect(besideBefore(fixed, 0, now)).toEqual({ ...fixed, other: { query: "", from: "940000", to: "1000000" } });
});

test("halves what there is where there are no samples of the time before", () => {
  expect(besideBefore(LIVE, now - 60_000, now)).toEqual({
    query: "{}",
    from: "now-30s",
    to: "now",
    other: { query: "{}", from: "now-60s", to: "now-30s" },
  });
  expect(besideBefore({ query: "", from: "1000000", to: "1060000" }, 1_000_000, now)).toEqual({
    query: "",
    from: "1030000",
    to: "1060000",
    other: { query: "", from: "1000000", to: "1030000" },
  });
});

test("halves no time without samples: they came later, or there are none", () => {
  const early = { query: "", from: "1000000", to: "1060000" };
  expect(besideBefore(early, 2_000_000, now)).toEqual(besideBefore(early, undefined, now));
});
