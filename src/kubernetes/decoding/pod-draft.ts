import type { PodContainer, PodObject } from "../objects.ts";
import { type MetadataDraft, NO_OWNERS, NO_TEXTS, shareMetadata } from "./metadata-draft.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A container while its pod is read. */
export type ContainerDraft = Writable<PodContainer>;

/** A pod while it is read; the same object becomes the `PodObject`, so that nothing is copied. */
export interface PodDraft
  extends MetadataDraft, Writable<Omit<PodObject, keyof MetadataDraft | "podIps" | "containers">> {
  podIps: string[];
  containers: ContainerDraft[];
}

/** Containers of one pod that are read; the API server takes a few hundred at most for want of room. */
const MAX_CONTAINERS = 4096;

/** A pod with nothing in it. */
export function emptyPod(): PodDraft {
  // Written out: an object literal with all its fields has no second store for some of them.
  return {
    uid: "",
    name: "",
    namespace: "",
    createdMs: 0,
    deletedMs: 0,
    labels: NO_TEXTS,
    annotations: NO_TEXTS,
    owners: NO_OWNERS,
    nodeName: "",
    hostname: "",
    hostNetwork: false,
    podIps: [],
    startedMs: 0,
    containers: [],
  };
}

/** Adds an address of status.podIPs, or of status.podIP, which goes first. */
export function addPodIp(pod: PodDraft, ip: string, first: boolean): void {
  if (ip === "") return;
  const at = pod.podIps.indexOf(ip);
  if (!first) {
    if (at < 0) pod.podIps.push(ip);
    return;
  }
  if (at === 0) return;
  if (at > 0) pod.podIps.splice(at, 1);
  pod.podIps.unshift(ip);
}

/** The container of that name and kind; made when the status comes before the specification, or without it. */
export function containerOf(pod: PodDraft, kind: PodContainer["kind"], name: string): ContainerDraft | undefined {
  for (const container of pod.containers) if (container.name === name && container.kind === kind) return container;
  if (pod.containers.length >= MAX_CONTAINERS) return undefined;
  const made = { name, kind, image: "", containerId: "", previousContainerId: "", restartCount: 0, imageId: "" };
  pod.containers.push(made);
  return made;
}

/** Ends the reading of a pod: what it shares with the pod before it halves its memory. */
export function finished(pod: PodDraft, previous: PodDraft | undefined): PodObject {
  pod.podIps = pod.podIps.slice();
  pod.containers = pod.containers.slice();
  shareMetadata(pod, previous);
  return pod;
}
