import type { OwnerReference, PodContainer, PodObject } from "../objects.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A container while its pod is read. */
export type ContainerDraft = Writable<PodContainer>;

/** A pod while it is read; the same object becomes the `PodObject`, so that nothing is copied. */
export interface PodDraft extends Writable<
  Omit<PodObject, "podIps" | "labels" | "annotations" | "owners" | "containers">
> {
  podIps: string[];
  labels: Map<string, string>;
  annotations: Map<string, string>;
  owners: OwnerReference[];
  containers: ContainerDraft[];
}

// Shared by all pods that have none; drafts replace them before they write.
const NO_TEXTS: Map<string, string> = new Map();
const NO_OWNERS: OwnerReference[] = [];

/** Containers of one pod that are read; the API server takes a few hundred at most for want of room. */
const MAX_CONTAINERS = 4096;

/** A pod with nothing in it. */
export function emptyPod(): PodDraft {
  return {
    uid: "",
    name: "",
    namespace: "",
    nodeName: "",
    hostname: "",
    hostNetwork: false,
    podIps: [],
    createdMs: 0,
    startedMs: 0,
    deletedMs: 0,
    labels: NO_TEXTS,
    annotations: NO_TEXTS,
    owners: NO_OWNERS,
    containers: [],
  };
}

export function setLabel(pod: PodDraft, key: string, value: string): void {
  if (pod.labels === NO_TEXTS) pod.labels = new Map();
  pod.labels.set(key, value);
}

export function setAnnotation(pod: PodDraft, key: string, value: string): void {
  if (pod.annotations === NO_TEXTS) pod.annotations = new Map();
  pod.annotations.set(key, value);
}

export function addOwner(pod: PodDraft, owner: OwnerReference): void {
  if (pod.owners === NO_OWNERS) pod.owners = [];
  pod.owners.push(owner);
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

/**
 * Ends the reading of a pod. Lists take just the room they need (a list that was pushed to has room for 17), and what is
 * equal in `previous` is shared with it: pods of one workload follow each other in a list, with the same owners and
 * mostly the same wanted labels. Half of a pod's memory.
 */
export function finished(pod: PodDraft, previous: PodDraft | undefined): PodObject {
  pod.podIps = pod.podIps.slice();
  pod.containers = pod.containers.slice();
  if (previous !== undefined) {
    if (sameTexts(pod.labels, previous.labels)) pod.labels = previous.labels;
    if (sameTexts(pod.annotations, previous.annotations)) pod.annotations = previous.annotations;
    if (sameOwners(pod.owners, previous.owners)) pod.owners = previous.owners;
  }
  if (pod.owners.length > 0 && pod.owners !== previous?.owners) pod.owners = pod.owners.slice();
  return pod;
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  return (
    a.length === b.length &&
    a.every((owner, index) => {
      const other = b[index]!;
      return (
        owner.uid === other.uid &&
        owner.name === other.name &&
        owner.kind === other.kind &&
        owner.controller === other.controller
      );
    })
  );
}
