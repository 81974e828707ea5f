import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StackStore } from "./stack-store.ts";

/** Frames of paths, few enough that paths share their beginnings. */
const anyPath = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 6 });

function made(stacks: StackStore, path: readonly number[]): number {
  return path.reduce((node, frame) => stacks.child(node, frame), 0);
}

describe("paths of stacks", () => {
  test("are followed as far as they are known, however many at once", () => {
    const anyPaths = fc.array(anyPath, { maxLength: 200 });
    fc.assert(
      fc.property(anyPaths, anyPaths, (known, asked) => {
        const stacks = new StackStore(10_000, () => false);
        const nodes = new Map<string, number>([["", 0]]);
        for (const path of known) {
          for (let end = 1; end <= path.length; end++) {
            const part = path.slice(0, end);
            nodes.set(part.join(), made(stacks, part));
          }
        }
        const before = stacks.used;
        const frames = Int32Array.from(asked.flat());
        const ends = Int32Array.from(asked, (_, at) => asked.slice(0, at + 1).flat().length);
        const positions = Int32Array.from(asked, (path, at) => ends[at]! - path.length);
        const reached = new Int32Array(asked.length);
        stacks.follow(frames, positions, ends, reached, asked.length);
        expect(stacks.used).toBe(before);
        for (const [at, path] of asked.entries()) {
          let end = path.length;
          while (!nodes.has(path.slice(0, end).join())) end--;
          expect(positions[at]).toBe(ends[at]! - path.length + end);
          expect(reached[at]).toBe(nodes.get(path.slice(0, end).join()));
        }
      }),
    );
  });
});
