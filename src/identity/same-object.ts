import type { MetadataObject, OwnerReference, PodContainer, PodObject } from "#kubernetes";

/**
 * Whether two states of a pod are the same in all that is kept of it. Most events are about something else (conditions,
 * readiness, managed fields), and a relist repeats every pod: those must not cost the caches of derived attributes.
 */
export function samePod(a: PodObject, b: PodObject): boolean {
  return (
    a.uid === b.uid &&
    a.name === b.name &&
    a.namespace === b.namespace &&
    a.nodeName === b.nodeName &&
    a.hostname === b.hostname &&
    a.hostNetwork === b.hostNetwork &&
    a.createdMs === b.createdMs &&
    a.startedMs === b.startedMs &&
    a.deletedMs === b.deletedMs &&
    sameList(a.podIps, b.podIps, Object.is) &&
    sameMap(a.labels, b.labels) &&
    sameMap(a.annotations, b.annotations) &&
    sameList(a.owners, b.owners, sameOwner) &&
    sameList(a.containers, b.containers, sameContainer)
  );
}

/** The same for any other object. */
export function sameObject(a: MetadataObject, b: MetadataObject): boolean {
  return (
    a.uid === b.uid &&
    a.name === b.name &&
    a.namespace === b.namespace &&
    sameController(a.controller, b.controller) &&
    sameMap(a.labels, b.labels) &&
    sameMap(a.annotations, b.annotations)
  );
}

/** Whether two objects are controlled by the same owner, or both by none. */
export function sameController(a: OwnerReference | undefined, b: OwnerReference | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameOwner(a, b));
}

function sameOwner(a: OwnerReference, b: OwnerReference): boolean {
  return a.uid === b.uid && a.kind === b.kind && a.name === b.name && a.controller === b.controller;
}

function sameContainer(a: PodContainer, b: PodContainer): boolean {
  return (
    a.name === b.name &&
    a.kind === b.kind &&
    a.image === b.image &&
    a.containerId === b.containerId &&
    a.previousContainerId === b.previousContainerId &&
    a.restartCount === b.restartCount &&
    a.imageId === b.imageId
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (!same(a[at]!, b[at]!)) return false;
  return true;
}

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
