import type { ObjectKind, PodObject, ReflectorSink } from "#kubernetes";
import type { Clock, Telemetry } from "#telemetry";
import { type ArrivalKey, Arrivals, keyInIndex, keyOfContainer, keyOfUid } from "./arrivals.ts";
import { ClusterObjects } from "./cluster-objects.ts";
import { ContainerIndex } from "./container-index.ts";
import { type Departing, Departures } from "./departures.ts";
import { DirectoryMetrics } from "./directory-metrics.ts";
import { ObjectMetrics } from "./object-metrics.ts";
import { type IndexDefinition, PodIndex } from "./pod-index.ts";
import { RecentKeys } from "./recent-keys.ts";
import { RecordChanges } from "./record-changes.ts";
import { Claim, ContainerInstance, goneSince, identityOf, LIVE, ObjectRecord, PodRecord } from "./records.ts";
import { samePod } from "./same-object.ts";
import { UidIndex } from "./uid-index.ts";

/** Kubernetes' own limit for a cluster is 150,000 pods. */
const DEFAULT_MAX_PODS = 200_000;
/** As upstream's `pod_delete_grace_period`. */
export const DEFAULT_GRACE_MS = 120_000;

export interface DirectorySettings {
  readonly telemetry: Pick<Telemetry, "clock" | "metrics">;
  /** Tells the metrics of several directories apart; label `directory`. */
  readonly name?: string;
  /** Pods beyond that push out those in their grace period, and are refused where there are none. */
  readonly maxPods?: number;
  /** Objects other than pods that are taken at most. */
  readonly maxObjects?: number;
}

/**
 * Who is who: one record a pod uid, which owns every key that leads to it (container ids of all containers and of
 * their previous runs, addresses, name, whatever indexes were asked for). Each event is compared with the record, so
 * a key that a pod no longer has can't be forgotten. What is gone, a pod or one of its keys, stays resolvable for the
 * grace period. Other objects (namespaces, nodes, owners) are followed as far as somebody wants them, and linked to.
 *
 * It is fed as a reflector's sink and only ever changes there and in its timer, so look-ups see no half-done change.
 */
export class Directory implements ReflectorSink<PodObject> {
  readonly #clock: Clock;
  readonly #maxPods: number;
  readonly #metrics: DirectoryMetrics;
  readonly #containers = new ContainerIndex();
  readonly #byUid = new UidIndex();
  readonly #records = new Set<PodRecord>();
  readonly #indexes = new Map<string, { readonly index: PodIndex; users: number }>();
  readonly #slots = new Map<string, { readonly slot: number; users: number }>();
  readonly #departures: Departures;
  readonly #objectMetrics: ObjectMetrics;
  /** What is known of other objects than pods. */
  readonly objects: ClusterObjects;
  /** Who waits for pods that aren't known yet. */
  readonly arrivals = new Arrivals();
  /** Who was known once and is forgotten. */
  readonly departed = new RecentKeys();
  /** Who was seen by a source that doesn't filter, and isn't wanted. */
  readonly leftOut = new RecentKeys();
  /** Containers that hold a pod's namespaces, as far as a source told; no status names them. */
  readonly sandboxes = new RecentKeys();
  /** Who follows what becomes of records. */
  readonly changes = new RecordChanges();
  #listing = 0;
  #synced = false;
  #live = 0;
  #onSynced: (() => void) | undefined;
  /** Resolves when a first list was complete. */
  readonly synced: Promise<void>;

  constructor(settings: DirectorySettings) {
    this.#clock = settings.telemetry.clock;
    this.#departures = new Departures(settings.telemetry.clock, (subject) => this.#drop(subject));
    this.#maxPods = settings.maxPods ?? DEFAULT_MAX_PODS;
    this.#objectMetrics = new ObjectMetrics(settings.telemetry.metrics, settings.name ?? "pods");
    this.objects = new ClusterObjects({
      departures: this.#departures,
      metrics: this.#objectMetrics,
      onOwnersChanged: (record) => this.#recordChanged(record),
      onSurroundingsChanged: (record) => this.changes.announce(record),
      maxObjects: settings.maxObjects,
    });
    this.synced = new Promise((resolve) => (this.#onSynced = resolve));
    this.#metrics = new DirectoryMetrics(settings.telemetry.metrics, settings.name ?? "pods", {
      pods: () => this.#records.size,
      containerIds: () => this.#containers.size,
      indexed: () => [...this.#indexes.values()].reduce((sum, { index }) => sum + index.size, 0),
    });
  }

  /** Pods known, those in their grace period included. */
  get size(): number {
    return this.#records.size;
  }

  /** All keys that lead to pods: uids, container ids, and those of indexes. */
  get keys(): number {
    let keys = this.#records.size + this.#containers.size;
    for (const { index } of this.#indexes.values()) keys += index.size;
    return keys;
  }

  /** All pods known, in no order; nothing may change while they are read. */
  records(): Iterable<PodRecord> {
    return this.#records.values();
  }

  /** Whether a first list was complete: before, not knowing a pod means nothing. */
  get isSynced(): boolean {
    return this.#synced;
  }

  /** Keeps what is gone for at least that long; the longest wish counts. */
  keepFor(graceMs: number): void {
    this.#departures.keepFor(graceMs);
  }

  /** Follows objects of these kinds as well: their sinks are in `objects`, and pods are linked to them. */
  follow(kinds: Iterable<ObjectKind>): void {
    this.objects.follow(kinds);
    for (const record of this.#records) {
      this.objects.link(record);
      this.#recordChanged(record);
    }
  }

  /** The number of a slot in every record, see `PodRecord.get`; shared by equal names. Whoever opens it closes it. */
  openSlot(name: string): number {
    let open = this.#slots.get(name);
    if (open === undefined) {
      const taken = new Set([...this.#slots.values()].map(({ slot }) => slot));
      let slot = 0;
      while (taken.has(slot)) slot++;
      this.#slots.set(name, (open = { slot, users: 0 }));
    }
    open.users++;
    return open.slot;
  }

  /** Gives a slot back; with its last user it is emptied everywhere. */
  closeSlot(name: string): void {
    const open = this.#slots.get(name);
    if (open === undefined || --open.users > 0) return;
    this.#slots.delete(name);
    for (const record of this.#records) {
      record.put(open.slot, undefined);
      for (const instance of record.instances) instance.put(open.slot, undefined);
    }
    for (const record of this.objects.records()) record.put(open.slot, undefined);
  }

  /** Counts a look-up that several pods had an equal right to. */
  countAmbiguous(): void {
    this.#metrics.ambiguous.add();
  }

  /** The run with the container id in `bytes[start, end)`, in any spelling. Allocates nothing for usual ids. */
  findContainer(bytes: Uint8Array, start: number, end: number): ContainerInstance | undefined {
    return this.#containers.find(bytes, start, end);
  }

  findContainerText(id: string): ContainerInstance | undefined {
    return this.#containers.findText(id);
  }

  /** Whether the key leads to a pod that is kept, of those by uid and container and of the indexes that are open. */
  knows(key: ArrivalKey): boolean {
    const space = key.indexOf(" ");
    const rest = key.slice(space + 1);
    switch (key.slice(0, space)) {
      case "container":
        return this.findContainerText(rest) !== undefined;
      case "uid":
        return this.findUidText(rest) !== undefined;
      default:
        return this.#indexes.get(key.slice(0, space))?.index.has(rest) === true;
    }
  }

  /** Whether it is known that the key won't lead to a pod, so that nobody needs to wait for it. */
  isHopeless(key: ArrivalKey): boolean {
    return [this.departed, this.leftOut, this.sandboxes].some((keys) => keys.sinceOf(key) !== undefined);
  }

  /** Remembers sandboxes: see `sandboxes`. */
  noteSandboxes(ids: readonly string[]): void {
    const sinceMs = this.#clock.monotonicMs();
    for (const id of ids) this.sandboxes.add(keyOfContainer(id), sinceMs);
  }

  /** Remembers who is not wanted: see `leftOut`. */
  leaveOut(pod: PodObject): void {
    const sinceMs = this.#clock.monotonicMs();
    this.leftOut.add(keyOfUid(pod.uid), sinceMs);
    for (const { containerId } of pod.containers) this.leftOut.add(keyOfContainer(containerId), sinceMs);
  }

  /** The pod with the uid in `bytes[start, end)`. Allocates nothing for UUIDs. */
  findUid(bytes: Uint8Array, start: number, end: number): PodRecord | undefined {
    return this.#byUid.find(bytes, start, end);
  }

  findUidText(uid: string): PodRecord | undefined {
    return this.#byUid.findText(uid);
  }

  /**
   * The index of that definition, built from the pods known if it is the first wish for one of that name. Whoever opens
   * it closes it.
   */
  openIndex(definition: IndexDefinition): PodIndex {
    const open = this.#indexes.get(definition.name);
    if (open !== undefined) {
      open.users++;
      return open.index;
    }
    const index = new PodIndex(definition);
    this.#indexes.set(definition.name, { index, users: 1 });
    for (const record of this.#records) {
      for (const key of new Set(definition.keysOf(record.pod, record))) {
        if (key !== "") this.#claim(record, index, key);
      }
    }
    return index;
  }

  closeIndex(index: PodIndex): void {
    const open = this.#indexes.get(index.definition.name);
    if (open?.index !== index || --open.users > 0) return;
    this.#indexes.delete(index.definition.name);
    for (const record of this.#records) record.claims = record.claims.filter((claim) => claim.index !== index);
  }

  listing(): void {
    this.#listing++;
  }

  listed(): void {
    for (const record of this.#records) {
      if (record.listing !== this.#listing && record.goneSinceMs === LIVE) this.#delete(record);
    }
    this.#synced = true;
    this.#onSynced?.();
  }

  upsert(pod: PodObject): void {
    const id = identityOf(pod);
    if (id === undefined) return this.#metrics.unidentified.add();
    let record = this.#own(id);
    if (record === undefined) {
      if (this.#records.size >= this.#maxPods && !this.#makeRoom()) return this.#metrics.refused.add();
      record = new PodRecord(pod);
      this.#register(id, record);
      this.#live++;
      this.#metrics.added.add();
    } else {
      this.#metrics.updated.add();
      record.listing = this.#listing;
      const revived = record.goneSinceMs !== LIVE;
      if (revived) this.#live++;
      record.goneSinceMs = LIVE;
      if (samePod(record.pod, pod) && !revived) return;
      this.#dropStaticUid(record);
      record.pod = pod;
    }
    record.listing = this.#listing;
    this.#registerStaticUid(record);
    this.objects.link(record);
    this.#updateInstances(record);
    this.#recordChanged(record);
  }

  remove(pod: PodObject): void {
    const id = identityOf(pod);
    const record = id === undefined ? undefined : this.#own(id);
    if (record === undefined || record.goneSinceMs !== LIVE) return;
    this.#delete(record);
  }

  /** Ends the timer. What is known stays known. */
  close(): void {
    this.#departures.close();
    this.#metrics.close();
    this.#objectMetrics.close();
  }

  /** Brings the record's runs in line with the pod's containers. */
  #updateInstances(record: PodRecord): void {
    const before = record.instances;
    const now: ContainerInstance[] = [];
    const stays = (instance: ContainerInstance): void => {
      instance.goneSinceMs = LIVE;
      now.push(instance);
    };
    for (const container of record.pod.containers) {
      const { name, containerId: id, restartCount } = container;
      const waiting = before.find((other) => other.id === "" && other.container.name === name);
      let instance = id === "" ? waiting : (this.#runOf(record, id, name) ?? waiting);
      if (instance === undefined || instance.id !== id) {
        instance ??= new ContainerInstance(record, container, id, restartCount, true);
        this.#setId(instance, id);
      }
      instance.container = container;
      instance.restartCount = restartCount;
      instance.current = true;
      stays(instance);
    }
    for (const container of record.pod.containers) {
      const { name, previousContainerId: id } = container;
      if (id === "") continue;
      let instance = this.#runOf(record, id, name);
      if (instance === undefined) {
        const restartCount = Math.max(0, container.restartCount - 1);
        instance = new ContainerInstance(record, container, id, restartCount, false);
        this.#setId(instance, id);
      }
      if (now.includes(instance)) continue;
      instance.current = false;
      stays(instance);
    }
    for (const instance of before) {
      if (now.includes(instance)) continue;
      if (instance.id === "") continue;
      instance.current = false;
      now.push(instance);
      if (instance.goneSinceMs === LIVE) this.#departures.add(instance);
    }
    // A copy takes just the room it needs.
    record.instances = now.slice();
  }

  /** The pod's own run of that id; ids may be spelled differently from one event to the next. */
  #runOf(record: PodRecord, id: string, containerName: string): ContainerInstance | undefined {
    const known = this.#containers.findText(id);
    return known?.record === record && known.container.name === containerName ? known : undefined;
  }

  #setId(instance: ContainerInstance, id: string): void {
    if (instance.id !== id) this.#containers.delete(instance.id, instance);
    instance.id = id;
    this.#containers.set(id, instance);
    if (this.arrivals.any) this.arrivals.announce(keyOfContainer(id));
  }

  /** Brings the record's keys in the indexes in line with the pod. */
  #updateClaims(record: PodRecord): void {
    for (const { index } of this.#indexes.values()) {
      const keys = index.definition.keysOf(record.pod, record);
      for (const claim of record.claims) {
        if (claim.index !== index) continue;
        if (keys.includes(claim.key)) claim.goneSinceMs = LIVE;
        else if (claim.goneSinceMs === LIVE) this.#departures.add(claim);
      }
      for (const key of keys) {
        if (key !== "" && !record.claims.some((claim) => claim.index === index && claim.key === key)) {
          this.#claim(record, index, key);
        }
      }
    }
  }

  #claim(record: PodRecord, index: PodIndex, key: string): void {
    const claim = new Claim(index, key, record);
    record.claims = [...record.claims, claim];
    index.add(claim);
    if (this.arrivals.any) this.arrivals.announce(keyInIndex(index.definition, key));
  }

  /** What is derived of a pod and its owners has to be derived anew, and told. */
  #recordChanged(record: PodRecord): void {
    this.#updateClaims(record);
    record.changed();
    this.changes.announce(record);
  }

  #delete(record: PodRecord): void {
    this.#live--;
    this.#metrics.deleted.add();
    this.#departures.add(record);
    this.changes.announce(record);
  }

  #drop(subject: Departing): void {
    if (subject instanceof PodRecord) return this.#dropRecord(subject);
    if (subject instanceof ObjectRecord) return this.objects.drop(subject);
    const { record } = subject;
    if (subject instanceof Claim) {
      record.claims = record.claims.filter((claim) => claim !== subject);
      subject.index.delete(subject);
    } else {
      record.instances = record.instances.filter((instance) => instance !== subject);
      this.#containers.delete(subject.id, subject);
      this.departed.add(keyOfContainer(subject.id), subject.goneSinceMs);
    }
  }

  #dropRecord(record: PodRecord): void {
    if (!this.#records.delete(record)) return;
    for (const claim of record.claims) claim.index.delete(claim);
    for (const instance of record.instances) {
      this.#containers.delete(instance.id, instance);
      this.departed.add(keyOfContainer(instance.id), goneSince(instance));
    }
    this.departed.add(keyOfUid(record.pod.uid), record.goneSinceMs);
    const id = identityOf(record.pod)!;
    if (this.findUidText(id) === record) this.#byUid.delete(id);
    this.#dropStaticUid(record);
    this.objects.unlinkAll(record);
  }

  /** Drops the pod that was gone first; false if all are there. */
  #makeRoom(): boolean {
    if (this.#live >= this.#records.size) return false;
    const isKnown = (subject: Departing): subject is PodRecord =>
      subject instanceof PodRecord && this.#records.has(subject);
    const record = this.#departures.oldest(isKnown);
    if (record === undefined) return false;
    this.#dropRecord(record);
    this.#metrics.evicted.add();
    return true;
  }

  /**
   * A static pod has another uid on its node, by which its kubelet may have told of it before. Of several mirrors of one,
   * as after a restart, the last counts.
   */
  #registerStaticUid(record: PodRecord): void {
    const { staticUid } = record;
    if (staticUid === undefined) return;
    const holder = this.findUidText(staticUid);
    const isFree = holder === undefined || holder.staticUid === staticUid || holder.goneSinceMs !== LIVE;
    if (isFree) this.#byUid.set(staticUid, record);
  }

  #dropStaticUid(record: PodRecord): void {
    const { staticUid } = record;
    if (staticUid !== undefined && this.findUidText(staticUid) === record) this.#byUid.delete(staticUid);
  }

  /** The record of a pod that is itself known by that identity; a mirror is known by its static pod's uid as well. */
  #own(id: string): PodRecord | undefined {
    const record = this.findUidText(id);
    return record !== undefined && identityOf(record.pod) === id ? record : undefined;
  }

  #register(id: string, record: PodRecord): void {
    this.#records.add(record);
    this.#setUid(id, record);
  }

  #setUid(uid: string, record: PodRecord): void {
    this.#byUid.set(uid, record);
    if (this.arrivals.any) this.arrivals.announce(keyOfUid(uid));
  }
}
