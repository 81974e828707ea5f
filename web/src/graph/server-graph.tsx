/** The flame graph of what is selected. */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { Loader } from "../state/loading.ts";
import { navigate, page, tick } from "../state/page.ts";
import { shownTimes } from "../state/shown-times.ts";
import { Button } from "../ui/button.tsx";
import { Answer, Empty } from "../ui/states.tsx";
import { getSandwich } from "../api/sandwiches.ts";
import { GraphWorkspace } from "./graph-workspace.tsx";
import type { AskSandwich } from "./sandwich.tsx";
import { placeOf } from "./steps.ts";
import { getZoomedFlame, timesOf, wantsMore, type ZoomedFlame } from "./zoomed-flame.ts";

/** @param title for exports and screen readers, e.g. the selected row's name */
export function ServerGraph({ title }: { readonly title: string }): JSX.Element {
  const { query, from, to, type } = page.value;
  const tickNow = tick.value;
  const loader = useMemo(() => new Loader<ZoomedFlame>(), []);
  const times = shownTimes.value;
  const load = (): void => {
    if (!times) return;
    void loader.load(`${query} ${from} ${to} ${type}`, (signal, progress) =>
      getZoomedFlame("flamegraph", { query, ...times, type }, placeOf(page.peek()), { signal, progress }),
    );
  };
  useEffect(load, [query, from, to, times?.from, type, tickNow]);
  const place = placeOf(page.value);
  const flame = loader.value;
  useEffect(() => {
    if (flame && wantsMore(flame, place)) load();
  }, [flame, place]);
  useEffect(() => () => loader.dispose(), []);
  // Of the same samples as the graph, which is another one with each answer.
  const askSandwich: AskSandwich = useMemo(
    () => (name, signal) =>
      getSandwich({ query, type, ...(flame ? timesOf(flame) : times), function: name }, { signal }),
    [flame],
  );
  return (
    <Answer loader={loader} what="the flame graph">
      {({ engine, coverage }) =>
        engine.tree.total[0]! > 0 ? (
          <GraphWorkspace engine={engine} coverage={coverage} title={title} isCulled askSandwich={askSandwich} />
        ) : (
          <Nothing />
        )
      }
    </Answer>
  );
}

function Nothing(): JSX.Element {
  const { query } = page.value;
  return (
    <Empty title="No samples here.">
      <p>
        {query === ""
          ? "Nothing was sampled in this time."
          : "Nothing that was sampled in this time is selected by this."}
      </p>
      {query === "" ? (
        <Button label="Last 24 h" kind="primary" onClick={() => navigate({ from: "now-24h", to: "now" })} />
      ) : (
        <Button label="Select everything" kind="primary" onClick={() => navigate({ query: "", zoom: "" })} />
      )}
    </Empty>
  );
}
