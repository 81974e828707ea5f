import { describe, expect, test } from "vitest";
import { checkBytes, checkNames, HitError } from "./hits.ts";

describe("the names that a decoding sink noted", () => {
  const pods = new Map([
    ["aa", "cart-1"],
    ["bb", "cart-2"],
  ]);

  test("pass when every container has its pod", () => {
    expect(() => checkNames("big", "1 aa cart-1\n2 bb cart-2\n2 aa cart-1\n", pods)).not.toThrow();
  });

  test.each([
    ["no pod", "1 aa cart-1\n2 bb -\n", "1 of 2 resources"],
    ["another's pod", "1 aa cart-2\n", "1 of 1 resources"],
    ["a container that the API server does not have", "1 cc -\n", "1 of 1 resources"],
    ["nothing at all", "", "no resource arrived"],
  ])("fail on %s", (_, log, message) => {
    expect(() => checkNames("big", log, pods)).toThrow(message);
  });
});

describe("the bytes that a counting sink saw", () => {
  // The client begins with the second request of the file: 20, 30, 10, 20, …
  const sizes = [10, 20, 30];

  test.each([
    [1, 20],
    [2, 50],
    [3, 60],
    [7, 140],
  ])("are those of %i enriched requests", (requests, bytes) => {
    expect(() => checkBytes("big", sizes, { requests, bytes })).not.toThrow();
  });

  test("fail when one attribute of one resource is missing", () => {
    expect(() => checkBytes("big", sizes, { requests: 7, bytes: 139 })).toThrow(HitError);
  });
});
