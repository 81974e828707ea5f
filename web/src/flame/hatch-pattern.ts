/** CSS pixels between two lines. */
const SPACING = 7;

const known = new WeakMap<CanvasRenderingContext2D, Map<string, CanvasPattern>>();

/** Diagonal lines of a colour, seamless in both directions; made once a canvas, colour and pixel ratio. */
export function hatchPattern(
  context: CanvasRenderingContext2D,
  colour: string,
  ratio: number,
): CanvasPattern | undefined {
  const patterns = known.get(context) ?? new Map<string, CanvasPattern>();
  known.set(context, patterns);
  const key = `${colour} ${ratio}`;
  const before = patterns.get(key);
  if (before) return before;
  const size = Math.round(SPACING * ratio);
  const tile = new OffscreenCanvas(size, size);
  const lines = tile.getContext("2d");
  if (!lines) return undefined;
  lines.strokeStyle = colour;
  lines.lineWidth = 1.5 * ratio;
  lines.beginPath();
  // Once across, and its continuations at both corners.
  for (const shift of [-size, 0, size]) {
    lines.moveTo(shift - 1, size + 1);
    lines.lineTo(shift + size + 1, -1);
  }
  lines.stroke();
  const pattern = context.createPattern(tile, "repeat");
  if (pattern) patterns.set(key, pattern);
  return pattern ?? undefined;
}
