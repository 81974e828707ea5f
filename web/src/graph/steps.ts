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
