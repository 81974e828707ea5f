/** A stack as text for a ticket or a chat: the innermost function first, one a line, as debuggers print it. */
import type { FlameTree } from "../flame/index.ts";
import { amountOf, mainAmount } from "./amounts.ts";

export function stackText(tree: FlameTree, node: number): string {
  const { share, ...amount } = amountOf(tree, tree.total[node]!);
  const lines = tree
    .ancestry(node)
    .slice(1)
    .reverse()
    .map((at) => {
      const frame = tree.frame[at]!;
      if (frame < 0) return "(too small to be shown)";
      const { name, file, line, mapping } = tree.frames.text(frame);
      const place = file === "" ? mapping : line > 0 ? `${file}:${line}` : file;
      return place === "" ? name : `${name}  ${place}`;
    });
  return [`${mainAmount({ share, ...amount })}, ${share}`, ...lines, ""].join("\n");
}
