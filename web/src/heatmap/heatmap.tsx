/** Picks a burst out of seconds, and opens its flame graph. */
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { HeatmapAnswer } from "../../../src/query/api.ts";
import { getJson } from "../api/client.ts";
import { SelectorField } from "../app/selector-field.tsx";
import { formatSpan, resolveTime } from "../format/times.ts";
import { Loader } from "../state/loading.ts";
import { navigate, page, tick } from "../state/page.ts";
import { profileType } from "../state/server.ts";
import { shownTimes } from "../state/shown-times.ts";
import { Button } from "../ui/button.tsx";
import { Answer, Empty } from "../ui/states.tsx";
import { FINEST_ROWS, readable } from "./coarser.ts";
import { HeatmapCanvas } from "./heatmap-canvas.tsx";

/** Columns that can be told apart on most screens. */
const MAX_SECONDS = 600;

export function Heatmap(): JSX.Element {
  const { query, from, to, type } = page.value;
  const tickNow = tick.value;
  const loader = useMemo(() => new Loader<HeatmapAnswer>(), []);
  const now = Date.now();
  const times = shownTimes.value;
  const [start, end] = [resolveTime(times?.from ?? from, now) ?? now, resolveTime(to, now) ?? now];
  const tooLong = end - start > MAX_SECONDS * 1000;
  // Of a longer time the last minutes are shown, and the page says so.
  const shownFrom = tooLong
    ? to === "now"
      ? `now-${MAX_SECONDS}s`
      : String(end - MAX_SECONDS * 1000)
    : (times?.from ?? from);
  useEffect(() => {
    if (!times) return;
    void loader.load(`${query} ${from} ${to} ${type}`, async (signal) =>
      readable(await getJson("heatmap", { query, from: shownFrom, to, type, rows: FINEST_ROWS }, { signal })),
    );
  }, [query, from, shownFrom, to, type, tickNow, times === undefined]);
  return (
    <section class="page heatmap-page">
      <h1>Heat map</h1>
      <p class="lead">
        Each column is a second, read upwards. Drag over a burst to see the flame graph of just that.
        {tooLong && ` Of the time chosen, the last ${formatSpan(MAX_SECONDS * 1000)} are shown.`}
      </p>
      <SelectorField
        label="Selector"
        query={query}
        times={{ from, to }}
        onChange={(next) => navigate({ query: next })}
      />
      <Answer loader={loader} what="the heat map">
        {(answer) =>
          answer.max > 0 ? (
            <HeatmapCanvas
              answer={answer}
              unit={profileType.value?.unit ?? "nanoseconds"}
              onPick={(first, last) => navigate({ view: "explore", from: String(first), to: String(last), zoom: "" })}
            />
          ) : (
            <Empty title="No single samples in this time.">
              <p>Times of single samples are kept for two days; sums are kept for longer.</p>
              <Button label="Last 5 min" kind="primary" onClick={() => navigate({ from: "now-5m", to: "now" })} />
            </Empty>
          )
        }
      </Answer>
    </section>
  );
}
