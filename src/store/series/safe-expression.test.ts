import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StoreError } from "../profile-store.ts";
import { compileSelector } from "./matchers.ts";
import { safeExpression } from "./safe-expression.ts";

describe("expressions", () => {
  test.for([
    "cart-.*",
    "a|b|c",
    ".*-api-.*",
    ".+foo.*bar.*",
    "(?:cart|shop)-[0-9]+",
    "[a-z]+(-canary)?",
    "v[0-9]{1,3}",
    "(?i)CART.*",
    String.raw`10\.0\.\d+\.\d+`,
    "(?<name>x)+",
    "[)(*+]+",
  ])("%s is allowed", (pattern) => {
    expect(safeExpression("a", pattern)).toBeInstanceOf(RegExp);
  });

  test.for([
    ["(a+)+b", "repetitions"],
    ["(a|a)*b", "repetitions"],
    ["(a?){40}a{40}", "repetitions"],
    ["(.*)*", "repetitions"],
    [".*.*.*.*x", "repetitions"],
    ["a?".repeat(30) + "a".repeat(30), "repetitions"],
    ["(a|a)".repeat(30), "repetitions"],
    ["(?:a{1,50}){1,50}", "repetitions"],
    ["(?=a)b", "looks around"],
    ["(?<!a)b", "looks around"],
    [String.raw`(a)\1`, "looks around"],
    ["x.".repeat(2500), "longer than"],
  ] as const)("%s is refused for what it could cost", ([pattern, why]) => {
    expect(() => safeExpression("a", pattern)).toThrow(why);
  });

  test("that are allowed are quick on values that are made to be slow", () => {
    const part = fc.constantFrom("a", "a*", "a+", "a?", ".*", "(a|b)", "(a|a)", "(aa|a)", "[ab]*", "(a*)*", "a{0,9}");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const pattern = `${parts.join("")}c`;
        let expression: RegExp;
        try {
          expression = safeExpression("pod", pattern);
        } catch {
          return;
        }
        // Would take years if the bound were wrong.
        expect(expression.test("a".repeat(200))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test("that begin as Go's do that ignore case, ignore it", () => {
    expect(safeExpression("a", "(?i)cart").test("CART")).toBe(true);
    expect(safeExpression("a", "cart").test("CART")).toBe(false);
  });

  test("of any text are compiled or refused, and nothing else happens", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab|()*+?{},0-9[\]\\:=!<>^$.-]*$/), (text) => {
        try {
          safeExpression("a", text);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
        }
      }),
    );
  });

  test("that are lists of values may be long", () => {
    const values = Array.from({ length: 2000 }, (_, at) => `pod-${at}`);
    const holds = compileSelector([{ name: "pod", op: "=~", value: values.join("|") }]);
    expect(holds(new Map([["pod", "pod-1999"]]))).toBe(true);
    expect(holds(new Map([["pod", "pod-2000"]]))).toBe(false);
  });
});
