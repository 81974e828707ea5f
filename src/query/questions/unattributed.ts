import type { UnattributedAnswer } from "../api.ts";
import { formatSelector } from "../selector/format-selector.ts";
import type { QueryContext } from "./context.ts";
import { coverageOf, coveredTime } from "./coverage.ts";
import { type Groups, groupSeries, type SeriesGroup } from "./groups.ts";
import { equal } from "./places.ts";
import type { Selection, SelectedType } from "./selection.ts";
import { truncatedOf } from "./stacks.ts";
import { niceStep } from "./steps.ts";

/** Why something has no name, and what to do about it. */
export interface Explanation {
  readonly reason: string;
  readonly remedy: string;
}

/**
 * Says more about what has no name than its labels do, as whoever feeds identity knows; undefined: nothing more.
 * @param labels of the series
 */
export type Explain = (labels: ReadonlyMap<string, string>) => Explanation | undefined;

/** What series without a name are told apart by. */
const SUBJECT_LABELS = ["origin", "container_id", "k8s_pod_ip", "service_name", "process_executable_name", "host_name"];
const SLOTS = 60;

const UNNAMED: Explanation = {
  reason: "The pod of this container is not known.",
  remedy: "Run `podflame doctor`: it says whether the API server, the kubelet and the container runtime can be asked.",
};
const UNKNOWN_ADDRESS: Explanation = {
  reason: "No pod had this address at that time, or several had.",
  remedy: "Let the sender name its container (container.id) or its pod (k8s.pod.uid).",
};
const NOBODY: Explanation = {
  reason: "The sender named neither a container nor a process.",
  remedy: "Let it set container.id, k8s.pod.uid, service.name or process.executable.name on its resource.",
};

/** All samples that nobody can be named for, by what is known of them, heaviest first. */
export async function unattributedOf(
  context: QueryContext,
  selection: Selection,
  limit: number,
  explain: Explain,
  signal: AbortSignal,
): Promise<UnattributedAnswer> {
  const { store } = context;
  const { type, range } = selection;
  const groups = await groupSeries(context, selection, SUBJECT_LABELS);
  const step = niceStep((range.to - range.from) / SLOTS);
  const [timeline, truncated] = await Promise.all([
    store.timeline({ type: type.id, range, spans: groups.spans, step, signal }),
    truncatedOf(context, selection, signal),
  ]);
  const coveredTo = coveredTime(store, timeline.plan).to;
  const rows = groups.list.flatMap((group, number) => {
    if (group.attribution === "known") return [];
    const perSlot = timeline.values.subarray(number * timeline.slots, (number + 1) * timeline.slots);
    const value = perSlot.reduce((sum, slot) => sum + slot, 0);
    if (value === 0) return [];
    const last = perSlot.findLastIndex((slot) => slot > 0);
    return {
      ...(explain(group.labels) ?? explanationOf(group)),
      what: nameOf(group),
      query: formatSelector(SUBJECT_LABELS.map((name, at) => equal(name, group.values[at]!))),
      value,
      samples: samplesOf(value, type),
      lastSeen: Math.min(coveredTo, timeline.start + (last + 1) * timeline.step),
    };
  });
  rows.sort((a, b) => b.value - a.value || (a.what < b.what ? -1 : 1));
  const coverage = coverageOf(store, timeline.plan, sumsOf(groups, timeline), truncated);
  return { rows: rows.slice(0, limit), coverage };
}

function explanationOf({ labels, attribution }: SeriesGroup): Explanation {
  if (attribution === "unnamed") return UNNAMED;
  return labels.has("k8s_pod_ip") ? UNKNOWN_ADDRESS : NOBODY;
}

function nameOf({ labels }: SeriesGroup): string {
  for (const name of ["container_id", "k8s_pod_ip", "service_name", "process_executable_name", "host_name"]) {
    const value = labels.get(name);
    if (value !== undefined && value !== "") return value;
  }
  return "(nothing is known)";
}

/** How many hits a value is; 0 where that can't be told. */
function samplesOf(value: number, { unit, period }: SelectedType): number {
  if (unit === "count") return Math.round(value);
  return period && period.unit === unit && period.value > 0 ? Math.round(value / period.value) : 0;
}

function sumsOf({ list }: Groups, { values, slots }: { readonly values: Float64Array; readonly slots: number }) {
  const sums = { total: 0, unnamed: 0, unattributed: 0 };
  list.forEach(({ attribution }, group) => {
    for (let slot = group * slots; slot < (group + 1) * slots; slot++) {
      sums.total += values[slot]!;
      if (attribution !== "known") sums[attribution] += values[slot]!;
    }
  });
  return sums;
}
