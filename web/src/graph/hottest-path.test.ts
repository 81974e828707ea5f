import { expect, test } from "vitest";
import { FlameTree, FrameTable } from "../flame/index.ts";
import { hottestPath } from "./hottest-path.ts";
import { nodeAtPath, nodePath } from "./node-path.ts";

const names = ["main", "work", "sort", "hash", "idle"];
const frames = FrameTable.of(names.map((name) => ({ name, file: "", line: 0, type: "native", mapping: "" })));
const measure = { type: "cpu", unit: "nanoseconds", coveredMs: 1000, otherCoveredMs: undefined, omitted: 0 };

/** all 100 → main 90 → work 80 → (sort 30, hash 25); all → idle 10. */
function tree(): FlameTree {
  return new FlameTree(
    {
      measure,
      frame: Int32Array.of(-1, 0, 4, 1, 2, 3),
      firstChild: Int32Array.of(1, 3, 4, 4, 6, 6, 6),
      total: Float64Array.of(100, 90, 10, 80, 30, 25),
      other: undefined,
    },
    frames,
  );
}

test("the hottest path ends where time splits up", () => {
  const graph = tree();
  expect(hottestPath(graph).map((node) => graph.name(node))).toEqual(["main", "work"]);
});

test("an empty graph has no hottest path", () => {
  const empty = new FlameTree(
    { measure, frame: Int32Array.of(-1), firstChild: Int32Array.of(1, 1), total: Float64Array.of(0), other: undefined },
    frames,
  );
  expect(hottestPath(empty)).toEqual([]);
});

test("every node is found again by its path", () => {
  const graph = tree();
  for (let node = 0; node < graph.length; node++) expect(nodeAtPath(graph, nodePath(graph, node))).toBe(node);
});

test("a path that leads nowhere ends at the last node that is there", () => {
  const graph = tree();
  expect(nodeAtPath(graph, `${nodePath(graph, 3)}.zzzz`)).toBe(3);
  expect(nodeAtPath(graph, "nothing*9999999.here")).toBe(0);
});

test("a recursion of thousands has a short path", () => {
  const depth = 3000;
  const deep = new FlameTree(
    {
      measure,
      frame: Int32Array.from({ length: depth + 1 }, (_, node) => (node === 0 ? -1 : 1)),
      firstChild: Int32Array.from({ length: depth + 2 }, (_, node) => Math.min(node + 1, depth + 1)),
      total: new Float64Array(depth + 1).fill(5),
      other: undefined,
    },
    frames,
  );
  const path = nodePath(deep, depth);
  expect(path.length).toBeLessThan(12);
  expect(nodeAtPath(deep, path)).toBe(depth);
});
