import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Matcher } from "#store";
import { QueryError } from "../query-error.ts";
import { formatSelector } from "./format-selector.ts";
import { parseSelector } from "./parse-selector.ts";

describe("selectors", () => {
  test.for([
    ["", []],
    ["  {}  ", []],
    ['{a="b"}', [["a", "=", "b"]]],
    ['a="b"', [["a", "=", "b"]]],
    [
      '{ a = "b" , c!="d", e=~"f.*",g!~"h|i", }',
      [
        ["a", "=", "b"],
        ["c", "!=", "d"],
        ["e", "=~", "f.*"],
        ["g", "!~", "h|i"],
      ],
    ],
    ['{k8s.pod.name="x"}', [["k8s_pod_name", "=", "x"]]],
    [
      "{a='it\"s',b=`raw\\n`}",
      [
        ["a", "=", 'it"s'],
        ["b", "=", "raw\\n"],
      ],
    ],
    [String.raw`{a="\x41\u00e9\101\\\"\n"}`, [["a", "=", 'AéA\\"\n']]],
    ['{a="}"}', [["a", "=", "}"]]],
  ] as const)("%s is read as Prometheus reads it", ([text, expected]) => {
    expect(parseSelector(text)).toEqual(expected.map(([name, op, value]) => ({ name, op, value })));
  });

  test.for([
    ["{a=}", "value in quotes"],
    ['{a="b"', "closing brace"],
    ['{a="b}', "closing quote"],
    ['{a="b" c="d"}', "comma"],
    ['{="b"}', "name of a label"],
    ['{a<"b"}', "= != =~ !~"],
    ['{a="b"} x', "goes on"],
    [String.raw`{a="\q"}`, "unknown escape"],
    ['{1a="b"}', "name of a label"],
    ['{a=~"("}', "not valid"],
    [`{a="${"x".repeat(20_000)}"}`, "longer than"],
    [`{${Array.from({ length: 65 }, (_, at) => `a${at}="b"`).join()}}`, "more than 64 matchers"],
  ] as const)("%s is refused, and the error says where and how to write it", ([text, why]) => {
    expect(() => parseSelector(text)).toThrow(QueryError);
    expect(() => parseSelector(text)).toThrow(why);
  });

  test("are written so that they are read again as they were", () => {
    const matcher: fc.Arbitrary<Matcher> = fc.record({
      name: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,20}$/),
      op: fc.constantFrom("=", "!="),
      value: fc.string({ unit: "binary" }),
    });
    fc.assert(
      fc.property(fc.array(matcher, { maxLength: 10 }), (selector) => {
        expect(parseSelector(formatSelector(selector))).toEqual(selector);
      }),
    );
  });

  test("of any text are read or refused, and nothing else happens", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        try {
          parseSelector(text);
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError);
        }
      }),
    );
  });
});

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
    expect(parseSelector(formatSelector([{ name: "a", op: "=~", value: pattern }]))).toHaveLength(1);
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
    ["x".repeat(5000), "longer than"],
  ] as const)("%s is refused for what it could cost", ([pattern, why]) => {
    expect(() => parseSelector(formatSelector([{ name: "a", op: "=~", value: pattern }]))).toThrow(why);
  });

  test("that are allowed are quick on values that are made to be slow", () => {
    const part = fc.constantFrom("a", "a*", "a+", "a?", ".*", "(a|b)", "(a|a)", "(aa|a)", "[ab]*", "(a*)*", "a{0,9}");
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const pattern = `${parts.join("")}c`;
        try {
          parseSelector(formatSelector([{ name: "a", op: "=~", value: pattern }]));
        } catch {
          return;
        }
        // Would take years if the bound were wrong.
        expect(new RegExp(`^(?:${pattern})$`, "s").test("a".repeat(200))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});
