/**
 * What podflame keeps of Kubernetes objects: only these fields are decoded, and labels and annotations only where a
 * `KeyFilter` wants them. Strings that repeat across objects (namespaces, nodes, kinds, images, label keys) are interned.
 */

/**
 * On the pod that mirrors a static pod in the API: the uid under which the kubelet runs it, which is the one in cgroups
 * and in names of log files. Always kept.
 */
export const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/** One entry of metadata.ownerReferences. */
export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

/** A container of a pod: its spec entry joined with its status entry by name. */
export interface PodContainer {
  readonly name: string;
  readonly kind: "app" | "init" | "ephemeral";
  /** spec image as written, e.g. `registry:5000/app:1.2@sha256:…`. */
  readonly image: string;
  /** status.containerID without normalisation, e.g. `containerd://…`; empty while waiting. */
  readonly containerId: string;
  /** status.lastState.terminated.containerID; empty where there is none. */
  readonly previousContainerId: string;
  readonly restartCount: number;
  /** status.imageID, e.g. `docker.io/library/app@sha256:…`. */
  readonly imageId: string;
}

/** A pod. Missing fields are empty strings, empty lists or 0: an odd object is kept as far as it goes. */
export interface PodObject {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly nodeName: string;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** status.podIP and status.podIPs, the former first, without repeats. */
  readonly podIps: readonly string[];
  /** metadata.creationTimestamp in milliseconds since the epoch; 0 where absent. */
  readonly createdMs: number;
  /** status.startTime in milliseconds since the epoch; 0 where absent. */
  readonly startedMs: number;
  /** metadata.deletionTimestamp in milliseconds since the epoch; 0 where absent. */
  readonly deletedMs: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly owners: readonly OwnerReference[];
  readonly containers: readonly PodContainer[];
}

/** Kinds of objects around pods that podflame can follow, as `kind` and in ownerReferences. */
export const OBJECT_KINDS = [
  "Namespace",
  "Node",
  "ReplicaSet",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** An object other than a pod, of which nothing but metadata is kept. Missing fields are empty. */
export interface MetadataObject {
  readonly kind: ObjectKind;
  readonly uid: string;
  readonly name: string;
  /** Empty for what is the whole cluster's: namespaces, nodes. */
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** The owner that controls it, e.g. a ReplicaSet's Deployment; others say nothing about where it belongs. */
  readonly controller: OwnerReference | undefined;
}

/** Says which label and annotation keys are worth keeping. Called for each distinct key once; the answer is cached. */
export interface KeyFilter {
  label(key: string): boolean;
  annotation(key: string): boolean;
}

/** Receives what a reflector sees, in order, never half a list: see `Reflector`. */
export interface ReflectorSink<T> {
  /** A full list begins, or begins again after it broke off. What was known stays known. */
  listing(): void;
  /** An object as it is now: from the list, or added or modified since. */
  upsert(object: T): void;
  /** An object is gone. For a delete seen by the watch `object` is its last state. */
  remove(object: T): void;
  /** The list is complete: what was not in it since `listing` is gone. Called after each successful list. */
  listed(): void;
}
