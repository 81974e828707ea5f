import fc from "fast-check";
import { expect, test } from "vitest";
import { CandidateHeap } from "./candidate-heap.ts";

test("gives the heaviest nodes in order, of equals those with the lower numbers, however many there are", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 6000, size: "max" });
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 700 }), fc.integer({ min: 0, max: 20 }), (given, most, early) => {
      const heap = new CandidateHeap(most);
      const taken: (number | undefined)[] = [];
      const half = given.length >> 1;
      given.slice(0, half).forEach((weight, node) => heap.push(node, weight));
      while (taken.length < Math.min(early, most)) taken.push(heap.pop());
      // What comes later is no heavier than what was taken, as callees are.
      const heaviest = early === 0 ? Infinity : (given[taken.at(-1) ?? -1] ?? 1);
      const all = given.map((weight, node) => (node < half ? weight : Math.min(weight, heaviest)));
      for (let node = half; node < all.length; node++) heap.push(node, all[node]!);
      while (taken.length < most) taken.push(heap.pop());
      const ahead = [...taken.slice(0, Math.min(early, most))];
      const rest = [...all.keys()].filter((node) => !ahead.includes(node)).sort((a, b) => all[b]! - all[a]! || a - b);
      const expected = [...ahead, ...rest].filter((node) => node !== undefined);
      expect(taken.filter((node) => node !== undefined)).toEqual(expected.slice(0, most));
    }),
    { numRuns: 60 },
  );
});
