/** Writes requests to a file. */
import type { ExporterFactory } from "#collector";
import { fileExporterConfig, type FileExporterConfig } from "./config.ts";
import { FileExporter } from "./file-exporter.ts";

export const fileExporterFactory: ExporterFactory<FileExporterConfig> = {
  kind: "exporter",
  type: "file",
  stability: { traces: "alpha", metrics: "alpha", logs: "alpha", profiles: "alpha" },
  config: fileExporterConfig,
  create: (context, config) => new FileExporter(context, config),
};
