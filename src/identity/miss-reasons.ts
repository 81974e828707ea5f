/**
 * Why a resource was not named, in words that metrics, `/debug/identity`, the exporter `debug`, `explain` and `doctor`
 * share. From what nobody can help to what somebody should look at:
 *
 * - `no_identifier`: no association rule applies, because the resource lacks the values.
 * - `host_process`: a profile's resource is a process in no container; nothing is missing.
 * - `sandbox`: the container is a pod's sandbox (`pause`), which no pod's status names.
 * - `ignored`: the pod is known and asks, or is configured, not to be named.
 * - `filtered`: the pod is another namespace's than the one that is followed, or a source saw it and the filter left it out.
 * - `other_node`: the resource says that it belongs to another node than the one whose pods are followed.
 * - `not_synced`: no list of pods was complete yet.
 * - `never_seen`: no source ever told of such a pod or container.
 * - `timeout`: the same, and its request waited for it in vain.
 * - `gone`: the pod or container was known, and its grace period is over.
 * - `mismatch`: a pod has the rule's first value and not the others.
 * - `ambiguous`: several pods have an equal right to the value.
 */
export const MISS_REASONS = [
  "no_identifier",
  "host_process",
  "sandbox",
  "ignored",
  "filtered",
  "other_node",
  "not_synced",
  "never_seen",
  "timeout",
  "gone",
  "mismatch",
  "ambiguous",
] as const;
export type MissReason = (typeof MISS_REASONS)[number];

/** Reasons that are no fault of anybody: nothing could or should have been named. */
export const INTENDED_MISSES: readonly MissReason[] = ["host_process", "sandbox", "ignored"];
