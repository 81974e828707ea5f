import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessibleNode, accessibleNodes } from "./accessible-nodes.ts";
import { buildTree } from "./build-tree.ts";
import { FrameColours } from "./frame-colours.ts";
import type { FlameTree } from "./flame-tree.ts";
import { LabelCache } from "./label-cache.ts";
import { move, movementOf } from "./navigation.ts";
import { paletteOf } from "./palette.ts";
import { flameSvg } from "./svg.ts";
import { COUNTS, namedFrames, plainStacks, tableOf } from "./testing/random-stacks.ts";
import { coresOf } from "./cores.ts";
import { VisibleBoxes } from "./visible-boxes.ts";
import { between } from "./zoom-animation.ts";

const TREE = buildTree(
  tableOf([
    { frames: [0, 1], value: 30e9, other: 0 },
    { frames: [0, 2, 1], value: 10e9, other: 0 },
    { frames: [3], value: 20e9, other: 0 },
  ]),
  namedFrames(),
  { type: "cpu", unit: "nanoseconds", coveredMs: 60_000, otherCoveredMs: undefined },
);

function boxesOf(tree: FlameTree, width = 600): VisibleBoxes {
  const boxes = new VisibleBoxes();
  boxes.collect(tree, {
    width,
    height: 400,
    ratio: 1,
    left: 0,
    span: tree.weight[0]! || 1,
    scroll: 0,
    rowHeight: 20,
    orientation: "icicle",
  });
  return boxes;
}

describe("the items of the ARIA tree", () => {
  test("say name, total, cores, self and share, and where they stand", () => {
    expect(accessibleNode(TREE, 1)).toMatchObject({
      node: 1,
      parent: 0,
      level: 2,
      position: 1,
      setSize: 2,
      childCount: 2,
      name: "main",
      share: 40 / 60,
      label: "main, total 40.0\u202fs, 0.667\u202fcores, self 0\u202fs, 66.7\u202f%",
    });
    expect(accessibleNode(TREE, 0)).toMatchObject({ name: "all", level: 1, parent: -1, setSize: 1, childCount: 2 });
  });

  test("are every box that is drawn, each behind its parent, levels without holes", () => {
    fc.assert(
      fc.property(plainStacks, fc.integer({ min: 1, max: 300 }), (stacks, width) => {
        const tree = buildTree(tableOf(stacks), namedFrames(), COUNTS);
        const boxes = boxesOf(tree, width);
        const items = accessibleNodes(tree, boxes, 10_000);
        const seen = new Set<number>();
        for (const { node, parent } of items) {
          expect(parent === -1 || seen.has(parent)).toBe(true);
          seen.add(node);
        }
        for (let box = 0; box < boxes.length; box++)
          if (boxes.run[box] === 0) expect(seen.has(boxes.node[box]!)).toBe(true);
      }),
    );
  });

  test("are the heaviest where there are too many", () => {
    const items = accessibleNodes(TREE, boxesOf(TREE), 3);
    expect(items.map(({ name }) => name)).toEqual(["all", "main", "alloc"]);
  });
});

describe("moving by keys", () => {
  test("follows the picture", () => {
    expect(movementOf("ArrowDown", "icicle")).toBe("child");
    expect(movementOf("ArrowDown", "flame")).toBe("parent");
    expect(movementOf("x", "flame")).toBeUndefined();
  });

  test("leads to parents, heaviest children and neighbours, and stays at the ends", () => {
    const names = (nodes: readonly number[]): string[] => nodes.map((node) => TREE.name(node));
    expect(names([move(TREE, 0, "child"), move(TREE, 1, "child"), move(TREE, 1, "next")])).toEqual([
      "main",
      "alloc",
      "walk",
    ]);
    expect([move(TREE, 0, "parent"), move(TREE, 1, "previous"), move(TREE, 2, "next"), move(TREE, 5, "child")]).toEqual(
      [0, 1, 2, 5],
    );
    expect(move(TREE, 5, "root")).toBe(0);
  });

  test("reaches every node by children and neighbours", () => {
    fc.assert(
      fc.property(plainStacks, (stacks) => {
        const tree = buildTree(tableOf(stacks), namedFrames(), COUNTS);
        for (let node = 1; node < tree.length; node++)
          expect(move(tree, move(tree, node, "parent"), "child")).toBeLessThanOrEqual(node);
        for (let node = 1; node + 1 < tree.length; node++) {
          const next = move(tree, node, "next");
          expect(next === node ? tree.depthOf(node + 1) > tree.depthOf(node) : next === node + 1).toBe(true);
        }
      }),
    );
  });
});

describe("the picture as SVG", () => {
  const names = ["main", 'a<b>&"c"\u0007', "parse", "walk"];
  const tree = buildTree(tableOf([{ frames: [0, 1], value: 3, other: 0 }]), namedFrames(names), COUNTS);
  const svg = flameSvg({
    tree,
    zoomed: 0,
    palette: paletteOf("light"),
    colours: new FrameColours(tree, "kind"),
    labels: new LabelCache(tree.frames),
    matches: undefined,
    orientation: "flame",
    width: 400,
    rowHeight: 20,
    title: "cpu <of> x",
  });

  test("has a box and a title for each node", () => {
    expect(svg.match(/<g><title>/g)).toHaveLength(3);
    expect(svg).toContain("<title>main, total 3, self 0, 100\u202f%</title>");
    expect(svg).toContain('height="94"');
  });

  test("escapes what names hold", () => {
    expect(svg).toContain("a&lt;b&gt;&amp;&quot;c&quot;\ufffd");
    expect(svg).toContain("<title>cpu &lt;of&gt; x</title>");
    expect(svg).not.toContain("<script");
  });
});

test("cores are time over the time covered", () => {
  expect(coresOf(TREE.measure, 30e9)).toBe(0.5);
  expect(coresOf({ ...TREE.measure, coveredMs: undefined }, 30e9)).toBeUndefined();
});

test("a zoom begins and ends where it should, and keeps its fixed point all the way", () => {
  const from = { left: 0, span: 1000, scroll: 0 };
  const to = { left: 300, span: 1, scroll: 60 };
  expect(between(from, to, 0)).toEqual(from);
  expect(between(from, to, 1)).toEqual(to);
  // The place that both windows have at the same share of their width.
  const fixed = 300 / (1000 - 1);
  for (const progress of [0.1, 0.5, 0.9]) {
    const { left, span } = between(from, to, progress);
    expect(left + fixed * span).toBeCloseTo(300 + fixed, 6);
  }
});
