/** The selected frame: how much it is here and everywhere, where it comes from, and what can be done with it. */
import type { JSX } from "preact";
import { type FlameTree, frameKind, type FunctionTable, packageOf } from "../flame/index.ts";
import { Button } from "../ui/button.tsx";
import { amountOf } from "./amounts.ts";
import type { FrameActions } from "./frame-actions.ts";
import { sayKind } from "./frame-kinds.ts";
import type { GraphSession } from "./graph-session.ts";

export function DetailPanel({
  session,
  tree,
  actions,
}: {
  readonly session: GraphSession;
  readonly tree: FlameTree;
  readonly actions: FrameActions;
}): JSX.Element {
  const node = session.selected.value;
  const frame = session.selectedFrame.value;
  const functions = session.functions.value;
  if (frame < 0 || node >= tree.length) {
    return (
      <p class="detail-hint">
        Click a frame to zoom in and see its numbers here; Backspace zooms out. <kbd>?</kbd> shows all keys.
      </p>
    );
  }
  const text = tree.frames.text(frame);
  const place = text.file === "" ? "" : text.line > 0 ? `${text.file}:${text.line}` : text.file;
  return (
    <section class="detail" aria-label="Selected frame">
      <div class="what">
        <h2>{text.name || "(no name)"}</h2>
        <p class="muted">
          {[sayKind(frameKind(text)), packageOf(text), place, text.mapping]
            .filter((part, at, all) => part !== "" && all.indexOf(part) === at)
            .join(" · ")}
        </p>
        <div class="actions">
          <Button label="Sandwich" shortcut="s" onClick={() => actions.sandwich(text.name)} />
          <Button label="Focus" onClick={() => actions.focus(text.name)} />
          <Button label="Hide" onClick={() => actions.hide(text.name)} />
          <Button label="Find all" onClick={() => actions.find(text.name)} />
          <Button label="Copy stack" icon="copy" shortcut="c" onClick={() => actions.copyStack(node)} />
        </div>
      </div>
      <Numbers tree={tree} node={node} frame={frame} functions={functions} />
    </section>
  );
}

function Numbers({
  tree,
  node,
  frame,
  functions,
}: {
  readonly tree: FlameTree;
  readonly node: number;
  readonly frame: number;
  readonly functions: FunctionTable | undefined;
}): JSX.Element {
  return (
    <table class="number">
      <thead>
        <tr>
          <td />
          <th scope="col">Total</th>
          <th scope="col">Self</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">Here</th>
          <Cell tree={tree} value={tree.total[node]!} />
          <Cell tree={tree} value={tree.self(node)} />
        </tr>
        {functions && (
          <tr>
            <th scope="row">Everywhere</th>
            <Cell tree={tree} value={functions.total[frame]!} />
            <Cell tree={tree} value={functions.self[frame]!} />
          </tr>
        )}
        {tree.other && (
          <tr>
            <th scope="row">After</th>
            <Cell tree={tree} value={tree.other[node]!} side="other" />
            <Cell tree={tree} value={tree.otherSelf(node)} side="other" />
          </tr>
        )}
      </tbody>
    </table>
  );
}

function Cell({
  tree,
  value,
  side = "first",
}: {
  readonly tree: FlameTree;
  readonly value: number;
  readonly side?: "first" | "other";
}): JSX.Element {
  const { cores, value: said, share } = amountOf(tree, value, side);
  return (
    <td>
      <strong>{share}</strong>
      {cores !== undefined && <span>{cores}</span>}
      <span>{said}</span>
    </td>
  );
}
