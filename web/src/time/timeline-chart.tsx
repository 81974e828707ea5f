/**
 * Use over time, stacked by what the selection consists of. Dragging selects a stretch of time; deployments and restarts
 * are marked. A chunk of its own, for it brings uPlot.
 */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { TimelineAnswer } from "../../../src/query/api.ts";
import { formatCores, formatCoresBare, formatValue } from "../format/quantities.ts";
import { formatRange, formatTime } from "../format/times.ts";
import { theme } from "../state/theme.ts";
import { seriesColour } from "./series-colours.ts";
import { stackAreas } from "./stacked-areas.ts";

const HEIGHT = 108;
/** Of the marks, the latest are listed. */
const MAX_MARKS = 6;
/** Half of `12:34:56` in CSS pixels, less what is free beside the chart. */
const HALF_LABEL = 20;

export interface TimelineChartProps {
  readonly answer: TimelineAnswer;
  readonly onBrush: (from: number, to: number) => void;
  /** What a line is called. */
  readonly nameOf: (name: string) => string;
  readonly onSelect: (line: { readonly name: string; readonly query: string }) => void;
  /** A deployment is to be compared with what ran before. */
  readonly onCompare: (mark: TimelineAnswer["marks"][number]) => void;
}

export default function TimelineChart({
  answer,
  onBrush,
  nameOf,
  onSelect,
  onCompare,
}: TimelineChartProps): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const say = (value: number): string => (answer.cores ? formatCores(value) : formatValue(value, answer.unit));
  const darkness = theme.value;
  useEffect(() => {
    const element = holder.current!;
    const chart = draw(element, answer, onBrush, (slot) => {
      if (readout.current) readout.current.textContent = slot === undefined ? "" : sayAt(answer, slot, nameOf, say);
    });
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [answer, darkness]);

  return (
    <figure class="timeline">
      <div ref={holder} role="img" aria-label={describe(answer, nameOf, say)} />
      <figcaption>
        <ul class="legend">
          {answer.series.map(({ name, query, remainder }, index) => (
            <li key={`${name} ${query}`}>
              <button type="button" disabled={remainder || query === ""} onClick={() => onSelect({ name, query })}>
                <span class="swatch" style={{ background: seriesColour(index, remainder) }} />
                {nameOf(name)}
              </button>
            </li>
          ))}
        </ul>
        <span class="readout number" ref={readout} />
      </figcaption>
      {answer.marks.length > 0 && (
        <ul class="marks">
          {answer.marks.slice(-MAX_MARKS).map((mark) => {
            const { time, kind, name, query } = mark;
            return (
              <li key={`${time} ${kind} ${name}`}>
                <button type="button" disabled={query === ""} onClick={() => onSelect({ name, query })}>
                  <span class={`mark ${kind}`} aria-hidden="true" />
                  {kind === "revision" ? "New revision" : "Restart"} {name}, {formatTime(time)}
                </button>
                {kind === "revision" && (
                  <button type="button" class="link" onClick={() => onCompare(mark)}>
                    compare
                  </button>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </figure>
  );
}

function draw(
  element: HTMLElement,
  answer: TimelineAnswer,
  onBrush: (from: number, to: number) => void,
  onHover: (slot: number | undefined) => void,
): uPlot {
  const { times, edges, series, slotAt } = stackAreas(answer);
  const style = getComputedStyle(element);
  const ink = style.getPropertyValue("--text-2").trim();
  const grid = style.getPropertyValue("--line").trim();
  const axis = {
    stroke: ink,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 76,
          values: (chart, splits, __, ___, step) =>
            // What would be cut off at the end is left out.
            splits.map((time) => (isNearEnd(chart, time) ? "" : sayTick(time, step))),
        },
        {
          ...axis,
          size: 56,
          values: (_, splits) =>
            splits.map((value) => (answer.cores ? formatCoresBare(value) : formatValue(value, answer.unit))),
        },
      ],
      series: [
        {},
        ...series.map((index) => {
          const colour = seriesColour(index, answer.series[index]!.remainder);
          return { stroke: colour, width: 1, fill: colour, points: { show: false } };
        }),
      ],
      hooks: {
        draw: [(chart) => drawMarks(chart, answer, ink)],
        setCursor: [
          ({ cursor: { idx } }) => {
            onHover(typeof idx === "number" ? slotAt(idx) : undefined);
          },
        ],
        setSelect: [
          (chart) => {
            const { left, width } = chart.select;
            if (width < 4) return;
            const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            onBrush(Math.round(from * 1000), Math.round(to * 1000));
          },
        ],
      },
    },
    [times, ...edges],
    element,
  );
}

function isNearEnd(chart: uPlot, time: number): boolean {
  return chart.valToPos(time, "x") > chart.bbox.width / uPlot.pxRatio - HALF_LABEL;
}

/** Hours and minutes; seconds or the day where ticks are that far apart. */
function sayTick(time: number, step: number): string {
  const text = formatTime(time * 1000);
  if (step >= 86_400) return text.slice(0, 10);
  return step < 60 ? text.slice(-8) : text.slice(-8, -3);
}

/** Dashed for a new revision, dotted for a restart. */
function drawMarks(chart: uPlot, { marks }: TimelineAnswer, colour: string): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = uPlot.pxRatio;
  for (const { time, kind } of marks) {
    const x = Math.round(chart.valToPos(time / 1000, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash(kind === "revision" ? [6, 3] : [2, 3]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function sayAt(
  answer: TimelineAnswer,
  slot: number,
  nameOf: (name: string) => string,
  say: (value: number) => string,
): string {
  const from = answer.start + slot * answer.step;
  const parts = answer.series
    .map(({ name, values }) => ({ name: nameOf(name), value: values[slot] ?? 0 }))
    .filter(({ value }) => value > 0);
  const sum = parts.reduce((total, { value }) => total + value, 0);
  const top = parts.sort((a, b) => b.value - a.value).slice(0, 3);
  const most = top.map(({ name, value }) => `${name} ${say(value)}`).join(", ");
  return `${formatTime(from)}: ${say(sum)}${most === "" ? "" : ` (${most})`}`;
}

/** The chart in words, for who doesn't see it. */
function describe(answer: TimelineAnswer, nameOf: (name: string) => string, say: (value: number) => string): string {
  const { mean, max } = stackAreas(answer);
  const range = formatRange(answer.start, answer.start + answer.slots * answer.step);
  const names = answer.series.map(({ name }) => nameOf(name)).join(", ");
  return `Use over time, ${range}: ${say(mean)} on average, at most ${say(max)}, by ${names || "nothing"}`;
}
