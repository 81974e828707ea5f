/** Joins small requests into larger ones. */
import type { ProcessorFactory } from "#collector";
import { BatchProcessor } from "./batch-processor.ts";
import { batchProcessorConfig, type BatchProcessorConfig } from "./config.ts";

export const batchProcessorFactory: ProcessorFactory<BatchProcessorConfig> = {
  kind: "processor",
  type: "batch",
  stability: { traces: "beta", metrics: "beta", logs: "beta", profiles: "alpha" },
  config: batchProcessorConfig,
  create: (context, config, signal, next) => new BatchProcessor(context, config, signal, next),
};
