/**
 * Colours of series in charts: the eight of Okabe and Ito's palette that hold on both grounds, which people who see fewer
 * colours can tell apart too. What is left over is grey.
 */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8f7d00", "#7a5fa8"] as const;

/** @param index place of a series, heaviest first */
export function seriesColour(index: number, remainder: boolean): string {
  return remainder ? "#8a8580" : COLOURS[index % COLOURS.length]!;
}
