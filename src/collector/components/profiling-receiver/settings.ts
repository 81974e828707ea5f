import type { ProfilerSettings } from "#profiler";
import type { ProfilingConfig } from "./config.ts";

/** What a configuration means for the profiler. */
export function settingsOf(config: ProfilingConfig): ProfilerSettings {
  return {
    frequencyHz: config.samplesPerSecond,
    reporterIntervalMs: config.reporterIntervalMs,
    reporterJitter: config.reporterJitter,
    groupBy: config.groupBy,
    values: config.sampleShape === "values" ? "merged" : "timestamps",
    sampleAttributes: config.sampleAttributes,
    offCpuThreshold: config.offCpuThreshold,
    filter: {},
    hostAttributes: config.hostAttributes,
    serviceNames: config.serviceNames,
  };
}
