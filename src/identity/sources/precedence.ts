import type { PodContainer, PodObject } from "#kubernetes";

/** What can feed a directory, the best first: where several know a pod, `PRECEDENCE` says whose word counts. */
export const SOURCE_KINDS = ["api", "gateway", "kubelet", "cri", "containers", "file", "snapshot"] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

/** A pod as one source sees it. */
export interface Sighting {
  readonly pod: PodObject;
  /** Grows with each change that any source tells of: what has a higher number was told later. */
  readonly told: number;
}

/**
 * - `best`: the word of the best source that knows the pod, even if it is empty;
 * - `filled`: the word of the best source that has one;
 * - `any`: whatever a source that knows more has;
 * - `runs`: see `mergeContainers`.
 */
type Rule = "best" | "filled" | "any" | "runs";

/** Whose word counts for each field of a pod. */
export const PRECEDENCE: Readonly<Record<keyof PodObject, Rule>> = {
  // The API server's uid of a static pod is not the one on its node.
  uid: "filled",
  name: "filled",
  namespace: "filled",
  nodeName: "filled",
  hostname: "filled",
  podIps: "filled",
  createdMs: "filled",
  startedMs: "filled",
  owners: "filled",
  // Labels and annotations can be taken away, so an older view must not fill them up again.
  labels: "best",
  annotations: "best",
  hostNetwork: "any",
  deletedMs: "any",
  containers: "runs",
};

/** One pod of all that is known of it. `sightings` are in the order of `SOURCE_KINDS`, at least one. */
export function mergePods(sightings: readonly Sighting[]): PodObject {
  const best = sightings[0]!.pod;
  if (sightings.length === 1) return best;
  const pods = sightings.map(({ pod }) => pod);
  const entries = (Object.keys(PRECEDENCE) as (keyof PodObject)[]).map((field) => [
    field,
    PRECEDENCE[field] === "runs" ? mergeContainers(sightings) : byRule(PRECEDENCE[field], pods, field),
  ]);
  return Object.fromEntries(entries) as unknown as PodObject;
}

function byRule(rule: Rule, pods: readonly PodObject[], field: keyof PodObject): PodObject[keyof PodObject] {
  const told = pods[0]![field];
  if (rule === "best") return told;
  for (const pod of pods) if (!isEmpty(pod[field])) return pod[field];
  return told;
}

function isEmpty(value: PodObject[keyof PodObject]): boolean {
  return Array.isArray(value) ? value.length === 0 : value === "" || value === 0 || value === false;
}

/**
 * Containers by name. What the specification says of one (kind, image) is the best source's word; which run is the
 * present one is whoever's who knows of the latest: the run with the most restarts, of equals the one told last. So a
 * container id counts as soon as one source has it, and an outdated source takes nothing back.
 */
function mergeContainers(sightings: readonly Sighting[]): readonly PodContainer[] {
  const byName = new Map<string, { readonly container: PodContainer; readonly told: number }[]>();
  for (const { pod, told } of sightings) {
    for (const container of pod.containers) {
      const views = byName.get(container.name);
      if (views === undefined) byName.set(container.name, [{ container, told }]);
      else views.push({ container, told });
    }
  }
  return [...byName.values()].map((views) => {
    const specified = views[0]!.container;
    if (views.length === 1) return specified;
    const runs = views
      .filter(({ container }) => container.containerId !== "")
      .sort((a, b) => b.container.restartCount - a.container.restartCount || b.told - a.told)
      .map(({ container }) => container);
    const current = runs[0] ?? specified;
    const filled = (field: "image" | "imageId"): string =>
      views.find(({ container }) => container[field] !== "")?.container[field] ?? "";
    return {
      name: specified.name,
      kind: specified.kind,
      image: filled("image"),
      containerId: current.containerId,
      previousContainerId: current.previousContainerId || previousRun(current, runs),
      restartCount: current.restartCount,
      imageId: current.imageId || filled("imageId"),
    };
  });
}

/** A run that an outdated source still takes for the present one. */
function previousRun(current: PodContainer, runs: readonly PodContainer[]): string {
  return runs.find(({ restartCount }) => restartCount < current.restartCount)?.containerId ?? "";
}
