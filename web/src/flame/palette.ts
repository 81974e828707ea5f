import { FRAME_KINDS, type FrameKind } from "./frame-kind.ts";

export type Theme = "light" | "dark";

/** Shades of one hue, so that neighbours can be told apart. */
export const SHADES = 4;
/** Steps from gone over unchanged to new. Odd. */
export const DIFF_STEPS = 13;
/** Hues for packages. */
export const PACKAGE_HUES = 12;

/** Hue (degrees) and saturation (percent) by kind. Greys stand for what is no code. */
const KIND_HUES: Readonly<Record<FrameKind, readonly [hue: number, saturation: number]>> = {
  native: [45, 85],
  kernel: [14, 80],
  go: [192, 60],
  rust: [27, 45],
  javascript: [62, 62],
  jvm: [140, 40],
  python: [215, 65],
  ruby: [345, 65],
  php: [262, 45],
  perl: [238, 40],
  dotnet: [292, 45],
  beam: [320, 45],
  jit: [95, 42],
  process: [220, 14],
  group: [220, 14],
  truncated: [0, 0],
  unnamed: [30, 8],
  other: [170, 30],
};

/** All colours of a theme as CSS text; one list for all boxes, so that a box's colour is a small number. */
export interface Palette {
  /** By index: see `kindFill`, `packageFill`, `diffFill`. The second half are the same, dimmed. */
  readonly fills: readonly string[];
  /** Half of `fills`: what is added to an index for the dimmed colour. */
  readonly dimmed: number;
  readonly background: string;
  readonly text: string;
  readonly dimmedText: string;
  readonly run: string;
  /** A run with a match in it. */
  readonly matchedRun: string;
  readonly remainder: string;
  readonly root: string;
  readonly match: string;
  readonly matchText: string;
  readonly outline: string;
  readonly selection: string;
  readonly hatch: string;
}

const FIRST_PACKAGE = FRAME_KINDS.length * SHADES;
const FIRST_DIFF = FIRST_PACKAGE + PACKAGE_HUES * SHADES;
/** Indexes of `Palette.fills` that stand for no frame. */
export const ROOT_FILL = FIRST_DIFF + DIFF_STEPS;
export const REMAINDER_FILL = ROOT_FILL + 1;
export const MATCH_FILL = ROOT_FILL + 2;
const FILLS = ROOT_FILL + 3;

export function kindFill(kind: FrameKind, shade: number): number {
  return FRAME_KINDS.indexOf(kind) * SHADES + shade;
}

export function packageFill(hue: number, shade: number): number {
  return FIRST_PACKAGE + hue * SHADES + shade;
}

/** @param change -1 (gone) … 0 (as before) … 1 (new) */
export function diffFill(change: number): number {
  const middle = (DIFF_STEPS - 1) / 2;
  // Small changes are to be seen: the root spreads them over the steps.
  const step = Math.sign(change) * Math.sqrt(Math.min(1, Math.abs(change)));
  return FIRST_DIFF + middle + Math.round(step * middle);
}

/** Blue is less, orange is more: told apart by all common kinds of colour blindness, and by hatching at the ends. */
const LESS = [215, 75] as const;
const MORE = [22, 88] as const;

/** The colours of a theme. Every text on every fill has a contrast of at least 4.5. */
export function paletteOf(theme: Theme): Palette {
  const light = theme === "light";
  const shade = (hue: number, saturation: number, at: number): string =>
    light ? hsl(hue, saturation, 70 + at * 3.5) : hsl(hue, saturation * 0.62, 25 + at * 2.4);
  const fills: string[] = [];
  for (const kind of FRAME_KINDS) {
    for (let at = 0; at < SHADES; at++) fills.push(shade(...KIND_HUES[kind], at));
  }
  for (let hue = 0; hue < PACKAGE_HUES; hue++) {
    for (let at = 0; at < SHADES; at++) fills.push(shade((hue * 360) / PACKAGE_HUES + 10, 52, at));
  }
  for (let step = 0; step < DIFF_STEPS; step++) {
    const change = step / ((DIFF_STEPS - 1) / 2) - 1;
    const [hue, saturation] = change < 0 ? LESS : MORE;
    const size = Math.abs(change);
    fills.push(
      light
        ? hsl(hue, saturation * Math.min(1, size * 2), 90 - size * 24)
        : hsl(hue, saturation * Math.min(1, size * 1.6), 27 + size * 7),
    );
  }
  const root = light ? "#d9dce3" : "#343945";
  const remainder = light ? "#e4e6ea" : "#2b2f38";
  const match = light ? "#c9a6ff" : "#6d3fc0";
  fills.push(root, remainder, match);
  const run = light ? "#c8ccd4" : "#3d434f";
  const background = light ? "#ffffff" : "#14161b";
  const dim = fills.map((fill) => mix(fill, background, light ? 0.72 : 0.7));
  return {
    fills: [...fills, ...dim],
    dimmed: FILLS,
    background,
    text: light ? "#16181d" : "#f2f4f8",
    dimmedText: light ? "#555a66" : "#aab0bd",
    run,
    matchedRun: mix(run, match, 0.4),
    remainder,
    root,
    match,
    matchText: light ? "#16181d" : "#ffffff",
    outline: light ? "#16181d" : "#ffffff",
    selection: light ? "#0b57d0" : "#8ab4ff",
    hatch: light ? "rgba(20, 22, 28, 0.28)" : "rgba(255, 255, 255, 0.3)",
  };
}

/** CSS hexadecimal of a colour; all numbers as in CSS. */
function hsl(hue: number, saturation: number, lightness: number): string {
  const s = Math.min(100, saturation) / 100;
  const l = lightness / 100;
  const channel = (offset: number): number => {
    const at = (offset + hue / 30) % 12;
    return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(at - 3, 9 - at, 1));
  };
  return hex([channel(0) * 255, channel(8) * 255, channel(4) * 255]);
}

function mix(from: string, to: string, share: number): string {
  const [a, b] = [channels(from), channels(to)];
  return hex(a.map((value, at) => value + (b[at]! - value) * share));
}

/** Red, green and blue of `#rrggbb`, 0 … 255. */
export function channels(colour: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

function hex(values: readonly number[]): string {
  return `#${values.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
