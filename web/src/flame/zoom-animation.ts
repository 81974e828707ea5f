import type { Viewport } from "./viewport.ts";

/** The part of a viewport that moves. */
export interface Window {
  readonly left: number;
  readonly span: number;
  readonly scroll: number;
}

/** Milliseconds. */
export const ZOOM_DURATION = 180;

/**
 * Between two windows. The span changes by equal factors rather than by equal steps, so that zooming a thousandfold looks
 * as even as zooming twofold; what both windows have in common stays in place.
 */
export function between(from: Window, to: Window, progress: number): Window {
  if (progress >= 1) return to;
  const eased = 1 - (1 - progress) ** 3;
  const span = from.span * (to.span / from.span) ** eased;
  // How far the span has come decides how far the edge has, so the fixed point of the zoom is fixed all the time.
  const moved = to.span === from.span ? eased : (span - from.span) / (to.span - from.span);
  return {
    left: from.left + (to.left - from.left) * moved,
    span,
    scroll: from.scroll + (to.scroll - from.scroll) * eased,
  };
}

/** A window of a viewport. */
export function windowOf({ left, span, scroll }: Viewport): Window {
  return { left, span, scroll };
}
