import type { FollowedContainer, FollowedPod, FollowedState } from "#identity";
import { type IdentityEntry, type IdentityKey, WORKLOAD_KIND, WORKLOAD_NAME, WORKLOAD_REVISION } from "#store";

/** Attributes of the semantic conventions for workloads, by Kubernetes' kinds. */
const WORKLOAD_ATTRIBUTES: Readonly<Record<string, string>> = {
  Deployment: "k8s.deployment.name",
  StatefulSet: "k8s.statefulset.name",
  DaemonSet: "k8s.daemonset.name",
  CronJob: "k8s.cronjob.name",
  Job: "k8s.job.name",
  ReplicaSet: "k8s.replicaset.name",
  ReplicationController: "k8s.replicationcontroller.name",
};

/** Labels that say what a service is called, the first that is there. */
export const SERVICE_LABELS = ["app.kubernetes.io/instance", "app.kubernetes.io/name"] as const;

/**
 * What a state of a pod or container means for a history of identity: of a container, its own facts and whose it is; of a
 * pod, all the rest, which its containers have by its uid; and whose its addresses are meanwhile.
 */
export function identityEntries({ pod, container, validFromMs, validToMs }: FollowedState): readonly IdentityEntry[] {
  const entry = (kind: IdentityKey["kind"], value: string, attributes: Facts, from = validFromMs): IdentityEntry => ({
    key: { kind, value },
    validFrom: from,
    validTo: validToMs,
    attributes: known(attributes),
  });
  if (container !== undefined) return [entry("container.id", container.bareId, containerFacts(pod, container))];
  const named: Facts = [
    ["k8s.pod.uid", pod.uid],
    ["k8s.pod.name", pod.name],
    ["k8s.namespace.name", pod.namespace],
  ];
  // Before the kubelet accepted it, its address may have been another's. All of its states are one entry there: the last
  // one closes it.
  const addresses = pod.startedMs === 0 ? [] : pod.ips.map((ip) => entry("k8s.pod.ip", ip, named, pod.startedMs));
  return [entry("k8s.pod.uid", pod.uid, [...named, ...podFacts(pod)]), ...addresses];
}

type Facts = readonly (readonly [name: string, value: string | undefined])[];

function podFacts(pod: FollowedPod): Facts {
  const { workload, revision, nodeName, owners, labels, annotations } = pod;
  return [
    ["k8s.node.name", nodeName],
    ...owners.flatMap(({ kind, name }): Facts => ownerFact(kind, name)),
    ...(workload === undefined ? [] : ownerFact(workload.kind, workload.name)),
    [WORKLOAD_KIND, workload?.kind],
    [WORKLOAD_NAME, workload?.name],
    [WORKLOAD_REVISION, revision],
    ...[...labels].map(([key, value]) => [`k8s.pod.label.${key}`, value] as const),
    ...[...annotations].map(([key, value]) => [`k8s.pod.annotation.${key}`, value] as const),
    ["service.name", SERVICE_LABELS.map((key) => labels.get(key)).find((name) => name) ?? workload?.name],
  ];
}

function ownerFact(kind: string, name: string): Facts {
  const attribute = WORKLOAD_ATTRIBUTES[kind];
  return attribute === undefined ? [] : [[attribute, name]];
}

function containerFacts(pod: FollowedPod, { name, image, imageId, restartCount }: FollowedContainer): Facts {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
  const tagged = digest === undefined ? image : image.slice(0, -digest.length - 1);
  // A colon before the last slash is a registry's port.
  const tag = /:([^/:]+)$/.exec(tagged)?.[1];
  return [
    ["k8s.pod.uid", pod.uid],
    ["k8s.container.name", name],
    ["k8s.container.restart_count", String(restartCount)],
    ["container.image.name", tag === undefined ? tagged : tagged.slice(0, -tag.length - 1)],
    ["container.image.tags", tag === undefined ? undefined : JSON.stringify([tag])],
    ["container.image.repo_digests", imageId.includes("sha256:") ? JSON.stringify([imageId]) : undefined],
  ];
}

function known(facts: Facts): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [name, value] of facts) if (value !== undefined && value !== "") attributes.set(name, value);
  return attributes;
}
