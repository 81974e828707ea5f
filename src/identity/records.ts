import type { MetadataObject, ObjectKind, PodContainer, PodObject } from "#kubernetes";
import type { PodIndex } from "./pod-index.ts";

/** As `MIRROR_ANNOTATION` of #kubernetes, which is loaded only when something is asked of the API. */
export const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/** `goneSinceMs` of what is there. */
export const LIVE = -1;

/**
 * Room for what others derive from a record and want to find again without a look-up of their own: encoded attribute
 * sets, as a rule. Slots are numbered by `Directory.openSlot`; all of a record are emptied whenever the record changes.
 */
abstract class Slotted {
  #slots: unknown[] | undefined;

  /** What was put into the slot since the record last changed. */
  get(slot: number): unknown {
    return this.#slots?.[slot];
  }

  put(slot: number, value: unknown): void {
    if (this.#slots === undefined) {
      if (value === undefined) return;
      this.#slots = [];
    }
    // Filled up, so that the array stays dense.
    while (this.#slots.length < slot) this.#slots.push(undefined);
    this.#slots[slot] = value;
  }

  /** @internal */
  emptySlots(): void {
    this.#slots = undefined;
  }
}

/**
 * What makes a pod the same from one time to the next: the uid; for an odd object without one its name, which a uid can't be
 * spelled like; for a container that is no pod's, and so has neither, its id. Undefined where there is none of these.
 */
export function identityOf({ uid, name, namespace, containers }: PodObject): string | undefined {
  if (uid !== "") return uid;
  if (name !== "") return `name:${namespace}/${name}`;
  const id = containers[0]?.containerId ?? "";
  return id === "" ? undefined : `container:${id}`;
}

/** The uid that a static pod has on its node, told by its mirror in the API; undefined for all others. */
export function staticUidOf(pod: PodObject): string | undefined {
  const uid = pod.annotations.get(MIRROR_ANNOTATION);
  return uid === undefined || uid === "" || uid === pod.uid ? undefined : uid;
}

/** Shared by all records that have none: most have no claims. */
const NONE: readonly never[] = [];

/** A pod by its uid. Belongs to one `Directory`, the only one to change it; owns every key that leads to the pod. */
export class PodRecord extends Slotted {
  /** The pod as last seen. Replaced, never changed. */
  pod: PodObject;
  /** Monotonic time at which the pod was deleted, or `LIVE`. */
  goneSinceMs: number = LIVE;
  /** @internal Monotonic time at which the pod was last looked up though it was gone; 0 for never. */
  askedMs = 0;
  /** One for each container of `pod.containers`, and those of earlier runs that are still known. */
  instances: readonly ContainerInstance[] = NONE;
  /** @internal Keys in indexes. */
  claims: readonly Claim[] = NONE;
  /** Its namespace, its node and its owners, as far as their kinds are followed; known or only mentioned. */
  links: readonly ObjectRecord[] = NONE;
  /** @internal Number of the list that mentioned the pod last. */
  listing = 0;

  constructor(pod: PodObject) {
    super();
    this.pod = pod;
  }

  /** The uid that a static pod has on its node; undefined for all others. */
  get staticUid(): string | undefined {
    return staticUidOf(this.pod);
  }

  /** The present run of the container of that name, or undefined. */
  current(containerName: string): ContainerInstance | undefined {
    for (const instance of this.instances) {
      if (instance.current && instance.container.name === containerName) return instance;
    }
    return undefined;
  }

  /** The run with that restart count, as far as it is known. */
  run(containerName: string, restartCount: number): ContainerInstance | undefined {
    for (const instance of this.instances) {
      if (instance.restartCount === restartCount && instance.container.name === containerName) return instance;
    }
    return undefined;
  }

  /** The object of that kind that the pod belongs to, directly or through the owner of its owner. */
  related(kind: ObjectKind): ObjectRecord | undefined {
    for (const link of this.links) {
      if (link.kind === kind) return link;
      if (link.owner?.kind === kind) return link.owner;
    }
    return undefined;
  }

  /** The record of one of the pod's owners, where its kind is followed. */
  ownerRecord(uid: string): ObjectRecord | undefined {
    for (const link of this.links) if (link.key === uid) return link;
    return undefined;
  }

  /** @internal */
  changed(): void {
    this.emptySlots();
    for (const instance of this.instances) instance.emptySlots();
  }
}

/**
 * An object other than a pod: a namespace or a node by its name, a workload by its uid. Belongs to `ClusterObjects`. It
 * is there as soon as somebody mentions it, so that what it tells completes those who wait for it.
 */
export class ObjectRecord extends Slotted {
  readonly kind: ObjectKind;
  /** Name of a namespace or node, uid of everything else. */
  readonly key: string;
  /** The object as last seen; undefined as long as it was only mentioned. */
  object: MetadataObject | undefined;
  /** Monotonic time at which the object was deleted, or `LIVE`. */
  goneSinceMs: number = LIVE;
  /** The object that controls this one, where its kind is followed: a ReplicaSet's Deployment, a Job's CronJob. */
  owner: ObjectRecord | undefined;
  /** @internal Who has a link to this one; undefined for nobody. */
  dependents: Set<PodRecord | ObjectRecord> | undefined;
  /** @internal Number of the list that mentioned the object last. */
  listing = 0;
  /** @internal The grace period is over; the record stays for its dependents. */
  expired = false;

  constructor(kind: ObjectKind, key: string) {
    super();
    this.kind = kind;
    this.key = key;
  }
}

/** One run of a container: each restart makes another, with another id. */
export class ContainerInstance extends Slotted {
  readonly record: PodRecord;
  /** The container as it was while this run was the present one, as far as that was seen. */
  container: PodContainer;
  /** As the kubelet reported it, e.g. `containerd://…`; empty as long as the container waits for its first start. */
  id: string;
  /** How often the container had been restarted before this run. */
  restartCount: number;
  /** Whether this is the run that the pod's status describes. */
  current: boolean;
  /** Monotonic time at which the pod stopped mentioning this run, or `LIVE`. The pod's own time counts as well. */
  goneSinceMs: number = LIVE;
  /** @internal Monotonic time at which the run was last looked up though it was gone; 0 for never. */
  askedMs = 0;

  constructor(record: PodRecord, container: PodContainer, id: string, restartCount: number, current: boolean) {
    super();
    this.record = record;
    this.container = container;
    this.id = id;
    this.restartCount = restartCount;
    this.current = current;
  }
}

/** @internal A pod's hold on a key of an index. */
export class Claim {
  readonly index: PodIndex;
  readonly key: string;
  readonly record: PodRecord;
  /** Monotonic time at which the pod lost the key, or `LIVE`. The pod's own time counts as well. */
  goneSinceMs: number = LIVE;

  constructor(index: PodIndex, key: string, record: PodRecord) {
    this.index = index;
    this.key = key;
    this.record = record;
  }
}

/** When something with a life of its own within a record was gone: with its pod, or before. `LIVE` while it is there. */
export function goneSince({ goneSinceMs, record }: ContainerInstance | Claim): number {
  if (goneSinceMs === LIVE || record.goneSinceMs === LIVE) return Math.max(goneSinceMs, record.goneSinceMs);
  return Math.min(goneSinceMs, record.goneSinceMs);
}
