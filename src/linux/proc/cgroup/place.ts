import { type CgroupContainer, ownerOfCgroup } from "./container-of-cgroup.ts";

/**
 * Where a cgroup belongs. One object for all cgroups of a container, whatever it made below its own: those who group by
 * container may compare places.
 */
export interface CgroupPlace {
  /**
   * `container`: in a container. `pod`: in a pod's cgroup but none of its containers (conmon, a sandbox's virtual
   * machine). `host`: in neither. `unknown`: the path doesn't say, for what encloses it can't be seen from here.
   */
  readonly kind: "container" | "pod" | "host" | "unknown";
  /** Of the container, of the pod, or of the cgroup itself. Begins with `/..` where it lies outside what we see. */
  readonly path: string;
  /** For `container` only. */
  readonly containerId: string | undefined;
  /** As the API server knows it; undefined without a pod and for static ones. */
  readonly podUid: string | undefined;
  /** See `CgroupPod`. */
  readonly staticPodHash: string | undefined;
  /** Of the container, where the path names it. */
  readonly runtime: string | undefined;
  /** The container around the container or pod. */
  readonly outer: CgroupContainer | undefined;
}

/** Says where a cgroup belongs, by its path from the root of a hierarchy or, beginning with `/..`, of a namespace. */
export function placeOfCgroup(path: string): CgroupPlace {
  const { container, pod } = ownerOfCgroup(path);
  if (pod !== undefined) {
    return { kind: "pod", ...pod, containerId: undefined, runtime: undefined, outer: container };
  }
  if (container !== undefined) return { kind: "container", ...container };
  return {
    kind: path.startsWith("/..") ? "unknown" : "host",
    path,
    containerId: undefined,
    podUid: undefined,
    staticPodHash: undefined,
    runtime: undefined,
    outer: undefined,
  };
}

/**
 * Which of two hierarchies' answers about one process counts: in hybrid mode a runtime may have put the container into
 * one of them only, or nested it deeper there.
 */
export function morePrecise(one: CgroupPlace | undefined, other: CgroupPlace | undefined): CgroupPlace | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return precision(other) > precision(one) ? other : one;
}

const UNKNOWN = 0;
const HOST = 1;

function precision(place: CgroupPlace): number {
  if (place.kind === "unknown") return UNKNOWN;
  if (place.kind === "host") return HOST;
  let depth = place.kind === "pod" ? HOST + 1 : HOST + 2;
  for (let outer = place.outer; outer !== undefined; outer = outer.outer) depth += 2;
  return depth;
}
