/** Where in the graph one is: callers from the root to what fills the width, each a step back. */
import type { JSX } from "preact";
import type { FlameTree } from "../flame/index.ts";
import { shortFrameName } from "./frame-names.ts";

/** Callers that are named: the outermost and the nearest. */
const OUTERMOST = 2;
const NEAREST = 4;

export function ZoomPath({
  tree,
  node,
  onZoom,
}: {
  readonly tree: FlameTree;
  readonly node: number;
  readonly onZoom: (node: number) => void;
}): JSX.Element {
  const path = tree.ancestry(node);
  const isLong = path.length > OUTERMOST + NEAREST + 1;
  const steps = isLong ? [...path.slice(0, OUTERMOST), -1, ...path.slice(-NEAREST)] : path;
  return (
    <nav class="zoom-path" aria-label="Zoomed to">
      <ol>
        {steps.map((step) => (
          <li key={step}>
            {step < 0 ? (
              <span>… {path.length - OUTERMOST - NEAREST} more …</span>
            ) : step === node ? (
              <strong aria-current="true" title={tree.name(step)}>
                {shortFrameName(tree.frames, tree.frame[step]!)}
              </strong>
            ) : (
              <button type="button" class="link" title={tree.name(step)} onClick={() => onZoom(step)}>
                {step === 0 ? "all" : shortFrameName(tree.frames, tree.frame[step]!)}
              </button>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
