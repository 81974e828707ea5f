import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lineOf } from "./line-table.ts";
import { pythons } from "./testing/pythons.ts";

/** Of every code object in some modules of the standard library: table, first line, and Python's own list of lines. */
const DUMP = `
import json, types, argparse, inspect, json.decoder, typing
def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from codes(const)
for module in (argparse, inspect, json.decoder, typing):
    with open(module.__file__) as source:
        whole = compile(source.read(), module.__file__, "exec")
    for code in codes(whole):
        print(json.dumps([code.co_linetable.hex(), code.co_firstlineno, list(code.co_lines())]))
`;

type Lines = readonly (readonly [start: number, end: number, line: number | null])[];

describe("lines of instructions are those that Python tells, of", () => {
  for (const { name, path } of pythons()) {
    test(name, () => {
      const output = execFileSync(path, ["-c", DUMP], { encoding: "utf8", maxBuffer: 64 << 20 });
      const dumped = output.trim().split("\n");
      expect(dumped.length).toBeGreaterThan(500);
      for (const each of dumped) {
        const [hex, first, lines] = JSON.parse(each) as [string, number, Lines];
        const table = new Uint8Array(Buffer.from(hex, "hex"));
        for (const [start, end, line] of lines) {
          expect([lineOf(table, first, start), lineOf(table, first, end - 2)]).toEqual([line ?? 0, line ?? 0]);
        }
        expect(lineOf(table, first, lines.at(-1)![1])).toBe(0);
      }
    });
  }
});

test("before the first instruction it is the line in which the function begins", () => {
  expect(lineOf(Uint8Array.of(0x80, 0), 12, -2)).toBe(12);
});

test("any bytes give a line or none", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(100_000),
      fc.integer({ min: -4, max: 5000 }),
      (table, first, at) => {
        expect(lineOf(table, first, at)).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});
