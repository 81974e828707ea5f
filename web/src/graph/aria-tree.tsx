/**
 * A graph as an ARIA tree: every box that is drawn is an item with its name, total, self, share and level, below its caller.
 * The one that is selected takes part in the order of Tab and takes the graph's keys; what it stands among is here even
 * where it is too narrow to be drawn. Not seen: the picture shows where focus is.
 */
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { accessibleNode, type AccessibleNode, type FlameTree, type FlameView } from "../flame/index.ts";
import type { GraphSession } from "./graph-session.ts";

/** Items for what is drawn, the heaviest ones, and for siblings at either side of what is selected. */
const MAX_DRAWN = 240;
const SIBLINGS_AROUND = 12;

export function AriaTree({
  view,
  session,
  label,
  settled,
}: {
  readonly view: FlameView;
  readonly session: GraphSession;
  readonly label: string;
  /** Changes whenever the picture came to rest. */
  readonly settled: number;
}): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  const tree = view.tree;
  const selected = session.selected.value;
  const zoomed = session.zoomed.value;
  const focused = selected >= 0 ? selected : zoomed;
  const drawn = useMemo(() => view.visibleNodes(MAX_DRAWN), [view, tree, settled]);
  const items = useMemo(() => (tree ? withSurroundings(tree, drawn, focused) : []), [tree, drawn, focused]);
  useLayoutEffect(() => {
    // Focus follows the selection while it is inside.
    if (!root.current?.contains(document.activeElement)) return;
    root.current.querySelector<HTMLElement>(`[data-node="${focused}"]`)?.focus({ preventScroll: true });
  }, [focused, items]);
  return (
    <div
      ref={root}
      class="silent"
      role="tree"
      aria-label={label}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !view.key(event.key)) return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {items.map((item) => (
        <div
          key={item.node}
          role="treeitem"
          data-node={item.node}
          aria-level={item.level}
          aria-posinset={item.position}
          aria-setsize={item.setSize}
          aria-expanded={item.childCount > 0 ? true : undefined}
          aria-selected={item.node === selected}
          tabIndex={item.node === focused ? 0 : -1}
          onFocus={() => view.select(item.node)}
          onClick={() => view.zoom(item.node)}
        >
          {item.label}
        </div>
      ))}
    </div>
  );
}

/** Adds the way to a node, what stands beside each step of it, and what it calls; in the order of a walk. */
function withSurroundings(tree: FlameTree, drawn: readonly AccessibleNode[], node: number): readonly AccessibleNode[] {
  if (node >= tree.length) return drawn;
  const items = new Map(drawn.map((item) => [item.node, item]));
  const add = (at: number): void => {
    if (!items.has(at)) items.set(at, accessibleNode(tree, at));
  };
  const addChildren = (of: number, around: number): void => {
    const first = Math.max(tree.firstChild[of]!, around - SIBLINGS_AROUND);
    const last = Math.min(tree.firstChild[of + 1]! - 1, around + SIBLINGS_AROUND);
    for (let child = first; child <= last; child++) add(child);
  };
  // Only the nearest callers' siblings: a stack may be thousands of calls deep.
  const path = tree.ancestry(node);
  for (const at of path) add(at);
  for (const at of path.slice(-SIBLINGS_AROUND)) if (at > 0) addChildren(tree.parent(at), at);
  addChildren(node, tree.firstChild[node]!);
  if (items.size === drawn.length) return drawn;
  return [...items.values()].sort((a, b) => tree.x[a.node]! - tree.x[b.node]! || a.node - b.node);
}
