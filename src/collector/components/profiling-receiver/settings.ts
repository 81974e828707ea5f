import type { Directory } from "#identity";
import type { ProfilerSettings } from "#profiler";
import type { ProfilingConfig } from "./config.ts";

/**
 * What a configuration means for the profiler.
 * @param directory of pods, where rules speak of them
 */
export function settingsOf(config: ProfilingConfig, directory?: Directory): ProfilerSettings {
  return {
    frequencyHz: config.samplesPerSecond,
    reporterIntervalMs: config.reporterIntervalMs,
    reporterJitter: config.reporterJitter,
    groupBy: config.groupBy,
    values: config.sampleShape === "values" ? "merged" : "timestamps",
    sampleAttributes: config.sampleAttributes,
    offCpuThreshold: config.offCpuThreshold,
    stackCopies: config.stackCopies.enabled
      ? { limitBytes: config.stackCopies.maxBytes, perSecond: config.stackCopies.perSecond }
      : undefined,
    filter: { ...(config.selection && { rules: config.selection.rules }), ...(directory && { directory }) },
    hostAttributes: config.hostAttributes,
    serviceNames: config.serviceNames,
  };
}
