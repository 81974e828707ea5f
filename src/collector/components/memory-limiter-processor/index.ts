/** Refuses requests before the process runs out of memory. */
import type { ProcessorFactory } from "#collector";
import { memoryLimiterConfig, type MemoryLimiterConfig } from "./config.ts";
import { MemoryLimiterProcessor } from "./memory-limiter-processor.ts";

export const memoryLimiterProcessorFactory: ProcessorFactory<MemoryLimiterConfig> = {
  kind: "processor",
  type: "memory_limiter",
  stability: { traces: "beta", metrics: "beta", logs: "beta", profiles: "alpha" },
  config: memoryLimiterConfig,
  create: (context, config, signal, next) => new MemoryLimiterProcessor(context, config, signal, next),
};
