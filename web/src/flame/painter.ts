import { formatShare } from "../format/quantities.ts";
import { type FlameTree, ROOT_FRAME } from "./flame-tree.ts";
import type { FrameColours } from "./frame-colours.ts";
import type { LabelCache } from "./label-cache.ts";
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
}

/** CSS pixels. */
const FONT_SIZE = 12;
/** Space left and right of a label, together. */
const LABEL_PADDING = 8;
/** Narrower boxes have no label, and no gap to their neighbour. */
const MIN_LABEL_WIDTH = 26;
const MIN_GAP_WIDTH = 3;
/** Labels a frame at most, the widest boxes of all: drawing text is what costs. */
const MAX_LABELS = 1500;
/** Nodes of a run that are looked at for a match. */
const MATCHES_IN_RUN = 64;

/**
 * Draws scenes. Boxes are drawn colour by colour: setting a colour costs more than a box. One object serves all frames
 * of a view and keeps the memory that sorting takes.
 */
export class Painter {
  #fills = new Uint16Array(1024);
  #order = new Int32Array(1024);
  #columnWidths = new Map<string, number>();

  /** Width of a column of the label's font in device pixels. */
  columnWidth(surface: PaintSurface, font: string): number {
    let width = this.#columnWidths.get(font);
    if (width === undefined) {
      surface.font = font;
      width = surface.measureText("0123456789").width / 10 || 7;
      this.#columnWidths.set(font, width);
    }
    return width;
  }

  paint(surface: PaintSurface, scene: Scene): void {
    const { viewport, palette } = scene;
    surface.fillStyle = palette.background;
    surface.fillRect(0, 0, Math.round(viewport.width * viewport.ratio), Math.round(viewport.height * viewport.ratio));
    this.#paintBoxes(surface, scene);
    this.#paintHatches(surface, scene);
    this.#paintOutlines(surface, scene);
    this.#paintLabels(surface, scene);
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
    const tops = rowTops(scene);
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
      surface.fillRect(start, tops[boxes.row[box]!]!, width >= MIN_GAP_WIDTH * ratio ? width - line : width, height);
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
    const pattern = hatch?.(palette.hatch);
    if (pattern === undefined) return;
    const tops = rowTops(scene);
    const line = Math.max(1, Math.floor(viewport.ratio));
    const height = Math.round(viewport.rowHeight * viewport.ratio) - line;
    surface.fillStyle = pattern;
    for (let box = 0; box < boxes.length; box++) {
      const width = boxes.end[box]! - boxes.start[box]!;
      if (boxes.run[box] === 1 || width < MIN_GAP_WIDTH * viewport.ratio) continue;
      if (colours.hatched(boxes.node[box]!))
        surface.fillRect(boxes.start[box]!, tops[boxes.row[box]!]!, width - line, height);
    }
  }

  #paintOutlines(surface: PaintSurface, scene: Scene): void {
    const { boxes, palette, viewport, tree, hovered, selected, highlighted } = scene;
    if (hovered < 0 && selected < 0 && highlighted < 0) return;
    const tops = rowTops(scene);
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
        tops[boxes.row[box]!]! + thick / 2,
        Math.max(1, width - thick - 1),
        height - thick,
      );
    }
  }

  #paintLabels(surface: PaintSurface, scene: Scene): void {
    const { boxes, viewport, palette, matches } = scene;
    const { ratio } = viewport;
    const font = `${FONT_SIZE * ratio}px ${scene.fontFamily}`;
    const column = this.columnWidth(surface, font);
    surface.font = font;
    surface.textBaseline = "middle";
    const tops = rowTops(scene);
    const middle = Math.round((viewport.rowHeight * ratio) / 2);
    const least = leastLabelWidth(boxes, MIN_LABEL_WIDTH * ratio);
    let styled = "";
    for (let box = 0; box < boxes.length; box++) {
      const width = boxes.end[box]! - boxes.start[box]!;
      if (width < least || boxes.run[box] === 1) continue;
      const columns = Math.floor((width - LABEL_PADDING * ratio) / column);
      const node = boxes.node[box]!;
      const text = labelOf(scene, node, columns);
      if (text === "") continue;
      const dimmed = this.#fills[box]! >= palette.dimmed;
      const matched = matches !== undefined && this.#fills[box] === MATCH_FILL;
      const style = matched ? palette.matchText : dimmed ? palette.dimmedText : palette.text;
      if (style !== styled) surface.fillStyle = styled = style;
      surface.fillText(text, boxes.start[box]! + (LABEL_PADDING / 2) * ratio, tops[boxes.row[box]!]! + middle);
    }
  }
}

/** Text of a box; empty where nothing fits. */
export function labelOf({ tree, labels }: Pick<Scene, "tree" | "labels">, node: number, columns: number): string {
  const frame = tree.frame[node]!;
  if (frame >= 0) return labels.fit(frame, columns);
  const whole = tree.weight[0]!;
  const text = frame === ROOT_FRAME ? "all" : `too small to show · ${formatShare(tree.weight[node]! / whole)}`;
  return text.length <= columns ? text : columns < 3 ? "" : `${text.slice(0, columns - 1)}…`;
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
function rowTops({ boxes, viewport }: Scene): Int32Array {
  const tops = new Int32Array(boxes.levels.length);
  for (let row = 0; row < tops.length; row++) {
    tops[row] = Math.round(topOfLevel(viewport, boxes.firstLevel + row) * viewport.ratio);
  }
  return tops;
}

/** The least width of a box with a label: larger where there are too many. */
function leastLabelWidth({ length, start, end, run }: VisibleBoxes, least: number): number {
  const ofWidth = new Int32Array(256);
  const step = least / 4;
  for (let box = 0; box < length; box++) {
    const width = end[box]! - start[box]!;
    if (width >= least && run[box] === 0) ofWidth[Math.min(255, Math.floor(width / step))]!++;
  }
  let labels = 0;
  for (let bin = 255; bin >= 4; bin--) {
    labels += ofWidth[bin]!;
    if (labels > MAX_LABELS) return Math.max(least, (bin + 1) * step);
  }
  return least;
}
