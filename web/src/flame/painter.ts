import type { FlameTree } from "./flame-tree.ts";
import type { FrameColours } from "./frame-colours.ts";
import type { LabelCache } from "./label-cache.ts";
import { LabelPainter } from "./label-painter.ts";
import type { Matches } from "./matches.ts";
import { MATCH_FILL, type Palette } from "./palette.ts";
import { topOfLevel, type Viewport } from "./viewport.ts";
import type { VisibleBoxes } from "./visible-boxes.ts";

/** What is used of a canvas, so that tests can stand in for one. Coordinates are device pixels. */
export type PaintSurface = Pick<
  CanvasRenderingContext2D,
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "font"
  | "textBaseline"
  | "fillRect"
  | "strokeRect"
  | "fillText"
  | "measureText"
>;

/** Everything that a frame shows. */
export interface Scene {
  readonly tree: FlameTree;
  readonly viewport: Viewport;
  readonly boxes: VisibleBoxes;
  readonly palette: Palette;
  readonly colours: FrameColours;
  readonly labels: LabelCache;
  /** Nodes that the zoomed one is under: dimmed, they are the way here. */
  readonly above: ReadonlySet<number>;
  readonly matches: Matches | undefined;
  readonly hovered: number;
  readonly selected: number;
  /** A function that is marked everywhere, or -1. */
  readonly highlighted: number;
  readonly fontFamily: string;
  /** A diagonal pattern of that colour, or undefined where the surface cannot have one. */
  readonly hatch: ((colour: string) => CanvasPattern | undefined) | undefined;
  /** Top of each visible level in device pixels. */
  readonly tops: Int32Array;
}

/** Narrower boxes have no gap to their neighbour. CSS pixels. */
const MIN_GAP_WIDTH = 3;
/** Nodes of a run that are looked at for a match. */
const MATCHES_IN_RUN = 64;

/** What a scene is made of; `Painter.paint` adds what it computes. */
export type SceneParts = Omit<Scene, "tops">;

/**
 * Draws scenes. Boxes are drawn colour by colour: setting a colour costs more than a box. One object serves all frames
 * of a view and keeps the memory that sorting takes.
 */
export class Painter {
  #fills = new Uint16Array(1024);
  #order = new Int32Array(1024);
  readonly #labels = new LabelPainter();

  /** Loads the font ahead of the first frame. */
  prepare(surface: PaintSurface, fontFamily: string, ratio: number): void {
    this.#labels.columnWidth(surface, fontFamily, ratio);
  }

  /**
   * Draws a frame, its labels as far as they are done when `performance.now()` is `until`. Whether all of it is drawn:
   * else `paintMore` draws on, as long as nothing of the scene changes.
   */
  paint(surface: PaintSurface, parts: SceneParts, until = Infinity): boolean {
    const { viewport, palette } = parts;
    const scene: Scene = { ...parts, tops: rowTops(parts) };
    surface.fillStyle = palette.background;
    surface.fillRect(0, 0, Math.round(viewport.width * viewport.ratio), Math.round(viewport.height * viewport.ratio));
    this.#paintBoxes(surface, scene);
    this.#paintHatches(surface, scene);
    this.#paintOutlines(surface, scene);
    this.#labels.begin(scene, this.#fills);
    // Boxes may have taken all the time.
    return performance.now() < until && this.#labels.draw(surface, until);
  }

  /** Draws on where `paint` had to stop. Whether all is drawn. */
  paintMore(surface: PaintSurface, until = Infinity): boolean {
    return this.#labels.draw(surface, until);
  }

  #paintBoxes(surface: PaintSurface, scene: Scene): void {
    const { boxes, palette } = scene;
    if (this.#fills.length < boxes.length) {
      this.#fills = new Uint16Array(boxes.node.length);
      this.#order = new Int32Array(boxes.node.length);
    }
    const runFill = palette.dimmed * 2;
    const matchedRunFill = runFill + 1;
    const counts = new Int32Array(matchedRunFill + 2);
    for (let box = 0; box < boxes.length; box++) {
      const fill =
        boxes.run[box] === 1
          ? matchInRun(scene, box)
            ? matchedRunFill
            : runFill
          : this.#fillOf(scene, boxes.node[box]!);
      this.#fills[box] = fill;
      counts[fill + 1]!++;
    }
    for (let fill = 1; fill < counts.length; fill++) counts[fill]! += counts[fill - 1]!;
    for (let box = 0; box < boxes.length; box++) this.#order[counts[this.#fills[box]!]!++] = box;
    const { ratio, rowHeight } = scene.viewport;
    const line = Math.max(1, Math.floor(ratio));
    const height = Math.round(rowHeight * ratio) - line;
    let fillAt = -1;
    for (let at = 0; at < boxes.length; at++) {
      const box = this.#order[at]!;
      const fill = this.#fills[box]!;
      if (fill !== fillAt) {
        surface.fillStyle = fill < runFill ? palette.fills[fill]! : fill === runFill ? palette.run : palette.matchedRun;
        fillAt = fill;
      }
      const start = boxes.start[box]!;
      const width = boxes.end[box]! - start;
      surface.fillRect(
        start,
        scene.tops[boxes.row[box]!]!,
        width >= MIN_GAP_WIDTH * ratio ? width - line : width,
        height,
      );
    }
  }

  #fillOf({ tree, above, matches, colours, palette }: Scene, node: number): number {
    const frame = tree.frame[node]!;
    if (matches && frame >= 0 && matches.frames[frame] === 1) return MATCH_FILL;
    const fill = colours.fill(node);
    const dim = matches !== undefined || above.has(node);
    return dim ? fill + palette.dimmed : fill;
  }

  /** Truncated stacks, and what is new or gone in a diff: told apart without colour. */
  #paintHatches(surface: PaintSurface, scene: Scene): void {
    const { boxes, colours, hatch, palette, viewport } = scene;
    if (!hatch) return;
    let pattern: CanvasPattern | undefined;
    const line = Math.max(1, Math.floor(viewport.ratio));
    const height = Math.round(viewport.rowHeight * viewport.ratio) - line;
    for (let box = 0; box < boxes.length; box++) {
      const width = boxes.end[box]! - boxes.start[box]!;
      if (boxes.run[box] === 1 || width < MIN_GAP_WIDTH * viewport.ratio) continue;
      if (!colours.hatched(boxes.node[box]!)) continue;
      // Most graphs have none: the pattern is made when it is needed.
      if (pattern === undefined) {
        pattern = hatch(palette.hatch);
        if (pattern === undefined) return;
        surface.fillStyle = pattern;
      }
      surface.fillRect(boxes.start[box]!, scene.tops[boxes.row[box]!]!, width - line, height);
    }
  }

  #paintOutlines(surface: PaintSurface, scene: Scene): void {
    const { boxes, palette, viewport, tree, hovered, selected, highlighted } = scene;
    if (hovered < 0 && selected < 0 && highlighted < 0) return;
    const height = Math.round(viewport.rowHeight * viewport.ratio) - Math.max(1, Math.floor(viewport.ratio));
    for (let box = 0; box < boxes.length; box++) {
      if (boxes.run[box] === 1) continue;
      const node = boxes.node[box]!;
      const isSelected = node === selected;
      const isHighlighted = highlighted >= 0 && tree.frame[node] === highlighted;
      if (!isSelected && node !== hovered && !isHighlighted) continue;
      const thick = (isSelected ? 2 : 1) * viewport.ratio;
      surface.lineWidth = thick;
      surface.strokeStyle = isSelected ? palette.selection : palette.outline;
      const width = boxes.end[box]! - boxes.start[box]!;
      surface.strokeRect(
        boxes.start[box]! + thick / 2,
        scene.tops[boxes.row[box]!]! + thick / 2,
        Math.max(1, width - thick - 1),
        height - thick,
      );
    }
  }
}

/** Whether one of the first nodes of a run matches. */
function matchInRun({ matches, tree, boxes }: Scene, box: number): boolean {
  if (!matches) return false;
  const first = boxes.node[box]!;
  const end = Math.min(boxes.last[box]!, first + MATCHES_IN_RUN - 1);
  for (let node = first; node <= end; node++) {
    const frame = tree.frame[node]!;
    if (frame >= 0 && matches.frames[frame] === 1) return true;
  }
  return false;
}

/** Top of each visible level in device pixels. */
function rowTops({ boxes, viewport }: SceneParts): Int32Array {
  const tops = new Int32Array(boxes.levels.length);
  for (let row = 0; row < tops.length; row++) {
    tops[row] = Math.round(topOfLevel(viewport, boxes.firstLevel + row) * viewport.ratio);
  }
  return tops;
}
