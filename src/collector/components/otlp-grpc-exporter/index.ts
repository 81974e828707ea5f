/** Sends all signals over OTLP/gRPC. */
import type { ExporterFactory } from "#collector";
import { otlpGrpcExporterConfig, type OtlpGrpcExporterConfig } from "./config.ts";
import { otlpGrpcExporter } from "./otlp-grpc-exporter.ts";

export const otlpGrpcExporterFactory: ExporterFactory<OtlpGrpcExporterConfig> = {
  kind: "exporter",
  type: "otlp_grpc",
  aliases: ["otlp"],
  stability: { traces: "stable", metrics: "stable", logs: "stable", profiles: "alpha" },
  config: otlpGrpcExporterConfig,
  create: otlpGrpcExporter,
};
