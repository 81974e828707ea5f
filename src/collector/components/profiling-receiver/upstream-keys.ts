/**
 * Keys of the eBPF profiler's receiver that podflame reads only to say what becomes of them, so that a configuration
 * written for it is understood to the last line: some tune machinery that isn't here and may stay, the others would
 * change what is recorded and say what to do instead.
 */
import { anything, type ConfigIssue, type Field, optional, typedValue } from "#collector";

/** Accepted with any value: nothing that is recorded depends on it here. The reason is logged at start. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  monitor_interval: "own metrics are always up to date",
  clock_sync_interval: "the clocks are compared with each report",
  frame_cache_size: "caches are bounded in bytes by themselves",
  map_scale_factor: "no table in the kernel grows with the number of executables",
  bpf_fs_root: "nothing is pinned to a file system",
  bpf_verifier_log_level: "the verifier's log is shown when it refuses a program (podflame doctor kernel)",
  no_kernel_version_check: "features are tried instead of versions compared",
  max_grpc_retries: "reports go into the pipeline; give retry_on_failure to the exporter",
  max_rpc_msg_size: "reports go into the pipeline; give limits to the exporter",
  verbose_mode: "use service::telemetry::logs::level",
  probabilistic_interval: "every interval is sampled",
  interpreters: "runtimes are recognized by what a process runs, and none can be left out",
  obi_process_ctx: "the context of another agent is not read",
};

/** Accepted with the value that changes nothing; any other is a problem with this remedy. */
const ONLY_AS_DEFAULT: Readonly<
  Record<string, { readonly accepts: (value: unknown) => boolean; readonly remedy: string }>
> = {
  probabilistic_threshold: {
    accepts: (value) => value === 100,
    remedy: "sampling is never switched off by chance here; lower samples_per_second instead",
  },
  include_env_vars: {
    accepts: (value) => value === "",
    remedy:
      "of a process's environment only OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are read (service_names); " +
      "take labels and annotations of pods with k8s_attributes",
  },
  filter_min_process_age: {
    accepts: (value) => value === 0 || value === "0" || value === "0s",
    remedy: "the first sample of a process is kept here, however young it is; remove the key",
  },
  send_error_frames: {
    accepts: (value) => value === false,
    remedy: "stacks that were cut say so by an attribute; remove the key",
  },
  send_idle_frames: {
    accepts: (value) => value === false,
    remedy: "idle CPUs are counted in podflame_profiling_hits, not sent; remove the key",
  },
  pin_cpu_ids: { accepts: isEmpty, remedy: "every CPU that is online is sampled; remove the key" },
  probes: { accepts: isEmpty, remedy: "only CPU time and waiting (off_cpu_threshold) are sampled; remove the key" },
  pid_namespace_translation: {
    accepts: (value) => value === false || isEmpty(value),
    remedy: "process.pid is always the host's; remove the key",
  },
  tracers: {
    accepts: (value) => value === "all" || isEmpty(value),
    remedy: "runtimes are recognized by what a process runs, and none can be left out; remove the key",
  },
};

function isEmpty(value: unknown): boolean {
  return value === "" || (Array.isArray(value) && value.length === 0);
}

/** Schema entries for all these keys. */
export const upstreamEntries: Readonly<Record<string, Field<unknown>>> = Object.fromEntries(
  [...Object.keys(WITHOUT_EFFECT), ...Object.keys(ONLY_AS_DEFAULT)].map((key) => [key, optional(anything())]),
);

/** What can't be had, one problem a key. */
export function upstreamProblems(read: Readonly<Record<string, unknown>>): ConfigIssue[] {
  return Object.entries(ONLY_AS_DEFAULT).flatMap(([key, { accepts, remedy }]) => {
    const value = typedValue(read[key]);
    return value === undefined || value === null || accepts(value)
      ? []
      : [{ path: [key], message: `is not supported by podflame: ${remedy}` }];
  });
}

/** What was accepted and changes nothing, a sentence each. */
export function upstreamWarnings(read: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(WITHOUT_EFFECT).flatMap(([key, why]) =>
    read[key] === undefined ? [] : [`${key} has no effect: ${why}`],
  );
}
