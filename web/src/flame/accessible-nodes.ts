import { formatCores, formatShare, formatValue } from "../format/quantities.ts";
import { coresOf } from "./cores.ts";
import { type FlameTree, REMAINDER_FRAME } from "./flame-tree.ts";
import type { VisibleBoxes } from "./visible-boxes.ts";

/** A node as an item of an ARIA tree. */
export interface AccessibleNode {
  readonly node: number;
  /** -1 for the root. */
  readonly parent: number;
  /** `aria-level`, from 1. */
  readonly level: number;
  /** `aria-posinset` and `aria-setsize`, among its siblings. */
  readonly position: number;
  readonly setSize: number;
  readonly childCount: number;
  readonly name: string;
  readonly total: number;
  readonly self: number;
  /** Of the whole tree and of the parent. 0…1. */
  readonly share: number;
  readonly parentShare: number;
  /** Diff only. */
  readonly other: number | undefined;
  /** What is to be read out: name, total, self, share, and the change in a diff. */
  readonly label: string;
}

/** Items a page can have without becoming slow. */
const DEFAULT_LIMIT = 400;

/** A node with all that a screen reader needs of it. */
export function accessibleNode(tree: FlameTree, node: number): AccessibleNode {
  const { measure, total, weight } = tree;
  const parent = tree.parent(node);
  const share = weight[0]! > 0 ? weight[node]! / weight[0]! : 0;
  const self = tree.self(node);
  const name = tree.frame[node] === REMAINDER_FRAME ? "frames too small to show" : tree.name(node) || "(no name)";
  const cores = coresOf(measure, total[node]!);
  const parts = [
    name,
    `total ${formatValue(total[node]!, measure.unit)}`,
    ...(cores === undefined ? [] : [formatCores(cores)]),
    `self ${formatValue(self, measure.unit)}`,
    formatShare(share),
    ...(tree.other ? [`compared ${formatValue(tree.other[node]!, measure.unit)}`] : []),
  ];
  return {
    node,
    parent,
    level: tree.depthOf(node) + 1,
    position: parent < 0 ? 1 : node - tree.firstChild[parent]! + 1,
    setSize: parent < 0 ? 1 : tree.childCount(parent),
    childCount: tree.childCount(node),
    name,
    total: total[node]!,
    self,
    share,
    parentShare: parent >= 0 && weight[parent]! > 0 ? weight[node]! / weight[parent]! : 1,
    other: tree.other?.[node],
    label: parts.join(", "),
  };
}

/**
 * The nodes that are drawn as boxes of their own, each below its parent as a walk of the tree meets them (preorder), with
 * all their ancestors, so that levels have no holes. At most `limit` nodes, the heaviest.
 */
export function accessibleNodes(tree: FlameTree, boxes: VisibleBoxes, limit = DEFAULT_LIMIT): AccessibleNode[] {
  const drawn: number[] = [];
  for (let box = 0; box < boxes.length; box++) if (boxes.run[box] === 0) drawn.push(boxes.node[box]!);
  // The heaviest: a parent weighs as much as its child at least, and has the smaller number.
  drawn.sort((a, b) => tree.weight[b]! - tree.weight[a]! || a - b);
  const kept = new Set<number>();
  for (const node of drawn) {
    const missing: number[] = [];
    for (let at = node; at >= 0 && !kept.has(at); at = tree.parent(at)) missing.push(at);
    if (kept.size + missing.length > limit) break;
    for (const one of missing) kept.add(one);
  }
  // Preorder: by place, and at the same place the ancestor first.
  return [...kept].sort((a, b) => tree.x[a]! - tree.x[b]! || a - b).map((node) => accessibleNode(tree, node));
}
