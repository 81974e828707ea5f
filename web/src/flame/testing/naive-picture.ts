import type { FrameColours } from "../frame-colours.ts";
import { LabelCache } from "../label-cache.ts";
import { labelOf } from "../label-painter.ts";
import type { Matches } from "../matches.ts";
import { MATCH_FILL, type Palette } from "../palette.ts";
import { type DrawnRectangle, type DrawnText, LETTER_WIDTH } from "./recording-surface.ts";
import type { FlameTree } from "../flame-tree.ts";
import { topOfLevel, type Viewport } from "../viewport.ts";
import { MIN_BOX_WIDTH } from "../visible-boxes.ts";

/** A box of the picture, as `VisibleBoxes` says it. */
export interface NaiveBox {
  readonly depth: number;
  readonly node: number;
  readonly last: number;
  readonly run: boolean;
  readonly start: number;
  readonly end: number;
}

/**
 * What a viewport shows, by looking at every node and jumping over none: those that reach into the viewport, a box each
 * where they are wide enough, else one box for neighbours with gaps narrower than a box between them.
 */
export function naiveBoxes(tree: FlameTree, viewport: Viewport): NaiveBox[] {
  const { left, span, width, height, ratio, rowHeight } = viewport;
  const scale = (width * ratio) / span;
  const narrow = (MIN_BOX_WIDTH * ratio) / scale;
  const found: NaiveBox[] = [];
  for (let depth = 0; depth < tree.depth; depth++) {
    const top = topOfLevel(viewport, depth);
    if (top >= height || top + rowHeight <= 0) continue;
    let run: { first: number; last: number; end: number } | undefined;
    const closeRun = (): void => {
      if (run) found.push(box(run.first, run.last, true, tree.x[run.first]!, run.end));
      run = undefined;
    };
    const box = (node: number, last: number, isRun: boolean, from: number, to: number): NaiveBox => {
      const most = Math.round(width * ratio);
      const start = Math.max(0, Math.min(Math.round((from - left) * scale), most - 1));
      const end = Math.min(most, Math.max(Math.round((to - left) * scale), start + 1));
      return { depth, node, last, run: isRun, start, end };
    };
    for (let node = tree.levels[depth]!; node < tree.levels[depth + 1]!; node++) {
      const from = tree.x[node]!;
      const to = from + tree.weight[node]!;
      if (to <= left || from >= left + span) continue;
      if (tree.weight[node]! >= narrow) {
        closeRun();
        found.push(box(node, node, false, from, to));
        continue;
      }
      if (run && from >= run.end + narrow) closeRun();
      if (run) {
        run.last = node;
        run.end = to;
      } else run = { first: node, last: node, end: to };
    }
    closeRun();
  }
  return found;
}

/** How a naive picture is coloured; as in a Scene. */
export interface NaiveLook {
  readonly colours: FrameColours;
  readonly palette: Palette;
  readonly matches: Matches | undefined;
  readonly above: ReadonlySet<number>;
}

/** The picture that a viewport shows: all rectangles that are filled ahead of labels, and all labels, in any order. */
export function naivePicture(
  tree: FlameTree,
  viewport: Viewport,
  { colours, palette, matches, above }: NaiveLook,
): { readonly rectangles: readonly DrawnRectangle[]; readonly texts: readonly DrawnText[] } {
  const { ratio, rowHeight, width, height } = viewport;
  const line = Math.max(1, Math.floor(ratio));
  const rectangles: DrawnRectangle[] = [
    { fill: palette.background, x: 0, y: 0, width: Math.round(width * ratio), height: Math.round(height * ratio) },
  ];
  const texts: DrawnText[] = [];
  const labels = new LabelCache(tree.frames);
  const isMatch = (node: number): boolean => {
    const frame = tree.frame[node]!;
    return frame >= 0 && matches?.frames[frame] === 1;
  };
  for (const { depth, node, last, run, start, end } of naiveBoxes(tree, viewport)) {
    const top = Math.round(topOfLevel(viewport, depth) * ratio);
    const rectangle = {
      x: start,
      y: top,
      // Wide ones leave a line free on their right.
      width: end - start >= 3 * ratio ? end - start - line : end - start,
      height: Math.round(rowHeight * ratio) - line,
    };
    if (run) {
      let matched = false;
      for (let at = node; at <= Math.min(last, node + 63); at++) matched ||= isMatch(at);
      rectangles.push({ fill: matched ? palette.matchedRun : palette.run, ...rectangle });
      continue;
    }
    const dimmed = !isMatch(node) && (matches !== undefined || above.has(node));
    const plain = isMatch(node) ? MATCH_FILL : colours.fill(node);
    rectangles.push({ fill: palette.fills[plain + (dimmed ? palette.dimmed : 0)]!, ...rectangle });
    if (end - start >= 3 * ratio && isHatched(tree, node)) rectangles.push({ fill: "pattern", ...rectangle });
    if (end - start < 26 * ratio) continue;
    const text = labelOf({ tree, labels }, node, Math.floor((end - start - 8 * ratio) / LETTER_WIDTH));
    if (text === "") continue;
    const fill = isMatch(node) ? palette.matchText : dimmed ? palette.dimmedText : palette.text;
    texts.push({ text, x: start + 4 * ratio, y: top + Math.round((rowHeight * ratio) / 2), fill });
  }
  return { rectangles, texts };
}

/** What is new or gone, and where stacks were cut off. */
function isHatched(tree: FlameTree, node: number): boolean {
  const frame = tree.frame[node]!;
  if (frame < 0) return false;
  const isOneSided = tree.other !== undefined && (tree.total[node] === 0) !== (tree.other[node] === 0);
  return isOneSided || tree.frames.type(frame) === "truncated";
}
