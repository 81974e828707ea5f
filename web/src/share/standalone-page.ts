/**
 * A graph as one HTML file that works for itself: the page that `podflame convert --to html` writes, with what is on the
 * screen in it. Its script and style are allowed by their hashes, which are taken when this page is built, for browsers
 * have no hash function on plain HTTP.
 */
import type { FlameTree } from "../flame/index.ts";
import { preorder } from "./preorder.ts";

/** Of src/formats/flame-graph, complete but for `{{title}}` and `{{data}}`; put in by vite.config.ts. */
declare const STANDALONE_PAGE: string;

/** As in src/formats/flame-graph: more cannot be told apart. */
const MAX_NODES = 200_000;

export function standalonePage(tree: FlameTree, title: string): string {
  const parts: Readonly<Record<string, string>> = {
    title: escapeText(title),
    data: escapeJson(JSON.stringify(dataOf(tree, title))),
  };
  return STANDALONE_PAGE.replace(/\s*\{\{(title|data)\}\}\s*/g, (_, name: string) => parts[name] ?? "");
}

function dataOf(tree: FlameTree, title: string): unknown {
  const least = leastWeight(tree);
  const frame: number[] = [];
  const depth: number[] = [];
  const totals: number[] = [];
  const used = new Map<number, number>();
  for (const step of preorder(tree, (node) => tree.frame[node]! >= 0 && tree.total[node]! >= least)) {
    const own = tree.frame[step.node]!;
    if (own >= 0 && !used.has(own)) used.set(own, used.size);
    frame.push(own < 0 ? -1 : used.get(own)!);
    depth.push(step.depth);
    totals.push(tree.total[step.node]!);
  }
  const { type, unit, omitted } = tree.measure;
  return {
    title,
    types: [{ type, unit }],
    frames: [...used.keys()].map((own) => {
      const { name, file, line, mapping, type: kind } = tree.frames.text(own);
      return [name, file, line, mapping, kind, 0];
    }),
    frame,
    depth,
    totals: [totals],
    pruned: omitted + tree.length - frame.length,
  };
}

/** No callee outweighs its caller, so what is at least so heavy is a tree again. */
function leastWeight(tree: FlameTree): number {
  if (tree.length <= MAX_NODES) return Number.MIN_VALUE;
  return Float64Array.from(tree.total).sort()[tree.length - MAX_NODES]!;
}

/** JSON that cannot end the script element it is in, nor open a comment there. */
function escapeJson(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function escapeText(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
