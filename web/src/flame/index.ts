/**
 * The flame graph: trees as columns, what can be asked of them, and a view on a canvas. Start with `FlameTree`, then
 * `FlameEngine` (search, transformations, functions) and `FlameView` (drawing, moving, events, the items of an ARIA tree).
 *
 *     const decoded = decodeFlame(bytes);                               // web/src/api/flame-decoding.ts
 *     if (decoded instanceof FlameFormatError) return show(decoded.message);
 *     const engine = engineOf(decoded.tree);                            // a file: await openFile(file)
 *     const view = new FlameView(canvas, { theme: "dark" });
 *     view.setTree(engine.tree);
 *     view.setMatches(await engine.search({ text: "alloc", regex: false }));
 *
 * Leaves out all DOM but the canvas: tooltips, breadcrumbs, tables and the ARIA tree's elements are the page's.
 */
export { accessibleNode, type AccessibleNode, accessibleNodes } from "./accessible-nodes.ts";
export { buildTree, type BuildOptions } from "./build-tree.ts";
export { type FlameEngine, engineOf } from "./engine.ts";
export { coresOf } from "./cores.ts";
export {
  type DiffScale,
  type FlameColumns,
  type FlameLayout,
  type FlameMeasure,
  FlameTree,
  REMAINDER_FRAME,
  ROOT_FRAME,
} from "./flame-tree.ts";
export { type FlameHit, FlameView, type FlameViewEvents, type FlameViewOptions } from "./flame-view.ts";
export { changeOf, type ColourMode, FrameColours, type LegendEntry, legendOf } from "./frame-colours.ts";
export { graft, isCulledBelow } from "./graft.ts";
export { FRAME_KINDS, type FrameKind, frameKind } from "./frame-kind.ts";
export { type FrameColumns, FrameTable, type FrameText } from "./frame-table.ts";
export { type FunctionColumn, type FunctionTable, functionsOf, topFunctions } from "./function-table.ts";
export { findMatches, findMatchesInStacks, type Matches, type SearchProblem, type SearchQuery } from "./matches.ts";
export { move, type Movement, movementOf } from "./navigation.ts";
export { packageOf } from "./package-name.ts";
export { type Palette, paletteOf, type Theme } from "./palette.ts";
export { fitName, shortNames } from "./short-names.ts";
export { MAX_STACK_FRAMES, type StackTable, StackTableBuilder, stacksOf } from "./stack-table.ts";
export { StringBlock } from "./string-block.ts";
export { type Transform, transformStacks } from "./transform.ts";
export type { Orientation, Viewport } from "./viewport.ts";
