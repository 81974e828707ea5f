import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FreeNodes } from "./free-nodes.ts";

describe("free numbers of stack nodes", () => {
  test("are given as the smallest that is behind the caller, each once, until there is none", () => {
    const anyNodes = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 80 });
    fc.assert(
      fc.property(anyNodes, fc.array(fc.nat(220), { maxLength: 200 }), (nodes, callers) => {
        const left = new Set(nodes);
        const free = new FreeNodes();
        for (const node of [...nodes].sort((a, b) => a - b)) free.push(node);
        for (const caller of callers) {
          // Callers are in use.
          if (left.has(caller)) continue;
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
