import { readdirSync } from "node:fs";
import { type CgroupPlace, readPlaceOfProcess, readProcess } from "#linux";

/** A process and where it belongs. */
export interface PlacedProcess {
  readonly pid: number;
  readonly comm: string;
  readonly place: CgroupPlace;
}

/** What a container is, by its processes: no pod's, a pod's sandbox, or a container of a pod. */
export type HostKind = "foreign" | "sandbox" | "pod";

/** What keeps a pod's namespaces open, in the image that almost every cluster has for it. */
const SANDBOX_COMM = "pause";

/** The processes of this machine that are in containers or pods. */
export function* placedProcesses(): Generator<PlacedProcess> {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const place = readPlaceOfProcess(pid);
    if (place === undefined || (place.containerId === undefined && place.podUid === undefined)) continue;
    const comm = readProcess(pid)?.comm;
    if (comm !== undefined) yield { pid, comm, place };
  }
}

/** Those that belong to that container or pod. */
export function* processesOf(id: string): Generator<PlacedProcess> {
  for (const process of placedProcesses()) {
    const { containerId, podUid } = process.place;
    if (containerId === id || podUid === id) yield process;
  }
}

/** @param processes of one container, at least one */
export function kindOnHost([first, ...others]: readonly [PlacedProcess, ...(readonly PlacedProcess[])]): HostKind {
  const { place, comm } = first;
  if (place.podUid === undefined && place.staticPodHash === undefined) return "foreign";
  return comm === SANDBOX_COMM && others.length === 0 ? "sandbox" : "pod";
}

/**
 * Says what this machine knows of a container, or of a pod's uid, that no pod is known for; nothing where none of its
 * processes belongs to it.
 */
export function hintOfHost(processes: Iterable<PlacedProcess>): string | undefined {
  const [first, ...others] = processes;
  if (first === undefined) return undefined;
  const { pid, comm, place } = first;
  const where = `process ${pid} (${comm}) of this machine is in it`;
  const pod = place.podUid === undefined ? "a static pod" : `the pod with uid ${place.podUid}`;
  switch (kindOnHost([first, ...others])) {
    case "foreign":
      return `${where}, and no pod's: a container that isn't Kubernetes'`;
    case "sandbox":
      return `${where}: the sandbox of ${pod}, which no status names`;
    case "pod":
      return `${where}, and in ${pod}`;
  }
}
