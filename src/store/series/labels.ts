import type { Attributes } from "../identity/key-history.ts";
import { LabelSet } from "./label-set.ts";
import { clusterOf } from "./subject.ts";

/** Workloads by the attribute that names them, in the order in which they are looked for: owners before the owned. */
const WORKLOADS: readonly (readonly [attribute: string, kind: string])[] = [
  ["k8s.deployment.name", "Deployment"],
  ["k8s.statefulset.name", "StatefulSet"],
  ["k8s.daemonset.name", "DaemonSet"],
  ["k8s.cronjob.name", "CronJob"],
  ["k8s.job.name", "Job"],
  ["k8s.replicaset.name", "ReplicaSet"],
  ["k8s.replicationcontroller.name", "ReplicationController"],
];
/** Ours, for workloads that the semantic conventions have no attribute for. */
export const WORKLOAD_KIND = "k8s.workload.kind";
/** See `WORKLOAD_KIND`. */
export const WORKLOAD_NAME = "k8s.workload.name";
/** Ours: the revision where whoever told it knew it. */
export const WORKLOAD_REVISION = "k8s.workload.revision";

const TEMPLATE_HASH_LABEL = "k8s.pod.label.pod-template-hash";
const CONTROLLER_REVISION_LABEL = "k8s.pod.label.controller-revision-hash";
/** How containers are shown that nobody named: as `docker ps` does. */
const SHORT_ID = 12;
/** What the agent calls the process that kernel threads are of. */
const KERNEL_PROCESS = "[kernel]";

/**
 * The labels of a series: an attribute each, and what people ask for by shorter names (`namespace`, `workload_name`, …).
 *
 * @param containerId bare; empty for what isn't in a container
 * @param attributes all that is known, by OpenTelemetry names
 */
export function labelsOf(containerId: string, attributes: Attributes): LabelSet {
  const labels = new Map<string, string>();
  for (const [name, value] of attributes) {
    const label = labelName(name);
    if (!labels.has(label)) labels.set(label, value);
  }
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") labels.set(name, value);
  };
  const workload = workloadOf(attributes);
  const container = attributes.get("k8s.container.name") ?? attributes.get("container.name");
  const pod = attributes.get("k8s.pod.name");
  set("container_id", containerId);
  set("cluster", clusterOf(attributes));
  set("namespace", attributes.get("k8s.namespace.name"));
  set("workload_kind", workload?.kind);
  set("workload_name", workload?.name);
  set("revision", revisionOf(attributes));
  set("pod", pod);
  set("container", container ?? (containerId === "" ? undefined : containerId.slice(0, SHORT_ID)));
  const isContainer =
    containerId !== "" || pod !== undefined || container !== undefined || attributes.has("k8s.pod.uid");
  set("origin", isContainer ? "container" : originOf(attributes));
  if (isContainer) set("named", String(pod !== undefined || container !== undefined));
  return new LabelSet(labels);
}

/** An attribute's name as a label's: what isn't a letter or digit becomes `_`. */
export function labelName(attribute: string): string {
  const name = attribute.replaceAll(/[^a-zA-Z0-9_]/g, "_");
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function workloadOf(attributes: Attributes): { readonly kind: string; readonly name: string } | undefined {
  for (const [attribute, kind] of WORKLOADS) {
    const name = attributes.get(attribute);
    if (name !== undefined) return { kind, name };
  }
  const name = attributes.get(WORKLOAD_NAME);
  return name === undefined ? undefined : { kind: attributes.get(WORKLOAD_KIND) ?? "", name };
}

/** Which revision of its workload something is of: the hash of the pod's template, or else what image it runs. */
function revisionOf(attributes: Attributes): string | undefined {
  return (
    attributes.get(TEMPLATE_HASH_LABEL) ??
    attributes.get(CONTROLLER_REVISION_LABEL) ??
    attributes.get(WORKLOAD_REVISION) ??
    suffix(attributes.get("k8s.replicaset.name"), attributes.get("k8s.deployment.name")) ??
    // Pods of a Deployment are named <deployment>-<template hash>-<5 characters>.
    suffix(attributes.get("k8s.pod.name")?.replace(/-[a-z0-9]{5}$/, ""), attributes.get("k8s.deployment.name")) ??
    firstOf(attributes.get("container.image.tags") ?? attributes.get("container.image.tag")) ??
    digestOf(firstOf(attributes.get("container.image.repo_digests") ?? attributes.get("container.image.id")))
  );
}

/** What stands behind `<prefix>-` in a name. */
function suffix(name: string | undefined, prefix: string | undefined): string | undefined {
  if (name === undefined || prefix === undefined || !name.startsWith(`${prefix}-`)) return undefined;
  const rest = name.slice(prefix.length + 1);
  return /^[a-z0-9]+$/.test(rest) ? rest : undefined;
}

/** Lists stand as JSON in the text of an attribute. */
function firstOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!text.startsWith("[")) return text;
  return /^\[\s*"([^"\\]+)"/.exec(text)?.[1];
}

function digestOf(image: string | undefined): string | undefined {
  const digest = image === undefined ? undefined : /sha256:([0-9a-f]{12})/.exec(image);
  return digest?.[1];
}

function originOf(attributes: Attributes): "host" | "kernel" | "unattributed" {
  if (attributes.get("process.executable.name") === KERNEL_PROCESS) return "kernel";
  for (const name of attributes.keys()) {
    if (name.startsWith("process.") || name === "service.name") return "host";
  }
  return "unattributed";
}
