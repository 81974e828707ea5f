import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StackTree } from "./stack-tree.ts";

/** Nodes by their parents, most of them called by the one numbered right before, and values of some. */
const trees = fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.boolean()), { maxLength: 150 }).chain((nodes) =>
  fc.record({
    parent: fc.constant(
      Uint32Array.from([
        0,
        ...nodes.map(([pick, isNext, isNear], at) => at - (isNext || isNear ? 0 : pick % (at + 1))),
      ]),
    ),
    values: fc.array(fc.tuple(fc.nat({ max: nodes.length }), fc.nat({ max: 9 })), { maxLength: 40 }),
  }),
);

describe("a tree of segments", () => {
  test("has the totals, the callees and the number of nodes of the tree that it is made of", () => {
    fc.assert(
      fc.property(trees, fc.constantFrom(1, 3), ({ parent, values }, scale) => {
        const { total, callees } = naive(parent, values, scale);
        const tree = treeOf(parent, values, scale);
        expect(tree.used).toBe([...total.keys()].filter((node) => node > 0 && total[node]! > 0).length);
        expect(tree.totalOf(0)).toBe(total[0]);
        for (const [node, value] of total.entries()) {
          if (value === 0) continue;
          expect(tree.totalOf(node)).toBe(value);
          expect(calleesOf(tree, node)).toEqual(callees[node]!.map((callee) => [callee, total[callee]]));
        }
      }),
    );
  });

  test("below some nodes has those nodes and what they call", () => {
    fc.assert(
      fc.property(trees, fc.nat(), ({ parent, values }, pick) => {
        const { total, callees } = naive(parent, values, 1);
        const used = [...total.keys()].filter((node) => total[node]! > 0);
        const roots = callees[used[pick % Math.max(1, used.length)] ?? 0]!;
        const below = treeOf(parent, values, 1).below(roots);
        expect(below.totalOf(0)).toBe(roots.reduce((sum, root) => sum + total[root]!, 0));
        expect(calleesOf(below, 0)).toEqual(roots.map((root) => [root, total[root]]));
        const reached = [...roots];
        for (const node of reached) reached.push(...callees[node]!);
        expect(below.used).toBe(reached.length);
      }),
    );
  });

  test("without values calls nothing", () => {
    const tree = StackTree.of(Uint32Array.of(0, 0, 1), 3, Uint32Array.of(2), Float64Array.of(0));
    expect([tree.used, tree.totalOf(0), tree.first(0)]).toEqual([0, 0, 0]);
  });
});

function treeOf(parent: Uint32Array, values: readonly (readonly [number, number])[], scale: number): StackTree {
  const nodes = Uint32Array.from(values, ([node]) => node);
  const own = Float64Array.from(values, ([, value]) => value);
  return StackTree.of(parent, parent.length, nodes, own, scale);
}

function calleesOf(tree: StackTree, node: number) {
  const found: [node: number, total: number][] = [];
  for (let at = tree.first(node); at !== 0; at = tree.next(at)) found.push([tree.node(at), tree.total(at)]);
  return found;
}

function naive(parent: Uint32Array, values: readonly (readonly [number, number])[], scale: number) {
  const total = Array.from(parent, () => 0);
  for (const [leaf, value] of values) {
    for (let node = leaf; node !== 0; node = parent[node]!) total[node]! += value * scale;
    total[0]! += value * scale;
  }
  const callees = Array.from(parent, (): number[] => []);
  for (let node = 1; node < parent.length; node++) if (total[node]! > 0) callees[parent[node]!]!.push(node);
  return { total, callees };
}
