import type { PodObject } from "#kubernetes";

/** What a Deployment's ReplicaSets and their pods carry in common. */
export const TEMPLATE_HASH_LABEL = "pod-template-hash";

const MINUTE_MS = 60_000;
/** A day, in minutes: how far a Job's scheduled time and its pod's creation may lie apart. */
const MAX_SCHEDULE_DISTANCE = 1_440;

/**
 * The Deployment behind a pod's ReplicaSet: a Deployment names its ReplicaSets `<own name>-<template hash>`, and the
 * hash is a label of the pod. Undefined where the two don't fit together, so nothing is guessed for a ReplicaSet that
 * somebody else made.
 */
export function deploymentOf(pod: PodObject, replicaSetName: string): string | undefined {
  const hash = pod.labels.get(TEMPLATE_HASH_LABEL);
  if (hash === undefined || hash === "" || !replicaSetName.endsWith(`-${hash}`)) return undefined;
  return replicaSetName.slice(0, -hash.length - 1) || undefined;
}

/**
 * The CronJob behind a pod's Job: a CronJob names its Jobs `<own name>-<scheduled time in minutes since 1970>`.
 * Undefined unless the time fits to the pod's creation, which tells it from other names that end in digits.
 */
export function cronJobOf(pod: PodObject, jobName: string): string | undefined {
  const match = /^(.+)-(\d{8})$/.exec(jobName);
  if (match === null || pod.createdMs === 0) return undefined;
  const distance = Math.abs(Number(match[2]) - pod.createdMs / MINUTE_MS);
  return distance <= MAX_SCHEDULE_DISTANCE ? match[1] : undefined;
}
