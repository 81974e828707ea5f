import { formatShare } from "../format/quantities.ts";
import type { FrameColours } from "./frame-colours.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { LabelCache } from "./label-cache.ts";
import type { Matches } from "./matches.ts";
import { accessibleNode } from "./accessible-nodes.ts";
import { labelOf } from "./label-painter.ts";
import { MATCH_FILL, type Palette } from "./palette.ts";
import { type Orientation, topOfLevel, type Viewport } from "./viewport.ts";
import { VisibleBoxes } from "./visible-boxes.ts";

export interface SvgPicture {
  readonly tree: FlameTree;
  readonly zoomed: number;
  readonly palette: Palette;
  readonly colours: FrameColours;
  readonly labels: LabelCache;
  readonly matches: Matches | undefined;
  readonly orientation: Orientation;
  /** Pixels. */
  readonly width: number;
  readonly rowHeight: number;
  readonly title: string;
}

/** Levels at most: viewers give up on taller pictures. */
const MAX_LEVELS = 1000;
/** Pixels a letter of the 12 px monospace label. */
const COLUMN_WIDTH = 7.25;
const HEADER = 34;

/** The graph as an SVG document: no script, each box with its name and values as a title. */
export function flameSvg(picture: SvgPicture): string {
  const { tree, zoomed, palette, colours, labels, matches, width, rowHeight } = picture;
  const boxes = new VisibleBoxes();
  const span = tree.weight[zoomed]! > 0 ? tree.weight[zoomed]! : 1;
  const viewport: Viewport = {
    width,
    height: Math.min(MAX_LEVELS, tree.depth) * rowHeight,
    ratio: 1,
    left: tree.x[zoomed]!,
    span,
    scroll: 0,
    rowHeight,
    orientation: "icicle",
  };
  boxes.collect(tree, viewport);
  // What is zoomed to may be less deep than the whole.
  let rows = boxes.levels.length - 1;
  while (rows > 1 && boxes.levels[rows] === boxes.levels[rows - 1]) rows--;
  const height = rows * rowHeight;
  const shown = { ...viewport, height, orientation: picture.orientation };
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + HEADER}" viewBox="0 0 ${width} ${height + HEADER}" font-family="ui-monospace, Menlo, 'DejaVu Sans Mono', Consolas, monospace" font-size="12">`,
    `<title>${escapeXml(picture.title)}</title>`,
    `<rect width="100%" height="100%" fill="${palette.background}"/>`,
    `<text x="8" y="22" font-size="14" fill="${palette.text}">${escapeXml(picture.title)}</text>`,
    `<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line y2="7" stroke="${palette.hatch}" stroke-width="3"/></pattern></defs>`,
  ];
  for (let box = 0; box < boxes.length; box++) {
    const node = boxes.node[box]!;
    const x = boxes.start[box]!;
    const wide = boxes.end[box]! - x;
    const y = HEADER + topOfLevel(shown, boxes.row[box]!);
    const rect = (fill: string, gap: number): string =>
      `<rect x="${x}" y="${y}" width="${Math.max(1, wide - gap)}" height="${rowHeight - 1}" fill="${fill}"/>`;
    if (boxes.run[box] === 1) {
      let weight = 0;
      for (let at = node; at <= boxes.last[box]!; at++) weight += tree.weight[at]!;
      const count = boxes.last[box]! - node + 1;
      out.push(
        `<g><title>${escapeXml(`${count} frames, together ${formatShare(weight / tree.weight[0]!)}`)}</title>${rect(palette.run, 0)}</g>`,
      );
      continue;
    }
    const matched = matches !== undefined && tree.frame[node]! >= 0 && matches.frames[tree.frame[node]!] === 1;
    const dimmed = matches !== undefined && !matched;
    const fill = matched ? MATCH_FILL : colours.fill(node) + (dimmed ? palette.dimmed : 0);
    const label = labelOf({ tree, labels }, node, Math.floor((wide - 8) / COLUMN_WIDTH));
    const hatched = colours.hatched(node) ? rect("url(#hatch)", wide > 2 ? 1 : 0) : "";
    const text =
      label === ""
        ? ""
        : `<text x="${x + 4}" y="${y + rowHeight / 2 + 4}" fill="${matched ? palette.matchText : dimmed ? palette.dimmedText : palette.text}">${escapeXml(label)}</text>`;
    out.push(
      `<g><title>${escapeXml(accessibleNode(tree, node).label)}</title>${rect(palette.fills[fill]!, wide > 2 ? 1 : 0)}${hatched}${text}</g>`,
    );
  }
  out.push("</svg>", "");
  return out.join("\n");
}

/** XML text; what XML cannot hold (control characters, lone surrogates) becomes U+FFFD. */
function escapeXml(text: string): string {
  const clean = text
    .toWellFormed()
    .replace(/[\p{Cc}\ufffe\uffff]/gu, (letter) => ("\t\n\r".includes(letter) ? letter : "\ufffd"));
  return clean.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
