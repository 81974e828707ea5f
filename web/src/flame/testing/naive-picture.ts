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
