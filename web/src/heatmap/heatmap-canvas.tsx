/**
 * The sub-second heat map: each column a second, each cell some milliseconds of it, the darker the more CPU time. Dragging
 * or Shift with arrows selects a burst.
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { HeatmapAnswer } from "../../../src/query/api.ts";
import { formatValue } from "../format/quantities.ts";
import { formatTime } from "../format/times.ts";
import { theme } from "../state/theme.ts";
import { type Burst, burstBetween, burstRange, burstValue } from "./burst.ts";
import { heatPalette } from "./palette.ts";

export function HeatmapCanvas({
  answer,
  unit,
  onPick,
}: {
  readonly answer: HeatmapAnswer;
  readonly unit: string;
  readonly onPick: (from: number, to: number) => void;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useSignal(0);
  const burst = useSignal<Burst | undefined>(undefined);
  const anchor = useRef<number | undefined>(undefined);
  const { columns, rows } = answer;
  const cells = columns * rows;
  const darkness = theme.value;

  useEffect(() => paint(canvas.current!, answer, darkness === "dark"), [answer, darkness]);

  const cellAt = (event: PointerEvent): number => {
    const box = canvas.current!.getBoundingClientRect();
    const column = clamp(Math.floor(((event.clientX - box.left) / box.width) * columns), columns);
    const row = clamp(Math.floor((1 - (event.clientY - box.top) / box.height) * rows), rows);
    return column * rows + row;
  };
  const pick = (chosen: Burst): void => {
    const { from, to } = burstRange(answer, chosen);
    onPick(from, to);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowUp: 1, ArrowDown: -1, ArrowRight: rows, ArrowLeft: -rows }[event.key];
    if (step !== undefined) {
      const next = clamp(cursor.value + step, cells);
      if (event.shiftKey) {
        anchor.current ??= cursor.value;
        burst.value = burstBetween(anchor.current, next);
      } else {
        anchor.current = undefined;
        burst.value = undefined;
      }
      cursor.value = next;
    } else if (event.key === "Enter") {
      pick(burst.value ?? burstBetween(cursor.value, cursor.value));
    } else if (event.key === "Escape" && burst.value) {
      burst.value = undefined;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const shown = burst.value ?? burstBetween(cursor.value, cursor.value);
  const range = burstRange(answer, shown);
  const words = `${formatTime(range.from)}.${String(range.from % 1000).padStart(3, "0")}, ${Math.round(range.to - range.from)} ms: ${formatValue(burstValue(answer, shown), unit)}`;
  return (
    <div class="heatmap">
      <div
        class="plot"
        role="application"
        aria-label="Heat map of seconds. Arrows move, Shift with arrows selects a burst, Enter opens it."
        aria-describedby="heatmap-cell"
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <canvas
          ref={canvas}
          onPointerDown={(event) => {
            canvas.current!.setPointerCapture(event.pointerId);
            anchor.current = cellAt(event);
            cursor.value = anchor.current;
            burst.value = burstBetween(anchor.current, anchor.current);
          }}
          onPointerMove={(event) => {
            cursor.value = cellAt(event);
            if (event.buttons === 1 && anchor.current !== undefined)
              burst.value = burstBetween(anchor.current, cursor.value);
          }}
          onPointerUp={() => {
            const chosen = burst.value;
            anchor.current = undefined;
            if (chosen && chosen.last > chosen.first) pick(chosen);
            else burst.value = undefined;
          }}
        />
        <Selected burst={shown} columns={columns} rows={rows} firm={burst.value !== undefined} />
      </div>
      <div class="axis number" aria-hidden="true">
        <span>{formatTime(answer.start)}</span>
        <span>{formatTime(answer.start + columns * 1000)}</span>
      </div>
      <p class="scale number">
        <span>0</span>
        <Scale dark={darkness === "dark"} />
        <span>
          {formatValue(answer.max, unit)} in {Math.round(answer.step)} ms
        </span>
      </p>
      <p id="heatmap-cell" class="number" role="status">
        {words}
      </p>
    </div>
  );
}

/** What the colours mean, from nothing to the most. */
function Scale({ dark }: { readonly dark: boolean }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const steps = Array.from({ length: SCALE_STEPS }, (_, step) => step / (SCALE_STEPS - 1));
    paint(canvas.current!, { columns: SCALE_STEPS, rows: 1, values: steps, max: 1 }, dark);
  }, [dark]);
  return <canvas ref={canvas} aria-hidden="true" />;
}

const SCALE_STEPS = 64;

/** Up to three boxes: the rest of the first second, whole seconds, the beginning of the last one. */
function Selected({
  burst,
  columns,
  rows,
  firm,
}: {
  readonly burst: Burst;
  readonly columns: number;
  readonly rows: number;
  readonly firm: boolean;
}): JSX.Element {
  const boxes: { column: number; width: number; bottom: number; top: number }[] = [];
  const [from, to] = [Math.floor(burst.first / rows), Math.floor(burst.last / rows)];
  const [low, high] = [burst.first % rows, (burst.last % rows) + 1];
  if (from === to) boxes.push({ column: from, width: 1, bottom: low, top: high });
  else {
    boxes.push({ column: from, width: 1, bottom: low, top: rows });
    if (to - from > 1) boxes.push({ column: from + 1, width: to - from - 1, bottom: 0, top: rows });
    boxes.push({ column: to, width: 1, bottom: 0, top: high });
  }
  const percent = (part: number, of: number): string => `${(part / of) * 100}%`;
  return (
    <>
      {boxes.map(({ column, width, bottom, top }) => (
        <span
          key={column}
          class={firm ? "burst firm" : "burst"}
          style={{
            left: percent(column, columns),
            width: percent(width, columns),
            bottom: percent(bottom, rows),
            height: percent(top - bottom, rows),
          }}
        />
      ))}
    </>
  );
}

/** One pixel a cell; the browser scales it up with hard edges. */
function paint(
  canvas: HTMLCanvasElement,
  { columns, rows, values, max }: Pick<HeatmapAnswer, "columns" | "rows" | "values" | "max">,
  dark: boolean,
): void {
  canvas.width = Math.max(1, columns);
  canvas.height = Math.max(1, rows);
  const context = canvas.getContext("2d");
  if (!context) return;
  const palette = heatPalette(dark);
  const image = context.createImageData(canvas.width, canvas.height);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const value = values[column * rows + row] ?? 0;
      // Square root: a cell of a tenth of the maximum is still well told from nothing.
      const step = max > 0 ? Math.round(Math.sqrt(Math.min(1, value / max)) * 255) : 0;
      const at = ((rows - 1 - row) * columns + column) * 4;
      image.data[at] = palette[step * 3]!;
      image.data[at + 1] = palette[step * 3 + 1]!;
      image.data[at + 2] = palette[step * 3 + 2]!;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

const clamp = (value: number, length: number): number => Math.max(0, Math.min(length - 1, value));
