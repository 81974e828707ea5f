import type { ObjectKind } from "#kubernetes";

/** What `from` of a label or annotation rule can name. */
export const RULE_OBJECTS = [
  "pod",
  "namespace",
  "node",
  "deployment",
  "statefulset",
  "daemonset",
  "job",
  "replicaset",
  "cronjob",
] as const;
export type RuleObject = (typeof RULE_OBJECTS)[number];

/** An object around a pod: how it is found, and what its attributes are called. */
export interface SurroundingObject {
  readonly kind: ObjectKind;
  readonly from: Exclude<RuleObject, "pod">;
  /** The attribute by which a resource names the object itself. */
  readonly attribute: string;
}

/**
 * The objects around pods in the order in which they are written: of two that have an attribute the first wins. The
 * last two were added to the Collector last.
 */
export const SURROUNDINGS: readonly SurroundingObject[] = [
  { kind: "Namespace", from: "namespace", attribute: "k8s.namespace.name" },
  { kind: "Node", from: "node", attribute: "k8s.node.name" },
  { kind: "Deployment", from: "deployment", attribute: "k8s.deployment.uid" },
  { kind: "StatefulSet", from: "statefulset", attribute: "k8s.statefulset.uid" },
  { kind: "DaemonSet", from: "daemonset", attribute: "k8s.daemonset.uid" },
  { kind: "Job", from: "job", attribute: "k8s.job.uid" },
  { kind: "ReplicaSet", from: "replicaset", attribute: "k8s.replicaset.uid" },
  { kind: "CronJob", from: "cronjob", attribute: "k8s.cronjob.uid" },
];
