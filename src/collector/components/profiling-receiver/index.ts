/**
 * Receiver `profiling`: samples the CPUs of this machine and sends profiles by container into its pipelines. Start with
 * `profiling-receiver.ts`; how samples are taken and named is the profiler's business (`#profiler`).
 */
import type { ReceiverFactory } from "#collector";
import { profilingConfig, type ProfilingConfig } from "./config.ts";
import { ProfilingReceiver } from "./profiling-receiver.ts";

export type { ProfilingConfig } from "./config.ts";

export const profilingReceiverFactory: ReceiverFactory<ProfilingConfig> = {
  kind: "receiver",
  type: "profiling",
  stability: { profiles: "alpha" },
  config: profilingConfig,
  create: (context, config, consumers) => new ProfilingReceiver(context, config, consumers.profiles),
};
