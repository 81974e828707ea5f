/**
 * Exporter `store`: profiles that stay. Start with `store-exporter.ts`.
 */
import type { ExporterFactory } from "#collector";
import { storeExporterConfig, type StoreExporterConfig } from "./config.ts";
import { StoreExporter } from "./store-exporter.ts";

export const storeExporterFactory: ExporterFactory<StoreExporterConfig> = {
  kind: "exporter",
  type: "store",
  stability: { profiles: "alpha" },
  config: storeExporterConfig,
  create: (context, config) => new StoreExporter(context, config),
};
