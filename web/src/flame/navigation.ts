import type { FlameTree } from "./flame-tree.ts";
import type { Orientation } from "./viewport.ts";

/** Where a key leads. */
export type Movement = "parent" | "child" | "previous" | "next" | "root";

/** What an arrow key means: up and down follow the picture. Undefined for other keys. */
export function movementOf(key: string, orientation: Orientation): Movement | undefined {
  switch (key) {
    case "ArrowUp":
      return orientation === "icicle" ? "parent" : "child";
    case "ArrowDown":
      return orientation === "icicle" ? "child" : "parent";
    case "ArrowLeft":
      return "previous";
    case "ArrowRight":
      return "next";
    case "Home":
      return "root";
    default:
      return undefined;
  }
}

/**
 * The node that a movement leads to; the same where there is none. `child` is the heaviest one. Siblings come first;
 * behind the last one the walk goes on with the neighbour on the same level.
 */
export function move(tree: FlameTree, node: number, movement: Movement): number {
  switch (movement) {
    case "root":
      return 0;
    case "parent":
      return Math.max(0, tree.parent(node));
    case "child":
      return tree.childCount(node) > 0 ? tree.firstChild[node]! : node;
    case "previous":
      return node > tree.levels[tree.depthOf(node)]! ? node - 1 : node;
    case "next":
      return node + 1 < tree.levels[tree.depthOf(node) + 1]! ? node + 1 : node;
  }
}
