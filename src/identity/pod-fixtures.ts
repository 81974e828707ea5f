import type { MetadataObject, ObjectKind, OwnerReference, PodContainer, PodObject } from "#kubernetes";

/** Makes pods for tests: what is not given is empty, as for a pod whose fields are missing. */
export function podOf(fields: Partial<PodObject> = {}): PodObject {
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
    labels: new Map(),
    annotations: new Map(),
    owners: [],
    containers: [],
    ...fields,
  };
}

/** Makes a container of a pod for tests. */
export function containerOf(fields: Partial<PodContainer> = {}): PodContainer {
  return {
    name: "app",
    kind: "app",
    image: "",
    containerId: "",
    previousContainerId: "",
    restartCount: 0,
    imageId: "",
    ...fields,
  };
}

/** Makes a controlling owner for tests. */
export function ownerOf(kind: string, name: string, fields: Partial<OwnerReference> = {}): OwnerReference {
  return { kind, name, uid: `${name}-uid`, controller: true, ...fields };
}

/** Makes an object other than a pod for tests. */
export function objectOf(kind: ObjectKind, name: string, fields: Partial<MetadataObject> = {}): MetadataObject {
  return {
    kind,
    uid: `${name}-uid`,
    name,
    namespace: "",
    labels: new Map(),
    annotations: new Map(),
    controller: undefined,
    ...fields,
  };
}
