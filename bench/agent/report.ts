import { markdownTable, median, medianOfAll } from "../figures.ts";

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
    medianOfAll(row.podflame),
    medianOfAll(row.perf ?? []),
    row.atMost === undefined ? "" : `≤ ${row.atMost}${reached(row) ? "" : " **missed**"}`,
    row.opentelemetry ?? "",
  ]);
  return markdownTable(["scenario", "quantity", "podflame", "perf record", "goal", "OpenTelemetry"], cells);
}
