/**
 * A graph with everything to work on it: first line in words, toolbar, picture, table, sandwich, details, keys. The same
 * for what the server has, for files and for comparisons.
 */
import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Coverage } from "../../../src/query/api.ts";
import { type FlameEngine, type FlameTree, type FlameView, isCulledBelow } from "../flame/index.ts";
import { type KeyGroup, useKeys } from "../state/keys.ts";
import { navigate, page } from "../state/page.ts";
import { DiffHeadline } from "./diff-headline.tsx";
import { DetailPanel } from "./detail-panel.tsx";
import { FlameCanvas } from "./flame-canvas.tsx";
import { frameActions } from "./frame-actions.ts";
import { FrameMenu, type FrameMenuPlace } from "./frame-menu.tsx";
import { FunctionTable } from "./function-table.tsx";
import { GraphSession } from "./graph-session.ts";
import { graphKeys } from "./graph-keys.ts";
import { GraphToolbar } from "./graph-toolbar.tsx";
import { Headline } from "./headline.tsx";
import { Legend } from "./legend.tsx";
import { nodeAtPath, nodePath } from "./node-path.ts";
import { type AskSandwich, Sandwich } from "./sandwich.tsx";
import { shownGraph } from "./shown-graph.ts";
import { stepsOf } from "./steps.ts";
import { ZoomPath } from "./zoom-path.tsx";

export interface GraphWorkspaceProps {
  readonly engine: FlameEngine;
  readonly coverage?: Coverage;
  /** For exports. */
  readonly title: string;
  /** The graph was culled by the server; what isn't in it has to be asked for. */
  readonly isCulled?: boolean;
  /** Asks the server for all of a function's sandwich, where it has that. */
  readonly askSandwich?: AskSandwich;
}

export function GraphWorkspace({
  engine,
  coverage,
  title,
  isCulled = false,
  askSandwich,
}: GraphWorkspaceProps): JSX.Element {
  const session = useMemo(() => new GraphSession(), []);
  const view = useSignal<FlameView | undefined>(undefined);
  const menu = useSignal<FrameMenuPlace | undefined>(undefined);
  const { hidden, focus, collapsed, inverted, search, regex, show, upward } = page.value;

  useEffect(
    () => void session.show(engine, stepsOf(page.peek())),
    [engine, hidden.join("\n"), focus, collapsed, inverted],
  );
  const shown = session.shown.value;
  useEffect(() => {
    if (shown) void session.search(shown, { text: search, regex });
  }, [shown, search, regex]);
  useZoomOfAddress(view);
  useSignalEffect(() => {
    const now = session.shown.value;
    shownGraph.value = now && { engine: now, view: view.value, title };
  });
  useEffect(
    () => () => {
      shownGraph.value = undefined;
    },
    [],
  );

  const actions = useMemo(() => frameActions(() => session.shown.peek()?.tree), []);
  const step = (direction: 1 | -1): void => void view.peek()?.nextMatch(direction);
  const keys: KeyGroup = useMemo(() => graphKeys(session, view, actions), []);
  useKeys(keys);

  if (!shown) return <div class="workspace" />;
  const { tree } = shown;
  const functions = session.functions.value;
  // Above the picture stands what it shows, in a row that never goes, so that no box moves away from a click.
  const isZoomed = session.zoomed.value > 0 && session.zoomed.value < tree.length;
  const isChanged = stepsOf(page.value).length > 0;
  const lacks = isCulled && engine.tree.measure.omitted > 0;
  const goTo = (node: number): void => {
    view.peek()?.zoom(node);
    view.peek()?.select(node);
  };
  return (
    <section class="workspace" aria-label="Flame graph">
      {tree.other ? (
        functions && <DiffHeadline tree={tree} functions={functions} onFunction={actions.find} />
      ) : (
        <Headline tree={tree} functions={functions} coverage={coverage} onZoom={goTo} onFunction={actions.sandwich} />
      )}
      <GraphToolbar session={session} onStep={step} />
      {session.problem.value !== "" && (
        <p class="notice" role="alert">
          {session.problem.value}
        </p>
      )}
      {isZoomed && lacks && isChanged && isCulledBelow(tree, session.zoomed.value) && <p class="nothing">{LACKS}</p>}
      {show === "sandwich" ? (
        functions && (
          <Sandwich
            session={session}
            engine={shown}
            functions={functions}
            ask={lacks && !isChanged ? askSandwich : undefined}
            caveat={lacks && (isChanged || !askSandwich) ? LACKS : ""}
          />
        )
      ) : (
        <div class={`panels ${show}`}>
          {show !== "graph" && functions && (
            <FunctionTable
              session={session}
              tree={tree}
              functions={functions}
              selected={session.selectedFrame.value}
              onSelect={(frame) => {
                const node = heaviestNode(tree, frame);
                if (show === "both") view.peek()?.select(node, { reveal: true });
                else navigate({ show: "sandwich", function: tree.frames.name(frame) });
              }}
            />
          )}
          {show !== "table" && (
            <div class="picture">
              {isZoomed ? (
                <ZoomPath tree={tree} node={session.zoomed.value} onZoom={(node) => view.peek()?.zoom(node)} />
              ) : (
                <Legend tree={tree} />
              )}
              <FlameCanvas
                session={session}
                tree={tree}
                label={`Flame graph of ${title}`}
                orientation={upward ? "flame" : "icicle"}
                maxHeight={canvasRoom()}
                zoomOf={(next) => nodeAtPath(next, page.peek().zoom)}
                onZoom={rememberZoom}
                onView={(made) => (view.value = made)}
                onMenu={(node, x, y) => (menu.value = { node, x, y })}
              />
              {isZoomed && <Legend tree={tree} />}
              {menu.value && (
                <FrameMenu
                  place={menu.value}
                  tree={tree}
                  actions={actions}
                  onZoom={goTo}
                  onClose={() => (menu.value = undefined)}
                />
              )}
            </div>
          )}
        </div>
      )}
      {(show === "graph" || show === "both") && <DetailPanel session={session} tree={tree} actions={actions} />}
    </section>
  );
}

const LACKS =
  "Changed and compared graphs are made of what the whole one shows: calls too small for that are summed up as others. Select less to see more of them.";

/** Says in the address what is zoomed to; a path that leads there, or would if all of it were here, stays. */
function rememberZoom(tree: FlameTree, node: number): void {
  if (nodeAtPath(tree, page.peek().zoom) !== node) navigate({ zoom: nodePath(tree, node) });
}

/** Follows the address, when it's the back button that changes it. */
function useZoomOfAddress(view: ReadonlySignal<FlameView | undefined>): void {
  const zoom = useComputed(() => page.value.zoom);
  useSignalEffect(() => {
    const path = zoom.value;
    const shown = view.value;
    if (!shown?.tree) return;
    const wanted = nodeAtPath(shown.tree, path);
    if (wanted !== shown.zoomed) shown.zoom(wanted);
  });
}

/** Room for a picture that leaves the numbers below it on the screen. */
function canvasRoom(): number {
  return Math.max(280, Math.min(1400, innerHeight - (innerWidth < 900 ? 260 : 470)));
}

/** Where a function is to be seen best; the root where it isn't at all. */
function heaviestNode(tree: FlameTree, frame: number): number {
  let heaviest = 0;
  for (let node = 1; node < tree.length; node++) {
    if (tree.frame[node] === frame && (heaviest === 0 || tree.weight[node]! > tree.weight[heaviest]!)) heaviest = node;
  }
  return heaviest;
}
