/** Names that `extract.metadata` can list. Where each value comes from is in this component's README. */
export const METADATA_NAMES = [
  "k8s.namespace.name",
  "k8s.pod.name",
  "k8s.pod.uid",
  "k8s.pod.hostname",
  "k8s.pod.ip",
  "k8s.pod.start_time",
  "k8s.node.name",
  "k8s.node.uid",
  "k8s.cluster.uid",
  "k8s.replicaset.name",
  "k8s.replicaset.uid",
  "k8s.deployment.name",
  "k8s.deployment.uid",
  "k8s.daemonset.name",
  "k8s.daemonset.uid",
  "k8s.statefulset.name",
  "k8s.statefulset.uid",
  "k8s.job.name",
  "k8s.job.uid",
  "k8s.cronjob.name",
  "k8s.cronjob.uid",
  "k8s.container.name",
  "container.id",
  "container.image.name",
  "container.image.tags",
  "container.image.repo_digests",
  "service.namespace",
  "service.name",
  "service.version",
  "service.instance.id",
] as const;

/** Those that only a container has. */
const CONTAINER_METADATA: readonly string[] = [
  "k8s.container.name",
  "container.id",
  "container.image.name",
  "container.image.tags",
  "container.image.repo_digests",
  "service.instance.id",
];

/** Those that a pod has. */
export const POD_METADATA: readonly string[] = METADATA_NAMES.filter((name) => !CONTAINER_METADATA.includes(name));

/** A name that `extract.metadata` can list, which is also the attribute that comes of it. */
export type MetadataName = (typeof METADATA_NAMES)[number];

/** Extracted where the configuration says nothing: the Collector's list since its release 0.161. */
export const DEFAULT_METADATA: readonly MetadataName[] = [
  "k8s.namespace.name",
  "k8s.pod.name",
  "k8s.pod.uid",
  "k8s.pod.start_time",
  "k8s.deployment.name",
  "k8s.node.name",
  "container.image.name",
  "container.image.tags",
];

/** Names of the Collector's that are other names of ours; what is written is decided by `semconv`. */
export const METADATA_ALIASES: Readonly<Record<string, MetadataName>> = {
  "container.image.tag": "container.image.tags",
};
