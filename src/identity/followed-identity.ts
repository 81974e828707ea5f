import { hash } from "node:crypto";
import type { KeyFilter, OwnerReference, PodContainer } from "#kubernetes";
import { bareContainerId } from "./container-index.ts";
import { keptTexts } from "./kept-texts.ts";
import { type ContainerInstance, goneSince, LIVE, type PodRecord } from "./records.ts";
import { revisionOf, type Workload, workloadOf } from "./workload.ts";

/**
 * What is known of a pod, or of one run of one of its containers, from a time on: what an identity history is made of.
 *
 * - With `container`: holds for the key `container.bareId`, which is nobody else's ever.
 * - Without: holds for the pod itself, so for `pod.uid` (nobody else's either) and for each of `pod.ips`, which may have
 *   been another pod's before `pod.startedMs` and may be another's after `validToMs`.
 */
export interface FollowedState {
  readonly pod: FollowedPod;
  readonly container: FollowedContainer | undefined;
  /**
   * Wall-clock time in milliseconds since the epoch from which this holds. The first state of a pod or run begins when the
   * pod was created, for nothing else was ever known by its ids; later ones when the change was heard of.
   */
  readonly validFromMs: number;
  /** When the pod or the run was heard to be gone; undefined while it is there. This state is its last then, so far. */
  readonly validToMs: number | undefined;
}

/** What of a pod is worth remembering. Fields that nobody told are empty. */
export interface FollowedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly nodeName: string;
  /** Its own addresses; none for a pod on the host's network. */
  readonly ips: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly owners: readonly OwnerReference[];
  /** The top of its owners; undefined for a pod that nobody controls. */
  readonly workload: Workload | undefined;
  /** Hash of the workload's template that it was made from; empty where there is none. */
  readonly revision: string;
  /** Milliseconds since the epoch; 0 where unknown. */
  readonly createdMs: number;
  /** When the kubelet accepted it; likewise. */
  readonly startedMs: number;
}

/** One run of a container: each restart is another, with another id. */
export interface FollowedContainer {
  /** As resources carry it: without scheme, in lower case. */
  readonly bareId: string;
  readonly name: string;
  readonly kind: PodContainer["kind"];
  /** As the pod's author wrote it. */
  readonly image: string;
  /** With the digest, as the runtime reported it; empty where it didn't. */
  readonly imageId: string;
  /** How often the container had been restarted before this run. */
  readonly restartCount: number;
}

/** @internal What was told of a pod or run last: as much as it takes to tell nothing twice. */
export interface Told {
  readonly fingerprint: string;
  readonly validFromMs: number;
}

/** @internal By record or run. */
export type AllTold = WeakMap<PodRecord | ContainerInstance, Told>;

/** @internal A state that wasn't told yet, and what to remember once it is. */
export interface Untold {
  readonly subject: PodRecord | ContainerInstance;
  readonly state: FollowedState;
  readonly told: Told;
}

/**
 * @internal The states of a record and its runs that differ from what was told of them.
 * @param nowMs wall-clock time
 * @param wallOffsetMs what to add to monotonic time for wall-clock time
 */
export function untoldOf(
  record: PodRecord,
  keys: KeyFilter,
  allTold: AllTold,
  nowMs: number,
  wallOffsetMs: number,
): readonly Untold[] {
  const pod = followedPod(record, keys);
  const podPrint = fingerprint([pod, [...pod.labels], [...pod.annotations]]);
  const untold: Untold[] = [];
  const compare = (
    subject: PodRecord | ContainerInstance,
    container: FollowedContainer | undefined,
    goneMs: number,
  ): void => {
    const print = fingerprint([podPrint, container, goneMs]);
    const before = allTold.get(subject);
    if (before?.fingerprint === print) return;
    const isGone = goneMs !== LIVE;
    const validFromMs = before === undefined ? pod.createdMs || nowMs : isGone ? before.validFromMs : nowMs;
    const validToMs = isGone ? Math.trunc(goneMs + wallOffsetMs) : undefined;
    const told = { fingerprint: print, validFromMs };
    untold.push({ subject, state: { pod, container, validFromMs, validToMs }, told });
  };
  // A container that is no pod's has none to tell of.
  if (pod.uid !== "" || pod.name !== "") compare(record, undefined, record.goneSinceMs);
  for (const instance of record.instances) {
    const bareId = bareContainerId(instance.id);
    if (bareId !== undefined) compare(instance, followedContainer(instance, bareId), goneSince(instance));
  }
  return untold;
}

function followedPod(record: PodRecord, keys: KeyFilter): FollowedPod {
  const { pod } = record;
  const { uid, name, namespace, nodeName, owners, createdMs, startedMs } = pod;
  return {
    uid,
    name,
    namespace,
    nodeName,
    ips: pod.hostNetwork ? [] : pod.podIps,
    labels: keptTexts(pod.labels, (key) => keys.label(key)),
    annotations: keptTexts(pod.annotations, (key) => keys.annotation(key)),
    owners,
    workload: workloadOf(record),
    revision: revisionOf(pod),
    createdMs,
    startedMs,
  };
}

function followedContainer({ container, restartCount }: ContainerInstance, bareId: string): FollowedContainer {
  const { name, kind, image, imageId } = container;
  return { bareId, name, kind, image, imageId, restartCount };
}

function fingerprint(facts: readonly unknown[]): string {
  return hash("sha1", JSON.stringify(facts), "base64");
}
