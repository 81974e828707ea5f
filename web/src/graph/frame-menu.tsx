/** What can be done with the frame that was clicked with the other button. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { FlameTree } from "../flame/index.ts";
import type { FrameActions } from "./frame-actions.ts";

export interface FrameMenuPlace {
  readonly node: number;
  /** CSS pixels of the canvas. */
  readonly x: number;
  readonly y: number;
}

export function FrameMenu({
  place,
  tree,
  actions,
  onZoom,
  onClose,
}: {
  readonly place: FrameMenuPlace;
  readonly tree: FlameTree;
  readonly actions: FrameActions;
  readonly onZoom: (node: number) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const { node, x, y } = place;
  const root = useRef<HTMLDivElement>(null);
  const name = tree.name(node);
  useLayoutEffect(() => root.current?.querySelector("button")?.focus(), [node]);
  const items: readonly (readonly [string, () => void])[] = [
    ["Zoom in", () => onZoom(node)],
    ...(node > 0 && tree.frame[node]! >= 0
      ? ([
          ["Sandwich", () => actions.sandwich(name)],
          ["Focus: only stacks through it", () => actions.focus(name)],
          ["Hide it", () => actions.hide(name)],
          ["Find all", () => actions.find(name)],
        ] as const)
      : []),
    ["Copy stack", () => actions.copyStack(node)],
  ];
  return (
    <div
      ref={root}
      class="frame-menu"
      role="menu"
      aria-label={name}
      style={{ left: `${x}px`, top: `${y}px` }}
      onFocusOut={(event) => {
        if (!root.current?.contains(event.relatedTarget as Node | null)) onClose();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
        else if (event.key === "ArrowDown" || event.key === "ArrowUp")
          stepFocus(root.current!, event.key === "ArrowDown" ? 1 : -1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {items.map(([label, run]) => (
        <button
          key={label}
          type="button"
          role="menuitem"
          tabIndex={-1}
          onClick={() => {
            onClose();
            run();
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function stepFocus(menu: HTMLElement, step: number): void {
  const buttons = [...menu.querySelectorAll("button")];
  const at = buttons.findIndex((button) => button === document.activeElement);
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
}
