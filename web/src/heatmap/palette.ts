/**
 * One hue from the ground to the strongest, in equal steps of lightness, so that more is told by grey alone as well. Dark
 * pages begin dark. Returned as RGB, 256 steps.
 */
export function heatPalette(dark: boolean): Uint8Array {
  const stops = dark ? DARK : LIGHT;
  const palette = new Uint8Array(256 * 3);
  for (let step = 0; step < 256; step++) {
    const at = (step / 255) * (stops.length - 1);
    const [low, high] = [stops[Math.floor(at)]!, stops[Math.ceil(at)]!];
    for (let channel = 0; channel < 3; channel++) {
      const [a, b] = [low[channel]!, high[channel]!];
      palette[step * 3 + channel] = Math.round(a + (b - a) * (at - Math.floor(at)));
    }
  }
  return palette;
}

type Rgb = readonly [number, number, number];
const LIGHT: readonly Rgb[] = [
  [250, 247, 243],
  [253, 208, 150],
  [244, 132, 54],
  [190, 57, 16],
  [92, 20, 8],
];
const DARK: readonly Rgb[] = [
  [26, 23, 21],
  [92, 34, 12],
  [184, 66, 18],
  [246, 146, 62],
  [255, 232, 196],
];
