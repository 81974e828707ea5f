/** A graph as folded stacks: a line a stack, functions from the outermost on with semicolons between them, its value last. */
import { type FlameTree } from "../flame/index.ts";
import { preorder } from "./preorder.ts";

/** What stands for nodes that were too small to be sent. */
const REMAINDER = "(too small to be shown)";

/** In parts, for a file may be longer than a string can be. */
export function foldedText(tree: FlameTree): string[] {
  const parts: string[] = [];
  const names: string[] = [];
  for (const { node, depth } of preorder(tree)) {
    if (depth === 0) continue;
    names.length = depth - 1;
    names.push(tree.frame[node]! < 0 ? REMAINDER : foldedName(tree.name(node)));
    const value = Math.round(tree.self(node));
    if (value > 0) parts.push(`${names.join(";")} ${value}\n`);
  }
  return parts;
}

/** Semicolons and line ends would make other stacks of it. */
function foldedName(name: string): string {
  return name === "" ? "[unknown]" : name.replaceAll(";", ":").replace(/[\r\n]+/g, " ");
}
