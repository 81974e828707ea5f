import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ColumnMemory } from "./column-memory.ts";
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
        const nodes = { parent, length: parent.length };
        expectSame(StackTree.of(nodes, ...columnsOf(values), { scale }), parent, values, scale);
      }),
    );
  });

  test("below some nodes has those nodes and what they call", () => {
    fc.assert(
      fc.property(trees, fc.nat(), ({ parent, values }, pick) => {
        const { total, callees } = naive(parent, values, 1);
        const used = [...total.keys()].filter((node) => total[node]! > 0);
        const roots = callees[used[pick % Math.max(1, used.length)] ?? 0]!;
        const below = StackTree.of({ parent, length: parent.length }, ...columnsOf(values)).below(roots);
        expect(below.totalOf(0)).toBe(roots.reduce((sum, root) => sum + total[root]!, 0));
        expect(calleesOf(below, 0)).toEqual(roots.map((root) => [root, total[root]]));
        const reached = [...roots];
        for (const node of reached) reached.push(...callees[node]!);
        expect(below.used).toBe(reached.length);
      }),
    );
  });

  test("is the same in memory that another one was laid out in", () => {
    const memory = new ColumnMemory();
    fc.assert(
      fc.property(trees, ({ parent, values }) => {
        const columns = memory.take();
        expectSame(StackTree.of({ parent, length: parent.length }, ...columnsOf(values), { columns }), parent, values);
        memory.give(columns);
      }),
    );
  });

  test("follows a store whose tree grows, also into numbers that meant nothing before", () => {
    fc.assert(
      fc.property(trees, fc.array(fc.boolean(), { maxLength: 150 }), ({ parent, values }, isLate) => {
        // What is called by something that comes late is late as well.
        const late = new Set<number>();
        for (let node = 1; node < parent.length; node++) {
          if (isLate[node] === true || late.has(parent[node]!)) late.add(node);
        }
        const nodes = { length: parent.length, parent: parent.map((caller, node) => (late.has(node) ? 0 : caller)) };
        const early = values.filter(([node]) => !late.has(node));
        expectSame(StackTree.of(nodes, ...columnsOf(early)), parent, early);
        for (const node of late) nodes.parent[node] = parent[node]!;
        expectSame(StackTree.of(nodes, ...columnsOf(values)), parent, values);
        const longer = Object.assign(nodes, {
          length: parent.length + 2,
          parent: Uint32Array.of(...parent, 0, parent.length),
        });
        const last: [number, number] = [parent.length + 1, 5];
        expectSame(StackTree.of(longer, ...columnsOf([...values, last])), longer.parent, [...values, last]);
      }),
    );
  });

  test("without values calls nothing", () => {
    const tree = StackTree.of({ parent: Uint32Array.of(0, 0, 1), length: 3 }, Uint32Array.of(2), Float64Array.of(0));
    expect([tree.used, tree.totalOf(0), tree.first(0)]).toEqual([0, 0, 0]);
  });
});

type Values = readonly (readonly [node: number, value: number])[];

function columnsOf(values: Values): [leaves: Uint32Array, values: Float64Array] {
  return [Uint32Array.from(values, ([node]) => node), Float64Array.from(values, ([, value]) => value)];
}

function expectSame(tree: StackTree, parent: Uint32Array, values: Values, scale = 1): void {
  const { total, callees } = naive(parent, values, scale);
  expect(tree.used).toBe([...total.keys()].filter((node) => node > 0 && total[node]! > 0).length);
  expect(tree.totalOf(0)).toBe(total[0]);
  for (const [node, value] of total.entries()) {
    if (value === 0) continue;
    expect(tree.totalOf(node)).toBe(value);
    expect(calleesOf(tree, node)).toEqual(callees[node]!.map((callee) => [callee, total[callee]]));
  }
}

function calleesOf(tree: StackTree, node: number) {
  const found: [node: number, total: number][] = [];
  for (let at = tree.first(node); at !== 0; at = tree.next(at)) found.push([tree.node(at), tree.total(at)]);
  return found;
}

function naive(parent: Uint32Array, values: Values, scale: number) {
  const total = Array.from(parent, () => 0);
  for (const [leaf, value] of values) {
    for (let node = leaf; node !== 0; node = parent[node]!) total[node]! += value * scale;
    total[0]! += value * scale;
  }
  const callees = Array.from(parent, (): number[] => []);
  for (let node = 1; node < parent.length; node++) if (total[node]! > 0) callees[parent[node]!]!.push(node);
  return { total, callees };
}
