import fc from "fast-check";
import { expect, test } from "vitest";
import { lastAtOrBelow, sortByKey } from "./radix-sort.ts";

const keys = fc.array(fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 0xffffffff })), { maxLength: 300 });

test("keys are sorted with their values, equal ones in the order they came in", () => {
  fc.assert(
    fc.property(keys, fc.nat(50), (list, unused) => {
      const expected = list.map((key, value) => [key, value]).toSorted((a, b) => a[0]! - b[0]!);
      const given = Uint32Array.from([...list, ...Array<number>(unused).fill(7)]);
      const sorted = sortByKey(given, Uint32Array.from(given.keys()), list.length);
      expect([...sorted.keys].map((key, at) => [key, sorted.values[at]])).toEqual(expected);
      expect(sorted.keys.buffer.byteLength).toBe(list.length * 4);
    }),
  );
});

test("the last key at or below a number is found", () => {
  fc.assert(
    fc.property(keys, fc.integer({ min: 0, max: 0xffffffff }), (list, wanted) => {
      const sorted = Uint32Array.from(list).sort();
      expect(lastAtOrBelow(sorted, wanted)).toBe(sorted.findLastIndex((key) => key <= wanted));
    }),
  );
});
