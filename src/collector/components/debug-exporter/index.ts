/** Shows what flows through a pipeline, for people. */
import type { ExporterFactory } from "#collector";
import { debugExporterConfig, type DebugExporterConfig } from "./config.ts";
import { DebugExporter } from "./debug-exporter.ts";

export const debugExporterFactory: ExporterFactory<DebugExporterConfig> = {
  kind: "exporter",
  type: "debug",
  stability: { traces: "alpha", metrics: "alpha", logs: "alpha", profiles: "alpha" },
  config: debugExporterConfig,
  create: (context, config) => new DebugExporter(context, config),
};
