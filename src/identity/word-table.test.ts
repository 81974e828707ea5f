import fc from "fast-check";
import { expect, test } from "vitest";
import { WordTable } from "./word-table.ts";

test("a table of words behaves as a map does", () => {
  // Few distinct keys, so that entries are met again, and some that differ in one word only.
  const key = fc.tuple(fc.integer({ min: 0, max: 200 }), fc.constantFrom(0, 1, 0xffffffff));
  const step = fc.record({ act: fc.constantFrom("set", "set", "delete", "get"), key, value: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const table = new WordTable<number>(2);
      const map = new Map<string, number>();
      for (const { act, key: words, value } of steps) {
        const name = words.join();
        const probe = Uint32Array.from(words);
        if (act === "set") {
          table.set(probe, value);
          map.set(name, value);
        } else if (act === "delete") expect(table.delete(probe)).toBe(map.delete(name));
        else expect(table.get(probe)).toBe(map.get(name));
        expect(table.size).toBe(map.size);
      }
      for (const [name, value] of map) expect(table.get(Uint32Array.from(name.split(",").map(Number)))).toBe(value);
    }),
    { numRuns: 60 },
  );
});

test("a table holds many keys", () => {
  const table = new WordTable<number>(8);
  const probe = new Uint32Array(8);
  for (let number = 0; number < 20_000; number++) {
    probe[7] = number;
    table.set(probe, number);
  }
  for (let number = 0; number < 20_000; number += 2) {
    probe[7] = number;
    table.delete(probe);
  }
  expect(table.size).toBe(10_000);
  for (let number = 0; number < 20_000; number++) {
    probe[7] = number;
    expect(table.get(probe)).toBe(number % 2 === 0 ? undefined : number);
  }
});
