import type { CgroupPlace } from "#linux";

/** Why nobody can say where a task belongs. */
export type UnknownReason =
  /** Its cgroup was gone before anybody looked. */
  | "cgroup-gone"
  /** The cgroup file system can't be seen from here, and the process was gone before it could be asked. */
  | "cgroup-unseen"
  /** The path begins outside what can be seen from here, and names no container. */
  | "path-relative";

/** To whom a sample is credited: one object for each container, to be compared by identity. */
export interface SamplePlace extends Omit<CgroupPlace, "kind"> {
  /** As of `CgroupPlace`; `kernel` for the kernel's own threads, in whatever cgroup. */
  readonly kind: CgroupPlace["kind"] | "kernel";
  /** For `unknown` only. */
  readonly reason?: UnknownReason;
}

const NOWHERE = {
  path: "",
  containerId: undefined,
  podUid: undefined,
  staticPodHash: undefined,
  runtime: undefined,
  outer: undefined,
} as const;

/** Threads of the kernel. */
export const KERNEL_PLACE: SamplePlace = { kind: "kernel", ...NOWHERE };

/** One object for each reason. */
export const UNKNOWN_PLACES: Readonly<Record<UnknownReason, SamplePlace>> = {
  "cgroup-gone": { kind: "unknown", ...NOWHERE, reason: "cgroup-gone" },
  "cgroup-unseen": { kind: "unknown", ...NOWHERE, reason: "cgroup-unseen" },
  "path-relative": { kind: "unknown", ...NOWHERE, reason: "path-relative" },
};
