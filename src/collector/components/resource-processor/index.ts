/** Adds, changes and removes attributes of resources. */
import type { ProcessorFactory } from "#collector";
import { resourceProcessorConfig, type ResourceProcessorConfig } from "./config.ts";
import { ResourceProcessor } from "./resource-processor.ts";

export const resourceProcessorFactory: ProcessorFactory<ResourceProcessorConfig> = {
  kind: "processor",
  type: "resource",
  stability: { traces: "beta", metrics: "beta", logs: "beta", profiles: "alpha" },
  config: resourceProcessorConfig,
  create: (context, config, _signal, next) => new ResourceProcessor(context, config, next),
};
