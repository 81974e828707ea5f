import fc from "fast-check";
import { expect, test } from "vitest";
import { CandidateHeap } from "./candidate-heap.ts";

test("gives the heaviest nodes in order, of equals those with the lower numbers, however many there are", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 6000, size: "max" });
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 700 }), fc.nat({ max: 20 }), (given, most, early) => {
      const heap = new CandidateHeap(most);
      const taken: number[] = [];
      const take = (count: number): void => {
        for (let node: number | undefined = 0; taken.length < count && node !== undefined;) {
          node = heap.pop();
          if (node !== undefined) taken.push(node);
        }
      };
      const half = given.length >> 1;
      for (let node = 0; node < half; node++) heap.push(node, given[node]!);
      take(Math.min(early, most));
      // What comes later is no heavier than what was taken, as callees are.
      const heaviest = taken.length === 0 ? Infinity : given[taken.at(-1)!]!;
      const all = given.map((weight, node) => (node < half ? weight : Math.min(weight, heaviest)));
      const ahead = taken.slice();
      for (let node = half; node < all.length; node++) heap.push(node, all[node]!);
      take(most);
      const rest = [...all.keys()].filter((node) => !ahead.includes(node)).sort((a, b) => all[b]! - all[a]! || a - b);
      expect(taken).toEqual([...ahead, ...rest].slice(0, most));
    }),
    { numRuns: 60 },
  );
});
