/** The middle value; of an even number of values the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One measured quantity: a value for each run of each contender. */
export interface Row {
  /** E.g. `big`, `latency small`. */
  readonly benchmark: string;
  /** What was measured and its unit, e.g. `MB per CPU-second`. */
  readonly quantity: string;
  readonly podflame: readonly number[];
  /** Absent without the peer. */
  readonly otelcol?: readonly number[];
  readonly note?: string;
}

/** A row as it is printed: medians, and podflame's median over the Collector's. */
export interface Summary extends Row {
  readonly podflameMedian: number;
  readonly otelcolMedian?: number;
  readonly ratio?: number;
}

/** Medians of a row; NaN where nobody was measured. */
export function summarize(row: Row): Summary {
  const podflameMedian = median(row.podflame);
  if (row.otelcol === undefined) return { ...row, podflameMedian };
  const otelcolMedian = median(row.otelcol);
  return { ...row, podflameMedian, otelcolMedian, ratio: podflameMedian / otelcolMedian };
}

/** Rows as a Markdown table, runs in brackets behind their median. */
export function table(rows: readonly Row[]): string {
  const cells = rows
    .map(summarize)
    .map((row) => [
      row.benchmark,
      row.quantity,
      withRuns(row.podflameMedian, row.podflame),
      row.otelcol === undefined ? "" : withRuns(row.otelcolMedian!, row.otelcol),
      row.ratio === undefined || Number.isNaN(row.ratio) ? "" : `${row.ratio.toFixed(2)} ×`,
      row.note ?? "",
    ]);
  const head = ["benchmark", "quantity", "podflame", "Collector", "ratio", "note"];
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function withRuns(middle: number, runs: readonly number[]): string {
  if (runs.length === 0) return "";
  return runs.length === 1 ? short(middle) : `${short(middle)} (${runs.map(short).join(" ")})`;
}

/** Three significant digits, all digits before the point. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
