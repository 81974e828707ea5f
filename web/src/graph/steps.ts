/** What the address says is to be done to a graph, as steps of the engine, in the order they make sense in. */
import type { Transform } from "../flame/index.ts";
import type { PageState } from "../state/page-state.ts";

export function stepsOf({ hidden, focus, collapsed, inverted }: PageState): readonly Transform[] {
  return [
    ...hidden.map((name): Transform => ({ kind: "hide", name })),
    ...(focus === "" ? [] : [{ kind: "focus", name: focus } as const]),
    ...(collapsed ? [{ kind: "collapse-recursion" } as const] : []),
    ...(inverted ? [{ kind: "invert" } as const] : []),
  ];
}

/** Path of what is zoomed to in the graph as the server has it; empty for the whole, and where the graph was changed. */
export function placeOf(state: PageState): string {
  return stepsOf(state).length === 0 ? state.zoom : "";
}
