import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { type FlameTree, REMAINDER_FRAME } from "./flame-tree.ts";
import { stacksOf } from "./stack-table.ts";
import { COUNTS, namedFrames, type PlainStack, plainStacks, tableOf } from "./testing/random-stacks.ts";

/** The tree as maps of maps: value by path. */
function valuesByPath(stacks: readonly PlainStack[], of: (stack: PlainStack) => number): Map<string, number> {
  const found = new Map<string, number>([["", 0]]);
  for (const stack of stacks) {
    for (let depth = 0; depth <= stack.frames.length; depth++) {
      const path = stack.frames.slice(0, depth).join();
      found.set(path, (found.get(path) ?? 0) + of(stack));
    }
  }
  return found;
}

function pathOf(tree: FlameTree, node: number): string {
  return tree
    .ancestry(node)
    .slice(1)
    .map((at) => tree.frame[at])
    .join();
}

function byPath(tree: FlameTree, column: Float64Array): Map<string, number> {
  return new Map(Array.from(column, (value, node) => [pathOf(tree, node), value]));
}

describe("building a tree", () => {
  test("adds up every path as maps of maps do", () => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        const tree = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
        expect(byPath(tree, tree.total)).toEqual(valuesByPath(stacks, ({ value }) => value));
        expect(byPath(tree, tree.other!)).toEqual(valuesByPath(stacks, ({ other }) => other));
      }),
    );
  });

  test("puts nodes breadth first, children contiguous and heaviest first", () => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        const tree = buildTree(tableOf(stacks), namedFrames(), COUNTS);
        for (let node = 0; node < tree.length; node++) {
          let at = tree.x[node]!;
          for (let child = tree.firstChild[node]!; child < tree.firstChild[node + 1]!; child++) {
            expect(tree.parent(child)).toBe(node);
            expect(tree.depthOf(child)).toBe(tree.depthOf(node) + 1);
            expect(tree.x[child]).toBe(at);
            at += tree.weight[child]!;
            if (child > tree.firstChild[node]!) expect(tree.total[child]).toBeLessThanOrEqual(tree.total[child - 1]!);
          }
          expect(tree.self(node)).toBe(tree.x[node]! + tree.total[node]! - at);
        }
      }),
    );
  });

  test("gives its stacks back", () => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        const tree = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
        const again = buildTree(stacksOf(tree)!, tree.frames, COUNTS);
        expect(byPath(again, again.total)).toEqual(byPath(tree, tree.total));
        expect(byPath(again, again.other!)).toEqual(byPath(tree, tree.other!));
      }),
    );
  });

  test("leaves small children to a remainder, which is last, and keeps every sum", () => {
    fc.assert(
      fc.property(plainStacks, fc.double({ min: 0, max: 0.5, noNaN: true }), (stacks, minShare) => {
        const tree = buildTree(tableOf(stacks), namedFrames(), COUNTS, { minShare });
        const whole = valuesByPath(stacks, ({ value }) => value);
        for (let node = 0; node < tree.length; node++) {
          if (tree.frame[node] === REMAINDER_FRAME) {
            expect(node + 1).toBe(tree.firstChild[tree.parent(node) + 1]);
            expect(tree.childCount(node)).toBe(0);
          } else {
            expect(tree.total[node]).toBe(whole.get(pathOf(tree, node)));
            if (node > 0) expect(tree.total[node]).toBeGreaterThanOrEqual(tree.total[0]! * minShare);
          }
        }
        if (minShare === 0) expect(tree.measure.omitted).toBe(0);
      }),
    );
  });

  test("sorts a hundred thousand siblings, equal ones in their order", () => {
    const stacks = Array.from({ length: 100_000 }, (_, at) => ({ frames: [at], value: 1 + (at % 3), other: 0 }));
    const tree = buildTree(tableOf(stacks), namedFrames(stacks.map((_, at) => String(at))), COUNTS);
    const frames = Array.from(tree.frame.subarray(1));
    const expected = [2, 1, 0].flatMap((rest) => stacks.map((_, at) => at).filter((at) => at % 3 === rest));
    expect(frames).toEqual(expected);
  });

  test("holds a recursion of 3,000 levels", () => {
    const stacks = [{ frames: Array.from({ length: 3000 }, () => 0), value: 5, other: 0 }];
    const tree = buildTree(tableOf(stacks), namedFrames(), COUNTS);
    expect(tree.depth).toBe(3001);
    expect(tree.depthOf(3000)).toBe(3000);
    expect(tree.self(3000)).toBe(5);
  });

  test("of nothing is a root that counts nothing", () => {
    const tree = buildTree(tableOf([]), namedFrames(), COUNTS);
    expect([tree.length, tree.depth, tree.total[0], tree.childCount(0)]).toEqual([1, 1, 0, 0]);
  });

  test("weighs a diff as it is, or as if both selections were equally large", () => {
    const stacks = [
      { frames: [0], value: 100, other: 1 },
      { frames: [1], value: 100, other: 3 },
    ];
    const tree = buildTree(tableOf(stacks, true), namedFrames(), COUNTS);
    expect(Array.from(tree.weight)).toEqual([204, 103, 101]);
    expect(Array.from(tree.scaled("relative").weight)).toEqual([400, 250, 150]);
    expect(tree.scaled("relative").scaled("absolute").weight).toEqual(tree.weight);
  });

  test("finds a node by its path, or how far the path leads", () => {
    const tree = buildTree(tableOf([{ frames: [0, 2, 1], value: 1, other: 0 }]), namedFrames(), COUNTS);
    expect(tree.path(3)).toEqual(["main", "parse", "alloc"]);
    expect(tree.find(["main", "parse", "alloc"])).toBe(3);
    expect(tree.find(["main", "parse", "gone", "alloc"])).toBe(2);
  });
});
