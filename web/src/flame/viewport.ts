/** `icicle`: the root is on top. `flame`: it is at the bottom. */
export type Orientation = "icicle" | "flame";

/** What part of a graph is looked at, and on what. */
export interface Viewport {
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Device pixels a CSS pixel, 1 to 3. */
  readonly ratio: number;
  /** The weights at the left edge, and between both edges; above 0. */
  readonly left: number;
  readonly span: number;
  /** CSS pixels between the root's outer edge and the edge of the canvas where the root begins. */
  readonly scroll: number;
  /** CSS pixels a level. */
  readonly rowHeight: number;
  readonly orientation: Orientation;
}

/** Device pixels a unit of weight. */
export function scaleOf({ width, ratio, span }: Viewport): number {
  return (width * ratio) / span;
}

/** Top of a level in CSS pixels. */
export function topOfLevel({ orientation, height, rowHeight, scroll }: Viewport, depth: number): number {
  return orientation === "icicle" ? depth * rowHeight - scroll : height - (depth + 1) * rowHeight + scroll;
}

/** The level at a height in CSS pixels; may be none that exists. */
export function levelAt({ orientation, height, rowHeight, scroll }: Viewport, y: number): number {
  return Math.floor(((orientation === "icicle" ? y : height - y) + scroll) / rowHeight);
}

/** First and last level that can be seen, even in part. */
export function visibleLevels(viewport: Viewport, depth: number): { readonly first: number; readonly last: number } {
  const { scroll, height, rowHeight } = viewport;
  return {
    first: Math.max(0, Math.floor(scroll / rowHeight)),
    last: Math.min(depth - 1, Math.ceil((scroll + height) / rowHeight) - 1),
  };
}
