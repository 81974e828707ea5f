import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FreeNodes } from "./free-nodes.ts";

describe("free numbers of stack nodes", () => {
  test("are given as the smallest that is behind the caller, each once, until there is none", () => {
    const anyNodes = fc.uniqueArray(fc.integer({ min: 1, max: 2200 }), { maxLength: 80 });
    fc.assert(
      fc.property(anyNodes, fc.array(fc.nat(2220), { maxLength: 200 }), fc.nat(80), (nodes, callers, at) => {
        const left = new Set(nodes);
        const free = new FreeNodes(2201);
        for (const node of nodes) free.add(node);
        const removed = nodes[at];
        if (removed !== undefined) {
          left.delete(removed);
          free.remove(removed);
        }
        for (const caller of callers) {
          const behind = [...left].filter((node) => node > caller);
          const expected = behind.length === 0 ? 0 : Math.min(...behind);
          expect(free.take(caller)).toBe(expected);
          left.delete(expected);
          expect(free.length).toBe(left.size);
        }
      }),
    );
  });
});
