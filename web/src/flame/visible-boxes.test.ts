import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { FrameColours } from "./frame-colours.ts";
import type { FlameTree } from "./flame-tree.ts";
import { LabelCache } from "./label-cache.ts";
import { Painter, type SceneParts } from "./painter.ts";
import { paletteOf } from "./palette.ts";
import { naiveBoxes } from "./testing/naive-picture.ts";
import { COUNTS, namedFrames, plainStacks, tableOf } from "./testing/random-stacks.ts";
import { RecordingSurface } from "./testing/recording-surface.ts";
import type { Orientation, Viewport } from "./viewport.ts";
import { VisibleBoxes } from "./visible-boxes.ts";

/** Shares of the tree, so that a viewport fits any. */
const windows = fc.record({
  left: fc.double({ min: 0, max: 1, noNaN: true }),
  span: fc.oneof(fc.constant(1), fc.double({ min: 1e-6, max: 1, noNaN: true })),
  width: fc.integer({ min: 1, max: 90 }),
  height: fc.integer({ min: 1, max: 200 }),
  ratio: fc.constantFrom(1, 1.25, 2, 3),
  scroll: fc.integer({ min: 0, max: 120 }),
  orientation: fc.constantFrom<Orientation>("icicle", "flame"),
});

/** Many narrow neighbours with wide ones among them: what a cull that jumps too far gets wrong. */
const siblings = fc.array(
  fc.record({
    frames: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 3 })),
    value: fc.oneof(
      { weight: 9, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.integer({ min: 5, max: 400 }) },
    ),
    other: fc.constant(0),
  }),
  { minLength: 1, maxLength: 400 },
);

function viewportOf(tree: FlameTree, window: typeof windows extends fc.Arbitrary<infer T> ? T : never): Viewport {
  const whole = tree.weight[0]! || 1;
  const span = window.span * whole;
  return { ...window, span, left: window.left * (whole - span), rowHeight: 20 };
}

function collected(tree: FlameTree, viewport: Viewport): VisibleBoxes {
  const boxes = new VisibleBoxes();
  boxes.collect(tree, viewport);
  return boxes;
}

function listed(boxes: VisibleBoxes): unknown[] {
  return Array.from({ length: boxes.length }, (_, box) => ({
    depth: boxes.firstLevel + boxes.row[box]!,
    node: boxes.node[box],
    last: boxes.last[box],
    run: boxes.run[box] === 1,
    start: boxes.start[box],
    end: boxes.end[box],
  }));
}

function sceneOf(tree: FlameTree, viewport: Viewport): SceneParts {
  return {
    tree,
    viewport,
    boxes: collected(tree, viewport),
    palette: paletteOf("light"),
    colours: new FrameColours(tree, "kind"),
    labels: new LabelCache(tree.frames),
    above: new Set(),
    matches: undefined,
    hovered: -1,
    selected: -1,
    highlighted: -1,
    fontFamily: "monospace",
    hatch: undefined,
  };
}

describe("the boxes of a viewport", () => {
  test.each([
    ["trees", plainStacks],
    ["crowds of narrow siblings", siblings],
  ])("are those of a renderer that looks at every node (%s)", (_, stacks) => {
    fc.assert(
      fc.property(stacks, windows, (plain, window) => {
        const tree = buildTree(tableOf(plain), namedFrames(Array.from({ length: 401 }, (__, at) => `f${at}`)), COUNTS);
        const viewport = viewportOf(tree, window);
        expect(listed(collected(tree, viewport))).toEqual(naiveBoxes(tree, viewport));
      }),
      { numRuns: 400 },
    );
  });

  test("are found again at each of their pixels", () => {
    fc.assert(
      fc.property(fc.oneof(plainStacks, siblings), windows, (plain, window) => {
        const tree = buildTree(tableOf(plain), namedFrames(Array.from({ length: 401 }, (__, at) => `f${at}`)), COUNTS);
        const boxes = collected(tree, viewportOf(tree, window));
        for (let box = 0; box < boxes.length; box++) {
          const depth = boxes.firstLevel + boxes.row[box]!;
          const found = boxes.at(depth, boxes.start[box]!);
          expect(boxes.start[found]).toBeLessThanOrEqual(boxes.start[box]!);
          expect(boxes.end[found]).toBeGreaterThan(boxes.start[box]!);
        }
        expect(boxes.at(tree.depth + 5, 0)).toBe(-1);
      }),
    );
  });

  test("are as many as pixels allow, whatever the tree holds", () => {
    const stacks = Array.from({ length: 200_000 }, (_, at) => ({ frames: [at], value: 1 + (at % 5), other: 0 }));
    const tree = buildTree(tableOf(stacks), namedFrames(stacks.map((_, at) => String(at))), COUNTS);
    const boxes = collected(tree, {
      width: 1000,
      height: 800,
      ratio: 1,
      left: 0,
      span: tree.weight[0]!,
      scroll: 0,
      rowHeight: 20,
      orientation: "icicle",
    });
    expect(boxes.length).toBe(2);
    expect([boxes.node[1], boxes.last[1], boxes.run[1]]).toEqual([1, 200_000, 1]);
  });
});

describe("labels", () => {
  const tree = buildTree(tableOf([{ frames: [0, 4], value: 3, other: 0 }]), namedFrames(), COUNTS);
  const viewport: Viewport = {
    width: 60,
    height: 100,
    ratio: 1,
    left: 0,
    span: 3,
    scroll: 0,
    rowHeight: 20,
    orientation: "icicle",
  };

  test("are shortened to what fits, and stand inside their box", () => {
    const surface = new RecordingSurface();
    new Painter().paint(surface, sceneOf(tree, viewport));
    expect(surface.texts.map(({ text }) => text)).toEqual(["all", "main", "grow"]);
    for (const { text, x } of surface.texts) expect(x + text.length * 7).toBeLessThanOrEqual(60);
  });

  test("keep to a number that can be drawn in time, the widest first", () => {
    const stacks = Array.from({ length: 4000 }, (_, at) => ({ frames: [at % 80, at], value: 1, other: 0 }));
    const crowd = buildTree(tableOf(stacks), namedFrames(stacks.map((_, at) => `function${at}`)), COUNTS);
    const surface = new RecordingSurface();
    const wide = { ...viewport, width: 200_000, span: crowd.weight[0]! };
    new Painter().paint(surface, sceneOf(crowd, wide));
    expect(surface.texts.length).toBeGreaterThan(80);
    expect(surface.texts.length).toBeLessThanOrEqual(1500);
  });
});
