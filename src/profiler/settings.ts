import type { Directory } from "#identity";
import type { StackCopySettings } from "./sampler/sample-source.ts";
import type { SelectionRules } from "./selection/index.ts";

/** What a sample can carry about the thread it hit, by the name of its attribute. */
export const SAMPLE_ATTRIBUTES = [
  "process.pid",
  "process.executable.name",
  "process.executable.path",
  "thread.name",
  "thread.id",
  "cpu.logical_number",
] as const;
export type SampleAttribute = (typeof SAMPLE_ATTRIBUTES)[number];

/** Which tasks are sampled at all. The kernel decides, before it walks a stack. Without any key: all of them. */
export interface ProfilerFilter {
  /** Only the threads of this process (pid as the agent's own namespace shows it). */
  readonly pid?: number;
  /** Only, or all but, certain containers, pods and control groups. */
  readonly rules?: SelectionRules;
  /** Who pods are, for rules that speak of them. Whoever gives it keeps it up to date until the profiler has stopped. */
  readonly directory?: Directory;
}

/** How a `Profiler` samples and what its profiles look like. */
export interface ProfilerSettings {
  /** Samples each second on each CPU, 1 to 999. Small odd rates don't fall in step with periodic work. */
  readonly frequencyHz: number;
  /** Time between two requests. */
  readonly reporterIntervalMs: number;
  /** Share of the interval, 0 to 1, by which each one is randomly longer or shorter, so that nodes don't report as one. */
  readonly reporterJitter: number;
  /**
   * One resource for each container (host processes: for each executable), with what differs inside on the samples; or
   * one for each process, as the OpenTelemetry eBPF profiler does.
   */
  readonly groupBy: "container" | "process";
  /**
   * `timestamps`: a time for each hit and no values, as the OpenTelemetry eBPF profiler sends. `merged`: one count (or
   * sum of nanoseconds) for each stack and set of attributes, which is smaller at high rates.
   */
  readonly values: "timestamps" | "merged";
  /**
   * What locations of functions with a name, but without lines, have for an address: where the function begins, so that
   * stacks which differ in nothing that is shown are one (the default); or the exact one, for who looks at instructions.
   */
  readonly addresses?: "function" | "exact";
  /** What is told on samples. Each one that varies makes samples differ that else would be one. */
  readonly sampleAttributes: readonly SampleAttribute[];
  /** Share of the intervals off the CPU that are recorded, 0 (none) to 1. */
  readonly offCpuThreshold: number;
  /**
   * How stacks are copied where frame pointers don't tell all callers, to be unwound and forgotten at once. Undefined: none
   * are, and such stacks end early.
   */
  readonly stackCopies?: StackCopySettings | undefined;
  readonly filter: ProfilerFilter;
  /** Whether resources tell host.name, host.id, host.arch and os.type. */
  readonly hostAttributes: boolean;
  /**
   * Whether resources tell service.name, service.namespace, … from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of
   * their processes. A container whose processes name several services is one resource for each.
   */
  readonly serviceNames: boolean;
}

/** What a `profiling` receiver without any configuration does. */
export const DEFAULT_PROFILER_SETTINGS: ProfilerSettings = {
  frequencyHz: 20,
  reporterIntervalMs: 5000,
  reporterJitter: 0.2,
  groupBy: "container",
  values: "timestamps",
  sampleAttributes: ["process.pid", "process.executable.name", "thread.name"],
  offCpuThreshold: 0,
  stackCopies: { limitBytes: 16_384, perSecond: 100 },
  filter: {},
  hostAttributes: true,
  serviceNames: true,
};
