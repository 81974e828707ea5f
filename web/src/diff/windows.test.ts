import { expect, test } from "vitest";
import { before } from "./windows.ts";

const now = 1_700_000_000_000;

test("what is just before a live range moves along with it", () => {
  expect(before({ query: "{}", from: "now-15m", to: "now" }, now)).toEqual({
    query: "{}",
    from: "now-1800s",
    to: "now-900s",
  });
});

test("what is just before fixed times is fixed", () => {
  expect(before({ query: "", from: "1000000", to: "1060000" }, now)).toEqual({
    query: "",
    from: "940000",
    to: "1000000",
  });
});
