/** Every frame that is drawn is what a renderer draws that looks at every node: a wrong cull looks plausible. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTree } from "./build-tree.ts";
import { type ColourMode, FrameColours } from "./frame-colours.ts";
import { FrameTable } from "./frame-table.ts";
import type { DiffScale, FlameTree } from "./flame-tree.ts";
import { LabelCache } from "./label-cache.ts";
import { findMatches } from "./matches.ts";
import { Painter } from "./painter.ts";
import { paletteOf, type Theme } from "./palette.ts";
import { naivePicture } from "./testing/naive-picture.ts";
import { COUNTS, type PlainStack, plainStacks, tableOf } from "./testing/random-stacks.ts";
import { type DrawnRectangle, type DrawnText, RecordingSurface } from "./testing/recording-surface.ts";
import { type Transform, transformStacks } from "./transform.ts";
import type { Orientation, Viewport } from "./viewport.ts";
import { VisibleBoxes } from "./visible-boxes.ts";

/** Some with short names, some with long ones, of several kinds. */
const FRAMES = FrameTable.of(
  Array.from({ length: 401 }, (_, at) => ({
    name: ["main", "alloc", "net/http.(*conn).serve", "std::vector<int>::grow(int)", "too deep"][at % 5]! + String(at),
    file: "",
    line: 0,
    type: at % 5 === 4 ? "truncated" : at % 7 === 0 ? "kernel" : "",
    mapping: "",
  })),
);

/** Many narrow neighbours with wide ones among them: what a cull that jumps too far gets wrong. */
const crowds = fc.array(
  fc.record({
    frames: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 3 })),
    value: fc.oneof(
      { weight: 9, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.integer({ min: 5, max: 400 }) },
    ),
    other: fc.constantFrom(0, 0, 1, 7),
  }),
  { minLength: 1, maxLength: 300 },
);

/** A function that calls itself, with something beside it at each level. */
const recursions: fc.Arbitrary<PlainStack[]> = fc
  .record({ depth: fc.integer({ min: 1, max: 120 }), every: fc.integer({ min: 1, max: 9 }) })
  .map(({ depth, every }) =>
    Array.from({ length: depth }, (_, level) => ({
      frames: Array.from({ length: level + 1 }, (__, at) => (at === level && level % every === 0 ? 7 + level : 5)),
      value: 1 + (level % 4) * 1000,
      other: level % 3,
    })),
  );

const steps = fc.constantFrom<readonly Transform[]>(
  [],
  [],
  [{ kind: "invert" }],
  [{ kind: "focus", name: "alloc1" }],
  [{ kind: "callers", name: "alloc1" }],
  [{ kind: "hide", name: "main0" }],
  [{ kind: "collapse-recursion" }],
  [{ kind: "focus", name: "alloc1" }, { kind: "invert" }],
);

/** What is looked at: places and heights as shares of the tree, so that they fit any. */
const views = fc.record({
  left: fc.double({ min: 0, max: 1, noNaN: true }),
  // As far in as the view goes.
  span: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 3, arbitrary: fc.double({ min: 1e-3, max: 1, noNaN: true }) },
    { weight: 1, arbitrary: fc.double({ min: 1e-9, max: 1e-6, noNaN: true }) },
  ),
  width: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 200, max: 900 })),
  height: fc.integer({ min: 1, max: 300 }),
  ratio: fc.constantFrom(1, 1.1, 1.25, 1.5, 2, 3),
  scroll: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  orientation: fc.constantFrom<Orientation>("icicle", "flame"),
  rowHeight: fc.constantFrom(16, 20),
});

const looks = fc.record({
  theme: fc.constantFrom<Theme>("light", "dark"),
  mode: fc.constantFrom<ColourMode>("kind", "package"),
  search: fc.option(fc.constantFrom("alloc", "grow", "main1", "nothing like it"), { nil: undefined }),
  /** Share of the nodes ahead of the one that is zoomed to. */
  zoomed: fc.double({ min: 0, max: 1, noNaN: true }),
});

interface Shape {
  readonly stacks: readonly PlainStack[];
  readonly transforms: readonly Transform[];
  readonly diff: DiffScale | undefined;
  readonly minShare: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  stacks: fc.oneof(plainStacks, crowds, recursions),
  transforms: steps,
  diff: fc.constantFrom<DiffScale | undefined>(undefined, "absolute", "relative"),
  // Trees from the server lack what is too small.
  minShare: fc.constantFrom(0, 0, 0.02),
});

function treeOf({ stacks, transforms, diff, minShare }: Shape): FlameTree {
  let table = tableOf(stacks, diff !== undefined);
  for (const step of transforms) table = transformStacks(table, FRAMES, step);
  return buildTree(table, FRAMES, COUNTS, { minShare, ...(diff ? { diffScale: diff } : {}) });
}

function viewportOf(tree: FlameTree, view: typeof views extends fc.Arbitrary<infer T> ? T : never): Viewport {
  const whole = tree.weight[0]! || 1;
  const span = view.span * whole;
  const scroll = Math.floor(view.scroll * tree.depth * view.rowHeight);
  return { ...view, span, left: view.left * (whole - span), scroll };
}

/** In one order, for pictures that are drawn in another. */
const sorted = (drawn: readonly (DrawnRectangle | DrawnText)[]): string[] =>
  drawn
    .map((one) => {
      const { fill, x, y } = one;
      return `${fill} at ${x},${y}: ${"text" in one ? one.text : `${one.width} by ${one.height}`}`;
    })
    .sort();

const HATCH = (): CanvasPattern => ({}) as CanvasPattern;

describe("a drawn frame", () => {
  test("equals a naive renderer's: any tree, transformation, comparison, place, orientation and pixel ratio", () => {
    fc.assert(
      fc.property(shapes, views, looks, (shape, view, { theme, mode, search, zoomed }) => {
        const tree = treeOf(shape);
        const viewport = viewportOf(tree, view);
        const found = search === undefined ? undefined : findMatches(tree, { text: search, regex: false });
        const matches = found && "problem" in found ? undefined : found;
        const look = {
          colours: new FrameColours(tree, tree.other ? "diff" : mode),
          palette: paletteOf(theme),
          matches,
          above: new Set(tree.ancestry(Math.floor(zoomed * (tree.length - 1))).slice(0, -1)),
        };
        const boxes = new VisibleBoxes();
        boxes.collect(tree, viewport);
        const surface = new RecordingSurface();
        const whole = new Painter().paint(surface, {
          tree,
          viewport,
          boxes,
          ...look,
          labels: new LabelCache(tree.frames),
          hovered: -1,
          selected: -1,
          highlighted: -1,
          fontFamily: "monospace",
          hatch: HATCH,
        });
        const { rectangles, texts } = naivePicture(tree, viewport, look);
        expect(whole).toBe(true);
        expect(surface.rectangles[0]).toEqual(rectangles[0]);
        expect(sorted(surface.rectangles)).toEqual(sorted(rectangles));
        expect(sorted(surface.texts)).toEqual(sorted(texts));
      }),
      { numRuns: 400 },
    );
  });

  test("that ran out of time is the same once it is drawn on", () => {
    const stacks = Array.from({ length: 120 }, (_, at) => ({ frames: [at % 10, at], value: 1, other: 0 }));
    const tree = buildTree(tableOf(stacks), FRAMES, COUNTS);
    const viewport = viewportOf(tree, {
      left: 0,
      span: 1,
      width: 9000,
      height: 200,
      ratio: 1,
      scroll: 0,
      orientation: "icicle",
      rowHeight: 20,
    });
    const look = {
      colours: new FrameColours(tree, "kind"),
      palette: paletteOf("light"),
      matches: undefined,
      above: new Set<number>(),
    };
    const boxes = new VisibleBoxes();
    boxes.collect(tree, viewport);
    const surface = new RecordingSurface();
    const painter = new Painter();
    const parts = { tree, viewport, boxes, ...look, labels: new LabelCache(tree.frames) };
    const nothing = { hovered: -1, selected: -1, highlighted: -1, fontFamily: "monospace", hatch: HATCH };
    // No time at all: boxes are drawn nevertheless, and some labels each time.
    let frames = 1;
    for (let done = painter.paint(surface, { ...parts, ...nothing }, 0); !done; frames++) {
      const before = surface.texts.length;
      done = painter.paintMore(surface, 0);
      expect(surface.texts.length).toBeGreaterThan(before);
    }
    expect(frames).toBeGreaterThan(5);
    expect(surface.texts[0]!.text).toBe("all");
    const { rectangles, texts } = naivePicture(tree, viewport, look);
    expect(sorted(surface.rectangles)).toEqual(sorted(rectangles));
    expect(sorted(surface.texts)).toEqual(sorted(texts));
  });
});
