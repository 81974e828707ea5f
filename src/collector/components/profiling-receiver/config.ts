import {
  boolean,
  checked,
  type ConfigDefinition,
  type ConfigIssue,
  defineConfig,
  durationMs,
  integer,
  list,
  mapped,
  number,
  oneOf,
  optional,
  section,
} from "#collector";
import type { SampleAttribute } from "#profiler";
import { type SelectionConfig, selectionField } from "./selection.ts";
import { upstreamEntries, upstreamProblems, upstreamWarnings } from "./upstream-keys.ts";

/** The receiver's configuration, checked and with defaults. */
export interface ProfilingConfig {
  /** On each CPU. */
  readonly samplesPerSecond: number;
  readonly reporterIntervalMs: number;
  /** Share of the interval, 0 to 1. */
  readonly reporterJitter: number;
  /** Share of the intervals off the CPU that are recorded, 0 to 1. */
  readonly offCpuThreshold: number;
  readonly groupBy: "container" | "process";
  readonly sampleShape: "timestamps" | "values";
  readonly sampleAttributes: readonly SampleAttribute[];
  /** Stacks that frame pointers don't tell are copied, so many bytes at most and so often a second and CPU. */
  readonly stackCopies: { readonly enabled: boolean; readonly maxBytes: number; readonly perSecond: number };
  readonly serviceNames: boolean;
  readonly hostAttributes: boolean;
  /** Who is sampled; undefined for everybody. */
  readonly selection: SelectionConfig | undefined;
  /** What follows where this machine cannot be profiled: the process doesn't start, or goes on without. */
  readonly errorMode: "propagate" | "ignore";
  /** What is accepted but has no effect; logged at start. */
  readonly warnings: readonly string[];
}

/** As `SAMPLE_ATTRIBUTES` of the profiler, which is not loaded to check a configuration. */
const ATTRIBUTES: readonly SampleAttribute[] = [
  "process.pid",
  "process.executable.name",
  "process.executable.path",
  "thread.name",
  "thread.id",
  "cpu.logical_number",
];
const DEFAULT_ATTRIBUTES: SampleAttribute[] = ["process.pid", "process.executable.name", "thread.name"];

/** Twenty-four KiB are what fits beside the rest of a sample; a stack below 1 KiB is of no use. */
const stackCopies = section({
  enabled: optional(boolean(), true),
  max_bytes: optional(integer({ min: 1024, max: 24_576 }), 16_384),
  per_second: optional(integer({ min: 1, max: 999 }), 100),
});

const sampleAttributes = checked(list(oneOf(ATTRIBUTES)), (names) =>
  names.flatMap((name, at): ConfigIssue[] =>
    names.indexOf(name) < at ? [{ path: [at], message: `"${name}" stands there already; remove one of them` }] : [],
  ),
);

const schema = mapped(
  checked(
    section({
      samples_per_second: optional(integer({ min: 1, max: 999 }), 20),
      reporter_interval: optional(durationMs({ min: 100, max: 600_000 }), 5000),
      reporter_jitter: optional(number({ min: 0, max: 1 }), 0.2),
      off_cpu_threshold: optional(number({ min: 0, max: 1 }), 0),
      error_mode: optional(oneOf(["propagate", "ignore"]), "propagate"),
      group_by: optional(oneOf(["container", "process"]), "container"),
      sample_shape: optional(oneOf(["timestamps", "values"]), "timestamps"),
      sample_attributes: optional(sampleAttributes, DEFAULT_ATTRIBUTES),
      stack_copies: optional(stackCopies, { enabled: true, max_bytes: 16_384, per_second: 100 }),
      service_names: optional(boolean(), true),
      host_attributes: optional(boolean(), true),
      selection: optional(selectionField),
      ...upstreamEntries,
    }),
    upstreamProblems,
  ),
  (keys): ProfilingConfig => ({
    samplesPerSecond: keys.samples_per_second,
    reporterIntervalMs: keys.reporter_interval,
    reporterJitter: keys.reporter_jitter,
    offCpuThreshold: keys.off_cpu_threshold,
    errorMode: keys.error_mode,
    groupBy: keys.group_by,
    sampleShape: keys.sample_shape,
    sampleAttributes: keys.sample_attributes,
    stackCopies: {
      enabled: keys.stack_copies.enabled,
      maxBytes: keys.stack_copies.max_bytes,
      perSecond: keys.stack_copies.per_second,
    },
    serviceNames: keys.service_names,
    hostAttributes: keys.host_attributes,
    selection: keys.selection,
    warnings: upstreamWarnings(keys),
  }),
);

/** Reads the receiver's YAML. */
export const profilingConfig: ConfigDefinition<ProfilingConfig> = defineConfig(schema);
