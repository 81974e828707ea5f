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
  test("that could keep the server busy are refused with what to do", () => {
    const refused = catchError(() => parseSelector('{a=~"(a+)+b"}'));
    expect(refused).toBeInstanceOf(QueryError);
    expect(refused).toMatchObject({ kind: "invalid", remedy: expect.stringContaining("Prometheus") as string });
    expect(String(refused)).toContain("too many repetitions");
  });
});

function catchError(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
}
