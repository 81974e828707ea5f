/**
 * Exporter `live_table`: who is busy, on standard output. Start with `live-table-exporter.ts`.
 */
import type { ExporterFactory } from "#collector";
import { liveTableConfig, type LiveTableConfig } from "./config.ts";
import { LiveTableExporter } from "./live-table-exporter.ts";

export const liveTableExporterFactory: ExporterFactory<LiveTableConfig> = {
  kind: "exporter",
  type: "live_table",
  stability: { traces: "alpha", metrics: "alpha", logs: "alpha", profiles: "alpha" },
  config: liveTableConfig,
  create: (context, config) => new LiveTableExporter(context, config),
};
