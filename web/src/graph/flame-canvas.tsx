/**
 * The picture of a graph, with all that is around it but not on it: the tooltip, and the ARIA tree that says the same to
 * who doesn't see it and that takes the keys.
 */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { type FlameTree, FlameView, type Orientation } from "../flame/index.ts";
import { page } from "../state/page.ts";
import { theme } from "../state/theme.ts";
import { AriaTree } from "./aria-tree.tsx";
import type { GraphSession } from "./graph-session.ts";
import { Tooltip } from "./tooltip.tsx";

export interface FlameCanvasProps {
  readonly session: GraphSession;
  readonly tree: FlameTree;
  readonly label: string;
  readonly orientation: Orientation;
  /** CSS pixels that the picture may be high; it is lower where the graph is. */
  readonly maxHeight: number;
  /** The row of the root isn't shown, for it says nothing. */
  readonly rootless?: boolean;
  /** Node to be zoomed to when another graph comes. */
  readonly zoomOf?: (tree: FlameTree) => number;
  readonly onZoom?: (tree: FlameTree, node: number) => void;
  readonly onView?: (view: FlameView | undefined) => void;
  readonly onMenu?: (node: number, x: number, y: number) => void;
}

export const ROW_HEIGHT = 20;
const MIN_ROWS = 6;

export function FlameCanvas(props: FlameCanvasProps): JSX.Element {
  const { session, tree, label, orientation, maxHeight, rootless = false, zoomOf, onZoom, onView, onMenu } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const view = useSignal<FlameView | undefined>(undefined);
  const settled = useSignal(0);
  const { colouring } = page.value;
  const rows = rootless ? Math.max(1, tree.depth - 1) : Math.max(MIN_ROWS, tree.depth);
  const height = Math.min(maxHeight, rows * ROW_HEIGHT);

  useEffect(() => {
    const made = new FlameView(canvas.current!, {
      orientation,
      theme: theme.peek(),
      rowHeight: ROW_HEIGHT,
      reducedMotion: matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    made.on("hover", ({ hit, x, y }) => (session.hover.value = hit && { hit, x, y }));
    made.on("select", ({ node }) => (session.selected.value = node));
    made.on("zoom", ({ node }) => {
      session.zoomed.value = node;
      if (made.tree) onZoom?.(made.tree, node);
    });
    made.on("settle", ({ viewport }) => {
      const hidden = (made.tree?.depth ?? 0) * ROW_HEIGHT - viewport.height;
      if (rootless && viewport.scroll < ROW_HEIGHT && hidden >= ROW_HEIGHT) {
        made.panBy(0, orientation === "icicle" ? -ROW_HEIGHT : ROW_HEIGHT);
      }
      settled.value++;
    });
    made.on("menu", ({ hit, x, y }) => hit?.kind === "node" && onMenu?.(hit.node, x, y));
    view.value = made;
    onView?.(made);
    return () => {
      onView?.(undefined);
      made.destroy();
    };
  }, []);
  useEffect(() => {
    const shown = view.peek();
    if (!shown) return;
    const isFirst = shown.tree === undefined;
    shown.setTree(tree, { keep: !isFirst });
    const wanted = zoomOf?.(tree) ?? 0;
    if (isFirst && wanted > 0) shown.zoom(wanted);
    session.zoomed.value = shown.zoomed;
    session.selected.value = shown.selected;
    if (session.matches.peek()) shown.setMatches(session.matches.peek());
  }, [tree]);
  useEffect(() => view.peek()?.setOrientation(orientation), [orientation]);
  useEffect(() => view.peek()?.setColours(colouring), [colouring]);
  useSignalEffect(() => view.value?.setTheme(theme.value));
  useSignalEffect(() => {
    const matches = session.matches.value;
    view.value?.setMatches(matches);
  });
  useSignalEffect(() => view.value?.highlight(session.highlighted.value));

  return (
    <div class="flame" ref={frame} onKeyDown={() => delete frame.current?.dataset["pointed"]}>
      <canvas
        ref={canvas}
        aria-hidden="true"
        style={{ blockSize: `${height}px` }}
        onClick={() => {
          // Keys go on from what was clicked; who points needs no ring.
          frame.current!.dataset["pointed"] = "";
          frame.current!.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus({ preventScroll: true });
        }}
      />
      {view.value && <AriaTree view={view.value} session={session} label={label} settled={settled.value} />}
      <Tooltip session={session} tree={tree} />
    </div>
  );
}
