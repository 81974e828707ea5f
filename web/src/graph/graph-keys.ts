/** Keys of a graph that work wherever focus is, but in fields. */
import type { ReadonlySignal } from "@preact/signals";
import type { FlameView } from "../flame/index.ts";
import type { KeyGroup } from "../state/keys.ts";
import { navigate, page } from "../state/page.ts";
import type { FrameActions } from "./frame-actions.ts";
import type { GraphSession } from "./graph-session.ts";
import { SEARCH_FIELD } from "./graph-toolbar.tsx";

export function graphKeys(
  session: GraphSession,
  view: ReadonlySignal<FlameView | undefined>,
  actions: FrameActions,
): KeyGroup {
  const move = (key: string) => (): void => {
    const shown = view.peek();
    shown?.key(key);
    const tree = shown?.canvas.parentElement?.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]');
    tree?.focus({ preventScroll: true });
  };
  const selectedName = (): string => {
    const frame = session.selectedFrame.peek();
    return frame < 0 ? "" : (session.shown.peek()?.tree.frames.name(frame) ?? "");
  };
  return {
    title: "Graph",
    keys: [
      { key: "ArrowUp", shown: "↑ ↓", does: "Caller or callee", run: move("ArrowUp") },
      { key: "ArrowDown", does: "", run: move("ArrowDown") },
      { key: "ArrowLeft", shown: "← →", does: "What is beside it", run: move("ArrowLeft") },
      { key: "ArrowRight", does: "", run: move("ArrowRight") },
      { key: "Enter", does: "Zoom in", run: move("Enter") },
      { key: "Backspace", does: "Zoom out", run: move("Backspace") },
      { key: "Escape", does: "Show everything", run: move("Escape") },
      { key: "/", does: "Search", run: () => document.getElementById(SEARCH_FIELD)?.focus() },
      { key: "n", does: "Next match", run: () => void view.peek()?.nextMatch(1) },
      { key: "N", does: "Match before", run: () => void view.peek()?.nextMatch(-1) },
      { key: "i", does: "Inverted: callers below", run: () => navigate({ inverted: !page.peek().inverted, zoom: "" }) },
      { key: "s", does: "Sandwich of the selected function", run: () => toggleSandwich(selectedName()) },
      { key: "t", does: "Table, beside the graph, or not", run: cycleTable },
      { key: "c", does: "Copy the selected stack", run: () => actions.copyStack(session.selected.peek()) },
    ],
  };
}

function toggleSandwich(name: string): void {
  if (page.peek().show === "sandwich") navigate({ show: "graph" });
  else navigate(name === "" ? { show: "sandwich" } : { show: "sandwich", function: name });
}

function cycleTable(): void {
  const next = { graph: "both", both: "table", table: "graph", sandwich: "table" } as const;
  navigate({ show: next[page.peek().show] });
}
