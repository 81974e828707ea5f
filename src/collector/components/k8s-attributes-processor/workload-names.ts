import type { PodRecord } from "#identity";
import type { OwnerReference, PodObject } from "#kubernetes";

/** The workload at the top of a chain of owners. The uid is known only where the owner between is. */
export interface TopOwner {
  readonly name: string;
  readonly uid: string | undefined;
}

/** What a Deployment's ReplicaSets and their pods carry in common. */
export const TEMPLATE_HASH_LABEL = "pod-template-hash";

const MINUTE_MS = 60_000;
/** A day, in minutes: how far a Job's scheduled time and its pod's creation may lie apart. */
const MAX_SCHEDULE_DISTANCE = 1_440;

/**
 * The Deployment behind a pod's ReplicaSet: the one that controls it where the ReplicaSet is known, else what its name
 * says.
 */
export function deploymentOf(pod: PodObject, replicaSet: OwnerReference, record?: PodRecord): TopOwner | undefined {
  return topOwner("Deployment", replicaSet, record, () => deploymentByHash(pod, replicaSet.name));
}

/** The CronJob behind a pod's Job, likewise. */
export function cronJobOf(pod: PodObject, job: OwnerReference, record?: PodRecord): TopOwner | undefined {
  return topOwner("CronJob", job, record, () => cronJobBySchedule(pod, job.name));
}

/** What is known wins over what names suggest, also where it says that there is nobody above. */
function topOwner(
  kind: string,
  owner: OwnerReference,
  record: PodRecord | undefined,
  byName: () => string | undefined,
): TopOwner | undefined {
  const known = record?.ownerRecord(owner.uid)?.object;
  if (known !== undefined) return known.controller?.kind === kind ? known.controller : undefined;
  const name = byName();
  return name === undefined ? undefined : { name, uid: undefined };
}

/**
 * The Deployment that a ReplicaSet's name gives away: a Deployment names its ReplicaSets `<own name>-<template hash>`, and the
 * hash is a label of the pod. Undefined where the two don't fit together, so nothing is guessed for a ReplicaSet that
 * somebody else made.
 */
function deploymentByHash(pod: PodObject, replicaSetName: string): string | undefined {
  const hash = pod.labels.get(TEMPLATE_HASH_LABEL);
  if (hash === undefined || hash === "" || !replicaSetName.endsWith(`-${hash}`)) return undefined;
  return replicaSetName.slice(0, -hash.length - 1) || undefined;
}

/**
 * The CronJob that a Job's name gives away: a CronJob names its Jobs `<own name>-<scheduled time in minutes since 1970>`.
 * Undefined unless the time fits to the pod's creation, which tells it from other names that end in digits.
 */
function cronJobBySchedule(pod: PodObject, jobName: string): string | undefined {
  const match = /^(.+)-(\d{8})$/.exec(jobName);
  if (match === null || pod.createdMs === 0) return undefined;
  const distance = Math.abs(Number(match[2]) - pod.createdMs / MINUTE_MS);
  return distance <= MAX_SCHEDULE_DISTANCE ? match[1] : undefined;
}
