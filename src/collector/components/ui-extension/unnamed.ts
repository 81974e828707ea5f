import type { MissReason, UnresolvedKeys } from "#identity";

/** Why something has no name, and what to do about it, for people. */
export interface Explanation {
  readonly reason: string;
  readonly remedy: string;
}

const EXPLANATIONS: Readonly<Record<MissReason, Explanation>> = {
  no_identifier: {
    reason: "No association rule applies: its resource lacks what the rules look for.",
    remedy: "Let the sender set container.id or k8s.pod.uid, or add a rule to pod_association.",
  },
  host_process: {
    reason: "It is a process of the host, in no container.",
    remedy: "Nothing is missing: it is shown under the host's processes.",
  },
  sandbox: {
    reason: "It is the sandbox (pause container) of a pod, which no pod's status names.",
    remedy: "Nothing is missing: a sandbox does nothing but hold the pod's namespaces.",
  },
  ignored: {
    reason: "Its pod asks, or is configured, not to be named.",
    remedy: "See exclude of k8s_attributes, and the pod's annotation opentelemetry.io/k8s-processor/ignore.",
  },
  filtered: {
    reason: "Its pod is not among those that are followed.",
    remedy: "Widen filter of k8s_attributes (namespace, labels, fields).",
  },
  other_node: {
    reason: "It belongs to another node than the one whose pods are followed.",
    remedy: "Send it to that node's agent, or leave out filter::node on what takes in other nodes' data.",
  },
  not_synced: {
    reason: "When it came, the first list of pods was not complete.",
    remedy: "It is named as soon as the pods are known; if that lasts, run podflame doctor.",
  },
  never_seen: {
    reason: "No source ever told of such a pod or container.",
    remedy:
      "Is it another cluster's, or not Kubernetes' at all? podflame explain --resource container.id=… tells more.",
  },
  timeout: {
    reason: "It was waited for in vain: no source told of such a pod or container.",
    remedy:
      "Is it another cluster's, or not Kubernetes' at all? podflame explain --resource container.id=… tells more.",
  },
  gone: {
    reason: "Its pod or container was gone already when its profiles came.",
    remedy: "Send sooner, or raise pod_delete_grace_period; the store names it if it knew the pod before.",
  },
  mismatch: {
    reason: "A pod has the first value of the rule, but not the others.",
    remedy: "Look for a container id or address that is another pod's by now.",
  },
  ambiguous: {
    reason: "Several pods have an equal right to its address.",
    remedy: "Let the sender name its container (container.id) or its pod (k8s.pod.uid).",
  },
};

/** Labels that a processor may have looked by, and the attributes that they were. */
const LOOKED_UP_BY: readonly (readonly [label: string, attribute: string])[] = [
  ["container_id", "container.id"],
  ["k8s_pod_uid", "k8s.pod.uid"],
  ["k8s_pod_ip", "k8s.pod.ip"],
  ["k8s_pod_name", "k8s.pod.name"],
  ["k8s_namespace_name", "k8s.namespace.name"],
  ["host_name", "host.name"],
  ["service_name", "service.name"],
];

/** Why a series has no name, as the process's processors have noted it; undefined where none did. */
export function explainUnnamed(
  unresolved: UnresolvedKeys,
  labels: ReadonlyMap<string, string>,
): Explanation | undefined {
  const attributes = new Map(LOOKED_UP_BY.map(([label, attribute]) => [attribute, labels.get(label)]));
  const found = unresolved.find("profiles", attributes, "");
  if (found === undefined) return undefined;
  const { reason, remedy } = EXPLANATIONS[found.reason];
  return { reason: found.detail === undefined ? reason : `${reason} (${found.detail})`, remedy };
}
