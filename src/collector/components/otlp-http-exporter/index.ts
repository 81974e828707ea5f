/** Sends all signals over OTLP/HTTP. */
import type { ExporterFactory } from "#collector";
import { otlpHttpExporterConfig, type OtlpHttpExporterConfig } from "./config.ts";
import { otlpHttpExporter } from "./otlp-http-exporter.ts";

export const otlpHttpExporterFactory: ExporterFactory<OtlpHttpExporterConfig> = {
  kind: "exporter",
  type: "otlp_http",
  aliases: ["otlphttp"],
  stability: { traces: "stable", metrics: "stable", logs: "stable", profiles: "alpha" },
  config: otlpHttpExporterConfig,
  create: otlpHttpExporter,
};
