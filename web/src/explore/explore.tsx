/**
 * The first page: the Kubernetes tree at one side, what the selected row does at the other one: its course over time,
 * its hottest path in words, its flame graph and table.
 */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { TreeAnswer, TreeRow } from "../../../src/query/api.ts";
import { sayRange } from "../app/range-picker.tsx";
import { compareRevision } from "../diff/revisions.ts";
import { formatCores, formatShare, formatValue } from "../format/quantities.ts";
import { ServerGraph } from "../graph/server-graph.tsx";
import { live, navigate, page, tick } from "../state/page.ts";
import { status } from "../state/server.ts";
import { shownTimes } from "../state/shown-times.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { lazy } from "../ui/lazy.tsx";
import { Answer, Empty } from "../ui/states.tsx";
import { loadTimeline, loadTree, timeline, tree } from "./answers.ts";
import { ResourceTree } from "./resource-tree.tsx";
import { groupingOf, lineName, lineQuery } from "./timeline-lines.ts";
import { partsOf, pathTo } from "./tree-rows.ts";

const TimelineChart = lazy(() => import("../time/timeline-chart.tsx"));

export function Explore(): JSX.Element {
  const { query, from, to, type, treeHidden } = page.value;
  const tickNow = tick.value;
  const answer = tree.value;
  const times = shownTimes.value;
  const asked = `${from} ${to}`;
  useEffect(() => {
    if (times) void loadTree(asked, times, type);
  }, [asked, times?.from, type, tickNow]);
  const parts = answer ? partsOf(answer, query) : [];
  const groupBy = groupingOf(parts);
  useEffect(() => {
    if (answer && times) void loadTimeline(asked, query, times, type, groupBy);
  }, [query, asked, type, groupBy, answer]);

  if (answer && (answer.rows[0]?.value ?? 0) <= 0) return <NoSamples />;
  const select = (row: TreeRow): void => navigate({ query: row.query, zoom: "", search: "" });
  return (
    <div class={treeHidden ? "explore wide" : "explore"}>
      {!treeHidden && (
        <aside class="tree-pane" aria-label="Where the time goes">
          <TreeFilter />
          <Answer loader={tree} what="the tree">
            {(value) => <ResourceTree answer={value} onSelect={select} />}
          </Answer>
        </aside>
      )}
      <div class="content">
        <SelectedRow />
        {answer && (
          <Answer loader={timeline} what="the timeline">
            {(value) => (
              <TimelineChart
                answer={value}
                onBrush={(start, end) => navigate({ from: String(start), to: String(end) })}
                nameOf={lineName}
                onCompare={(mark) => navigate(compareRevision(mark, { from, to }) ?? {})}
                onSelect={(line) => navigate({ query: lineQuery(parts, line), zoom: "" })}
              />
            )}
          </Answer>
        )}
        <ServerGraph title={titleOf(answer, query)} />
      </div>
    </div>
  );
}

function TreeFilter(): JSX.Element {
  return (
    <div class="tree-filter">
      <label class="field">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Filter rows by name"
          placeholder="Filter by name"
          value={page.value.treeFilter}
          onInput={(event) => navigate({ treeFilter: event.currentTarget.value }, "replace")}
        />
      </label>
    </div>
  );
}

/** What is selected, as a path that leads back up, and how much it is. */
function SelectedRow(): JSX.Element {
  const { query, treeHidden, from, to } = page.value;
  const times = shownTimes.value ?? { from, to };
  const answer = tree.value;
  const path = answer ? pathTo(answer, query) : [];
  const row = path.at(-1);
  return (
    <div class="selected-row">
      <Button
        label={treeHidden ? "Show the tree" : "Hide the tree"}
        icon="panel"
        bare
        kind="quiet"
        pressed={!treeHidden}
        onClick={() => navigate({ treeHidden: !treeHidden })}
      />
      <nav class="crumbs" aria-label="Selected">
        <ol>
          {path.map((each, at) => (
            <li key={each.query + each.level}>
              {at < path.length - 1 ? (
                <button type="button" onClick={() => navigate({ query: each.query, zoom: "" })}>
                  {each.name}
                </button>
              ) : (
                <h1>{each.name}</h1>
              )}
            </li>
          ))}
          {path.length === 0 && (
            <li>
              <h1>{query === "" ? "Everything" : <code>{query}</code>}</h1>
            </li>
          )}
        </ol>
      </nav>
      {row && answer && (
        <p class="amount number">
          <strong>{row.cores === undefined ? formatValue(row.value, answer.unit) : formatCores(row.cores)}</strong>
          {row.depth > 0 && ` · ${formatShare(row.share)} of all`}
          <span class="muted"> · {sayRange(times)}</span>
        </p>
      )}
    </div>
  );
}

function NoSamples(): JSX.Element {
  if (live.value && status.value && status.value.oldest === undefined) {
    return (
      <Empty title="Waiting for the first samples.">
        <p>
          They come some seconds after podflame starts. If they don't, <code>podflame doctor</code> says why.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="No samples in this time.">
      <p>
        The first ones appear some seconds after podflame starts. If they don't, <code>podflame doctor</code> says why.
        Or look at a longer time:
      </p>
      <Button label="Last 24 h" kind="primary" onClick={() => navigate({ from: "now-24h", to: "now" })} />
    </Empty>
  );
}

/** The selected row's name, for file names and screen readers. */
function titleOf(answer: TreeAnswer | undefined, query: string): string {
  return (answer && pathTo(answer, query).at(-1)?.name) ?? (query === "" ? "everything" : query);
}
