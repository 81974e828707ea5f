import type { OwnerReference, PodObject } from "#kubernetes";
import type { PodRecord } from "./records.ts";

/** What a Deployment's ReplicaSets and their pods carry in common. */
export const TEMPLATE_HASH_LABEL = "pod-template-hash";
/** The same for StatefulSets and DaemonSets. */
export const CONTROLLER_REVISION_LABEL = "controller-revision-hash";

/** The workload that a pod belongs to, as people speak of it: not the ReplicaSet but its Deployment. */
export interface Workload {
  /** e.g. `Deployment`, `CronJob`, `StatefulSet`, `Node` for a static pod, or the kind of an operator's resource. */
  readonly kind: string;
  readonly name: string;
}

const MINUTE_MS = 60_000;
/** A day, in minutes: how far a Job's scheduled time and its pod's creation may lie apart. */
const MAX_SCHEDULE_DISTANCE = 1_440;

/**
 * The workload at the top of a pod's owners: the Deployment of its ReplicaSet and the CronJob of its Job, by what is known
 * of those, else by what their names give away; undefined for a pod that nobody controls. Nothing is guessed where a name
 * doesn't fit, and what is known wins, also where it says that there is nobody above.
 */
export function workloadOf(record: PodRecord): Workload | undefined {
  const { pod } = record;
  const owner = pod.owners.find(({ controller }) => controller);
  if (owner === undefined) return undefined;
  const above = ABOVE[owner.kind];
  if (above === undefined) return { kind: owner.kind, name: owner.name };
  const known = record.ownerRecord(owner.uid)?.object;
  if (known !== undefined) {
    const { controller } = known;
    return controller === undefined ? plain(owner) : plain(controller);
  }
  const name = above.byName(pod, owner.name);
  return name === undefined ? plain(owner) : { kind: above.kind, name };
}

/** Which revision of its workload a pod is of: the hash of its template; empty where it has none. */
export function revisionOf({ labels }: PodObject): string {
  return labels.get(TEMPLATE_HASH_LABEL) ?? labels.get(CONTROLLER_REVISION_LABEL) ?? "";
}

const ABOVE: Readonly<
  Record<string, { readonly kind: string; readonly byName: (pod: PodObject, name: string) => string | undefined }>
> = {
  // A Deployment names its ReplicaSets `<own name>-<template hash>`, and the hash is a label of the pod.
  ReplicaSet: {
    kind: "Deployment",
    byName(pod, name) {
      const hash = pod.labels.get(TEMPLATE_HASH_LABEL) ?? "";
      return hash !== "" && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) || undefined : undefined;
    },
  },
  // A CronJob names its Jobs `<own name>-<scheduled time in minutes since 1970>`; the time tells it from other digits.
  Job: {
    kind: "CronJob",
    byName(pod, name) {
      const match = /^(.+)-(\d{8})$/.exec(name);
      if (match === null || pod.createdMs === 0) return undefined;
      return Math.abs(Number(match[2]) - pod.createdMs / MINUTE_MS) <= MAX_SCHEDULE_DISTANCE ? match[1] : undefined;
    },
  },
};

function plain({ kind, name }: OwnerReference): Workload {
  return { kind, name };
}
