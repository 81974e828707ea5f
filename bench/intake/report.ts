import { markdownTable, median, medianOfAll } from "../figures.ts";

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
      medianOfAll(row.podflame),
      medianOfAll(row.otelcol ?? []),
      row.ratio === undefined || Number.isNaN(row.ratio) ? "" : `${row.ratio.toFixed(2)} ×`,
      row.note ?? "",
    ]);
  return markdownTable(["benchmark", "quantity", "podflame", "Collector", "ratio", "note"], cells);
}
