import type { MetadataObject, ObjectKind, OwnerReference, PodObject, ReflectorSink } from "#kubernetes";
import type { Departures } from "./departures.ts";
import type { ObjectMetrics } from "./object-metrics.ts";
import { LIVE, ObjectRecord, PodRecord } from "./records.ts";
import { sameController, sameObject } from "./same-object.ts";

/** Namespaces and nodes are looked up by name, everything else by uid. */
const BY_NAME: readonly ObjectKind[] = ["Namespace", "Node"];
/** Shared by all pods without links. */
const NO_LINKS: readonly ObjectRecord[] = [];
/** Clusters with 300,000 ReplicaSets were seen; each costs some 450 bytes here (measured). */
const DEFAULT_MAX_OBJECTS = 1_000_000;

export interface ClusterObjectsSettings {
  readonly departures: Departures;
  readonly metrics: ObjectMetrics;
  /** Called for each pod whose chain of owners became longer or another. */
  readonly onOwnersChanged: (pod: PodRecord) => void;
  /** Called for each pod that belongs to an object of which something else changed. */
  readonly onSurroundingsChanged: (pod: PodRecord) => void;
  /** Objects of all kinds that are taken at most. */
  readonly maxObjects?: number | undefined;
}

/**
 * The objects around pods, of the kinds that somebody wants: namespaces, nodes, workloads. Pods and owned objects hold
 * links to what they belong to. So an owner that arrives after its pods completes them at once, and whatever is deleted
 * stays known as long as something refers to it, at least for the grace period.
 */
export class ClusterObjects {
  readonly #settings: ClusterObjectsSettings;
  readonly #tables = new Map<ObjectKind, KindTable>();
  #size = 0;

  constructor(settings: ClusterObjectsSettings) {
    this.#settings = settings;
  }

  /** Objects known or mentioned, of all kinds. */
  get size(): number {
    return this.#size;
  }

  /** Kinds that are followed. */
  get kinds(): readonly ObjectKind[] {
    return [...this.#tables.keys()];
  }

  /** Follows these kinds besides those that are followed already. Links of what is known are the caller's business. */
  follow(kinds: Iterable<ObjectKind>): void {
    for (const kind of kinds) {
      if (!this.#tables.has(kind)) this.#tables.set(kind, new KindTable(kind, this, this.#settings));
    }
  }

  /** Takes in the objects of that kind. Only for kinds that are followed. */
  sink(kind: ObjectKind): ReflectorSink<MetadataObject> & { readonly synced: Promise<void> } {
    return this.#table(kind);
  }

  /** Kinds of which no first list was complete yet. */
  get unsynced(): readonly ObjectKind[] {
    return [...this.#tables.values()].filter((table) => !table.isSynced).map(({ kind }) => kind);
  }

  /** The record of that key, see `ObjectRecord.key`; also of an object that is gone or only mentioned. */
  find(kind: ObjectKind, key: string): ObjectRecord | undefined {
    return this.#tables.get(kind)?.records.get(key);
  }

  /** All records, in no order. */
  *records(): Iterable<ObjectRecord> {
    for (const { records } of this.#tables.values()) yield* records.values();
  }

  /** Brings a pod's links in line with what it says. */
  link(record: PodRecord): void {
    if (this.#tables.size === 0) return;
    const before = record.links;
    const links: ObjectRecord[] = [];
    for (const link of this.#mentions(record.pod)) {
      if (link === undefined || links.includes(link)) continue;
      (link.dependents ??= new Set()).add(record);
      links.push(link);
    }
    record.links = links.length === 0 ? NO_LINKS : links.slice();
    for (const link of before) if (!links.includes(link)) this.unlink(link, record);
  }

  /** Lets go of all that a pod was linked to. */
  unlinkAll(record: PodRecord): void {
    const { links } = record;
    record.links = NO_LINKS;
    for (const link of links) this.unlink(link, record);
  }

  /** The grace period of a deleted object is over. */
  drop(record: ObjectRecord): void {
    record.expired = true;
    this.#release(record);
  }

  /** @internal The record of that key, made if there is none; undefined for kinds that nobody follows. */
  mention(kind: ObjectKind, key: string): ObjectRecord | undefined {
    const table = this.#tables.get(kind);
    if (table === undefined || key === "") return undefined;
    let record = table.records.get(key);
    if (record !== undefined) return record;
    if (this.#size >= (this.#settings.maxObjects ?? DEFAULT_MAX_OBJECTS)) {
      this.#settings.metrics.refused.add();
      return undefined;
    }
    this.#size++;
    table.records.set(key, (record = new ObjectRecord(kind, key)));
    return record;
  }

  /** @internal The record of an owner. Static pods are owned by their node, by its uid, which is no link. */
  mentionOwner({ kind, uid }: OwnerReference): ObjectRecord | undefined {
    // What isn't followed has no table, whatever its name.
    return BY_NAME.includes(kind as ObjectKind) ? undefined : this.mention(kind as ObjectKind, uid);
  }

  /** @internal */
  unlink(link: ObjectRecord, dependent: PodRecord | ObjectRecord): void {
    link.dependents?.delete(dependent);
    if (link.dependents?.size === 0) link.dependents = undefined;
    this.#release(link);
  }

  /** Forgets a record that nothing speaks for any more. */
  #release(record: ObjectRecord): void {
    if (record.dependents !== undefined || (record.object !== undefined && !record.expired)) return;
    if (!this.#table(record.kind).records.delete(record.key)) return;
    this.#size--;
    if (record.owner !== undefined) this.unlink(record.owner, record);
    record.owner = undefined;
  }

  *#mentions(pod: PodObject): Iterable<ObjectRecord | undefined> {
    yield this.mention("Namespace", pod.namespace);
    yield this.mention("Node", pod.nodeName);
    for (const owner of pod.owners) yield this.mentionOwner(owner);
  }

  #table(kind: ObjectKind): KindTable {
    const table = this.#tables.get(kind);
    if (table === undefined) throw new Error(`objects of kind ${kind} are not followed`);
    return table;
  }
}

/** The objects of one kind, and how they come in. */
class KindTable implements ReflectorSink<MetadataObject> {
  readonly kind: ObjectKind;
  readonly records = new Map<string, ObjectRecord>();
  readonly synced: Promise<void>;
  isSynced = false;
  readonly #objects: ClusterObjects;
  readonly #settings: ClusterObjectsSettings;
  #listing = 0;
  #onSynced: () => void = () => undefined;

  constructor(kind: ObjectKind, objects: ClusterObjects, settings: ClusterObjectsSettings) {
    this.kind = kind;
    this.#objects = objects;
    this.#settings = settings;
    this.synced = new Promise((resolve) => (this.#onSynced = resolve));
    settings.metrics.size(kind, () => this.records.size);
  }

  listing(): void {
    this.#listing++;
  }

  listed(): void {
    for (const record of this.records.values()) {
      const isLive = record.object !== undefined && record.goneSinceMs === LIVE;
      if (isLive && record.listing !== this.#listing) this.#delete(record);
    }
    this.isSynced = true;
    this.#onSynced();
  }

  upsert(object: MetadataObject): void {
    const record = this.#objects.mention(this.kind, this.#keyOf(object));
    if (record === undefined) return;
    const { metrics, onOwnersChanged, onSurroundingsChanged } = this.#settings;
    const before = record.object;
    if (before === undefined) metrics.added(this.kind);
    else metrics.updated(this.kind);
    record.listing = this.#listing;
    record.goneSinceMs = LIVE;
    record.expired = false;
    if (before !== undefined && sameObject(before, object)) return;
    record.object = object;
    record.emptySlots();
    if (before === undefined || !sameController(before.controller, object.controller)) {
      this.#linkOwner(record);
      for (const dependent of record.dependents ?? []) if (dependent instanceof PodRecord) onOwnersChanged(dependent);
    }
    for (const pod of podsBelow(record)) onSurroundingsChanged(pod);
  }

  remove(object: MetadataObject): void {
    const record = this.records.get(this.#keyOf(object));
    // A namespace of that name that was made anew isn't gone with the old one.
    if (record?.object?.uid !== object.uid || record.goneSinceMs !== LIVE) return;
    this.#delete(record);
  }

  #delete(record: ObjectRecord): void {
    this.#settings.metrics.deleted(this.kind);
    this.#settings.departures.add(record);
  }

  #linkOwner(record: ObjectRecord): void {
    const controller = record.object?.controller;
    const before = record.owner;
    record.owner = controller === undefined ? undefined : this.#objects.mentionOwner(controller);
    if (record.owner !== undefined) (record.owner.dependents ??= new Set()).add(record);
    if (before !== undefined && before !== record.owner) this.#objects.unlink(before, record);
  }

  #keyOf(object: MetadataObject): string {
    return BY_NAME.includes(this.kind) ? object.name : object.uid;
  }
}

/** Pods that belong to the object, or to what it owns: Deployments own ReplicaSets, and those pods. */
function* podsBelow({ dependents = new Set() }: ObjectRecord): Iterable<PodRecord> {
  for (const dependent of dependents) {
    if (dependent instanceof PodRecord) yield dependent;
    else yield* podsBelow(dependent);
  }
}
