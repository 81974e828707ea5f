import { formatShare } from "../format/quantities.ts";
import { ROOT_FRAME } from "./flame-tree.ts";
import type { PaintSurface, Scene } from "./painter.ts";
import { MATCH_FILL } from "./palette.ts";
import type { VisibleBoxes } from "./visible-boxes.ts";

/** CSS pixels. */
const FONT_SIZE = 12;
/** Space left and right of a label, together. */
const LABEL_PADDING = 8;
/** Narrower boxes have no label. */
const MIN_LABEL_WIDTH = 26;
/** Labels a frame at most, the widest boxes of all: drawing text is what costs. */
const MAX_LABELS = 1500;
/** Widths that boxes are sorted by. */
const BINS = 256;
/** Labels between two looks at the clock. */
const BATCH = 16;

/**
 * Draws the labels of a scene, those of the widest boxes first, and as many at once as time allows: names that were
 * never drawn take a hundred times as long as ones that were.
 */
export class LabelPainter {
  readonly #columnWidths = new Map<string, number>();
  readonly #queue = new Int32Array(MAX_LABELS);
  #queued = 0;
  #next = 0;
  #scene: Scene | undefined;
  #fills = new Uint16Array(0);

  /** Width of a column of the scene's font in device pixels; loads the font where it isn't. */
  columnWidth(surface: PaintSurface, fontFamily: string, ratio: number): number {
    const font = fontOf(fontFamily, ratio);
    let width = this.#columnWidths.get(font);
    if (width === undefined) {
      surface.font = font;
      width = surface.measureText("0123456789").width / 10 || 7;
      this.#columnWidths.set(font, width);
    }
    return width;
  }

  /** Begins anew. @param fills by box, numbers of the palette's fills */
  begin(scene: Scene, fills: Uint16Array<ArrayBuffer>): void {
    this.#scene = scene;
    this.#fills = fills;
    this.#next = 0;
    this.#queued = widestFirst(scene.boxes, MIN_LABEL_WIDTH * scene.viewport.ratio, this.#queue);
  }

  /** Draws on until `performance.now()` is `until`. Whether all labels are drawn. */
  draw(surface: PaintSurface, until: number): boolean {
    const scene = this.#scene;
    if (!scene) return true;
    const { boxes, viewport, palette } = scene;
    const { ratio, rowHeight } = viewport;
    const column = this.columnWidth(surface, scene.fontFamily, ratio);
    surface.font = fontOf(scene.fontFamily, ratio);
    surface.textBaseline = "middle";
    const middle = Math.round((rowHeight * ratio) / 2);
    let styled = "";
    for (let drawn = 0; this.#next < this.#queued; drawn++) {
      if (drawn > 0 && drawn % BATCH === 0 && performance.now() >= until) return false;
      const box = this.#queue[this.#next++]!;
      const columns = Math.floor((boxes.end[box]! - boxes.start[box]! - LABEL_PADDING * ratio) / column);
      const text = labelOf(scene, boxes.node[box]!, columns);
      if (text === "") continue;
      const fill = this.#fills[box]!;
      const isMatch = scene.matches !== undefined && fill === MATCH_FILL;
      const style = isMatch ? palette.matchText : fill >= palette.dimmed ? palette.dimmedText : palette.text;
      if (style !== styled) surface.fillStyle = styled = style;
      surface.fillText(text, boxes.start[box]! + (LABEL_PADDING / 2) * ratio, scene.tops[boxes.row[box]!]! + middle);
    }
    this.#scene = undefined;
    return true;
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

function fontOf(fontFamily: string, ratio: number): string {
  return `${FONT_SIZE * ratio}px ${fontFamily}`;
}

/** Puts the boxes that may have a label into `into`, the widest first. How many there are, at most `into.length`. */
function widestFirst({ length, start, end, run }: VisibleBoxes, least: number, into: Int32Array): number {
  const step = least / 4;
  // The widest have the lowest bin.
  const binOf = (width: number): number => Math.max(0, BINS - 1 - Math.floor((width - least) / step));
  const starts = new Int32Array(BINS + 1);
  for (let box = 0; box < length; box++) {
    const width = end[box]! - start[box]!;
    if (width >= least && run[box] === 0) starts[binOf(width) + 1]!++;
  }
  for (let bin = 0; bin < BINS; bin++) starts[bin + 1]! += starts[bin]!;
  const queued = Math.min(starts[BINS]!, into.length);
  for (let box = 0; box < length; box++) {
    const width = end[box]! - start[box]!;
    if (width < least || run[box] === 1) continue;
    const at = starts[binOf(width)]!++;
    if (at < queued) into[at] = box;
  }
  return queued;
}
