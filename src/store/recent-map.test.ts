import fc from "fast-check";
import { expect, test } from "vitest";
import { RecentMap } from "./recent-map.ts";

test("a recent map holds what was used last, and at most as much again", () => {
  const capacity = 4;
  const step = fc.record({ key: fc.integer({ min: 0, max: 12 }), isRead: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new RecentMap<number, string>(capacity);
      /** All that was ever set, used last at the end. */
      const model = new Map<number, string>();
      for (const [at, { key, isRead }] of steps.entries()) {
        const known = isRead ? map.get(key) : undefined;
        if (!isRead) map.set(key, `${key} ${at}`);
        if (isRead && known === undefined) continue;
        const value = isRead ? model.get(key)! : `${key} ${at}`;
        if (isRead) expect(known).toBe(value);
        model.delete(key);
        model.set(key, value);
        expect(map.size).toBeLessThan(2 * capacity);
      }
      for (const [key, value] of [...model].slice(-capacity)) expect(map.get(key)).toBe(value);
    }),
  );
});

test("a recent map forgets what is deleted, and all when it is cleared", () => {
  const map = new RecentMap<string, number>(2);
  for (const [at, key] of ["a", "b", "c"].entries()) map.set(key, at);
  map.delete("a");
  map.delete("c");
  expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([undefined, 1, undefined, 1]);
  map.clear();
  expect([map.get("b"), map.size]).toEqual([undefined, 0]);
});
