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

/** Who controls an owner of a pod. The uid is known only where that owner is. */
export interface UpperOwner extends Workload {
  readonly uid: string | undefined;
}

const MINUTE_MS = 60_000;
/** A day, in minutes: how far a Job's scheduled time and its pod's creation may lie apart. */
const MAX_SCHEDULE_DISTANCE = 1_440;

/**
 * The workload at the top of a pod's owners: the Deployment of its ReplicaSet and the CronJob of its Job, by what is known
 * of those, else by what their names give away; undefined for a pod that nobody controls.
 */
export function workloadOf(record: PodRecord): Workload | undefined {
  const owner = record.pod.owners.find(({ controller }) => controller);
  if (owner === undefined) return undefined;
  const { kind, name } = upperOwnerOf(record.pod, owner, record) ?? owner;
  return { kind, name };
}

/**
 * Who controls one of a pod's owners, asked of ReplicaSets and Jobs only: what is known of that owner, else what its name
 * gives away. Nothing is guessed where a name doesn't fit, and what is known wins, also where it says that there is nobody
 * above.
 *
 * @param record where the owner is found; without it its name tells what it can
 */
export function upperOwnerOf(pod: PodObject, owner: OwnerReference, record?: PodRecord): UpperOwner | undefined {
  const naming = NAMINGS.get(owner.kind);
  if (naming === undefined) return undefined;
  const known = record?.ownerRecord(owner.uid)?.object;
  if (known !== undefined) return known.controller;
  const name = naming.upperName(pod, owner.name);
  return name === undefined ? undefined : { kind: naming.upperKind, name, uid: undefined };
}

/** Which revision of its workload a pod is of: the hash of its template; empty where it has none. */
export function revisionOf({ labels }: PodObject): string {
  return labels.get(TEMPLATE_HASH_LABEL) ?? labels.get(CONTROLLER_REVISION_LABEL) ?? "";
}

/** How a controller names what it makes, and so what a name tells of its maker. */
interface Naming {
  readonly upperKind: string;
  /** The maker's name; undefined for a name that somebody else gave. */
  readonly upperName: (pod: PodObject, name: string) => string | undefined;
}

/** By the kind of what was made. A Map, because a pod may name any kind of owner, `constructor` as well. */
const NAMINGS: ReadonlyMap<string, Naming> = new Map([
  ["ReplicaSet", { upperKind: "Deployment", upperName: deploymentByHash }],
  ["Job", { upperKind: "CronJob", upperName: cronJobBySchedule }],
]);

/** A Deployment names its ReplicaSets `<own name>-<template hash>`, and the hash is a label of the pod. */
function deploymentByHash({ labels }: PodObject, replicaSetName: string): string | undefined {
  const hash = labels.get(TEMPLATE_HASH_LABEL) ?? "";
  if (hash === "" || !replicaSetName.endsWith(`-${hash}`)) return undefined;
  return replicaSetName.slice(0, -hash.length - 1) || undefined;
}

/** A CronJob names its Jobs `<own name>-<scheduled time in minutes since 1970>`; the time tells it from other digits. */
function cronJobBySchedule({ createdMs }: PodObject, jobName: string): string | undefined {
  const match = /^(.+)-(\d{8})$/.exec(jobName);
  if (match === null || createdMs === 0) return undefined;
  return Math.abs(Number(match[2]) - createdMs / MINUTE_MS) <= MAX_SCHEDULE_DISTANCE ? match[1] : undefined;
}
