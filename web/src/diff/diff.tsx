/**
 * Two selections compared: any time, pod, revision or container with any other. What is looked at is "after", what it's
 * held against is "before".
 */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { ServerFlame } from "../api/flame-graphs.ts";
import { RangePicker } from "../app/range-picker.tsx";
import { SelectorField } from "../app/selector-field.tsx";
import { engineOf } from "../flame/index.ts";
import { formatCores, formatValue } from "../format/quantities.ts";
import { GraphWorkspace } from "../graph/graph-workspace.tsx";
import { placeOf } from "../graph/steps.ts";
import { getZoomedFlame, wantsMore, type ZoomedFlame } from "../graph/zoomed-flame.ts";
import { Loader } from "../state/loading.ts";
import { navigate, page, tick } from "../state/page.ts";
import { type PageState, type Selection, USUAL } from "../state/page-state.ts";
import { status } from "../state/server.ts";
import { Button, Segmented } from "../ui/button.tsx";
import { Answer, Empty } from "../ui/states.tsx";
import { coresUsed } from "./cores-used.ts";
import { besideBefore } from "./windows.ts";

export function Diff(): JSX.Element {
  const { query, from, to, type, other, relative } = page.value;
  const tickNow = tick.value;
  const loader = useMemo(() => new Loader<ZoomedFlame>(), []);
  const after: Selection = { query, from, to };
  const oldest = status.value?.oldest;
  useEffect(() => {
    if (!areUsual(page.peek())) return;
    // Nobody chose these times: in a young store they would begin with nothing to compare with.
    const sides = besideBefore(after, oldest, Date.now());
    if (sides.from !== from) navigate({ ...sides, other: { ...sides.other, query: other.query } }, "replace");
  }, [oldest]);
  const load = (): void => {
    // The engine colours from the first selection to the second one, so what was before goes first.
    const parameters = {
      type,
      query: other.query,
      from: other.from,
      to: other.to,
      other_query: query === "" ? "{}" : query,
      other_from: from,
      other_to: to,
    };
    void loader.load(JSON.stringify(parameters), (signal, progress) =>
      getZoomedFlame("diff", parameters, placeOf(page.peek()), { signal, progress }),
    );
  };
  useEffect(load, [query, from, to, type, other.query, other.from, other.to, tickNow]);
  const place = placeOf(page.value);
  const flame = loader.value;
  useEffect(() => {
    if (flame && wantsMore(flame, place)) load();
  }, [flame, place]);
  useEffect(() => () => loader.dispose(), []);
  return (
    <div class="page diff-page">
      <div class="title-row">
        <h1>Compare</h1>
        <Segmented
          label="Compare"
          value={relative ? "shares" : "amounts"}
          options={[
            { value: "shares", label: "Shares" },
            { value: "amounts", label: "Amounts" },
          ]}
          onChange={(weigh) => navigate({ relative: weigh === "shares" })}
        />
        <Button label="Swap" icon="compare" onClick={() => navigate({ ...other, other: after })} />
        <Button
          label="Same, just before"
          icon="clock"
          onClick={() => navigate(besideBefore(after, status.value?.oldest, Date.now()))}
        />
      </div>
      <div class="sides">
        <Side
          name="Before"
          selection={other}
          flame={loader.value}
          side="first"
          onChange={(change) => navigate({ other: { ...other, ...change } })}
        />
        <Side
          name="After"
          selection={after}
          flame={loader.value}
          side="other"
          onChange={(change) => navigate(change)}
        />
      </div>
      <Answer loader={loader} what="both sides">
        {(flame) => <Compared flame={flame} relative={relative} />}
      </Answer>
    </div>
  );
}

/** Whether the address says nothing of times. */
function areUsual({ from, to, other }: PageState): boolean {
  return from === USUAL.from && to === USUAL.to && other.from === USUAL.other.from && other.to === USUAL.other.to;
}

function Compared({ flame, relative }: { readonly flame: ServerFlame; readonly relative: boolean }): JSX.Element {
  const { tree } = flame.engine;
  const engine = useMemo(() => engineOf(tree.scaled(relative ? "relative" : "absolute")), [tree, relative]);
  if (tree.total[0]! <= 0 && (tree.other?.[0] ?? 0) <= 0) {
    return (
      <Empty title="Neither side has samples.">
        <p>Choose other times, or select more.</p>
      </Empty>
    );
  }
  return <GraphWorkspace engine={engine} title="comparison" isCulled />;
}

function Side({
  name,
  selection,
  flame,
  side,
  onChange,
}: {
  readonly name: string;
  readonly selection: Selection;
  readonly flame: ServerFlame | undefined;
  readonly side: "first" | "other";
  readonly onChange: (change: Partial<Selection>) => void;
}): JSX.Element {
  const used = flame && coresUsed(flame, side);
  return (
    <section class="side" aria-label={name}>
      <header>
        <h2>{name}</h2>
        {used && (
          <p class="number">
            {used.cores === undefined
              ? formatValue(used.value, flame.engine.tree.measure.unit)
              : formatCores(used.cores)}
          </p>
        )}
        <RangePicker times={selection} onChange={onChange} />
        <Button label="Open" onClick={() => navigate({ view: "explore", ...selection, zoom: "" })} />
      </header>
      <SelectorField
        label={`${name}: selector`}
        query={selection.query}
        times={selection}
        onChange={(query) => onChange({ query })}
      />
    </section>
  );
}
