import { median } from "../intake/report.ts";

/** One measured quantity: a value for each window. */
export interface AgentRow {
  /** E.g. `load 20 Hz`. */
  readonly scenario: string;
  /** What was measured and its unit. */
  readonly quantity: string;
  readonly podflame: readonly number[];
  /** `perf record` at the same rate, where it can be compared. */
  readonly perf?: readonly number[];
  /** What podflame's median is to be at most. */
  readonly atMost?: number;
  /** The OpenTelemetry eBPF profiler in a Collector, measured on such a machine under such a load; docs/benchmarks.md. */
  readonly opentelemetry?: string;
}

/** Whether the goal was reached; undefined where there's none. */
export function reached({ podflame, atMost }: AgentRow): boolean | undefined {
  return atMost === undefined ? undefined : median(podflame) <= atMost;
}

/** Rows as a Markdown table, windows in brackets behind their median. */
export function agentTable(rows: readonly AgentRow[]): string {
  const cells = rows.map((row) => [
    row.scenario,
    row.quantity,
    withWindows(row.podflame),
    row.perf === undefined ? "" : withWindows(row.perf),
    row.atMost === undefined ? "" : `≤ ${row.atMost}${reached(row) ? "" : " **missed**"}`,
    row.opentelemetry ?? "",
  ]);
  return markdownTable(["scenario", "quantity", "podflame", "perf record", "goal", "OpenTelemetry"], cells);
}

/** A Markdown table whose columns are as wide as their widest cell. */
export function markdownTable(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function withWindows(values: readonly number[]): string {
  if (values.length === 0) return "";
  const middle = short(median(values));
  return values.length === 1 ? middle : `${middle} (${values.map(short).join(" ")})`;
}

/** Three significant digits, all digits before the point. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
