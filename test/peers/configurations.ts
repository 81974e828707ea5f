import type { Naming } from "./comparison.ts";
import { type ExpectedDifference, something } from "./differences.ts";

/** A configuration to be compared. */
export interface Configuration {
  readonly name: string;
  /** Section `k8s_attributes`, without credentials. */
  readonly config: object;
  /** Stable by default. */
  readonly naming?: Naming;
}

const attribute = (...names: readonly string[]): object => ({
  sources: names.map((name) => ({ from: "resource_attribute", name })),
});
const CONNECTION = { sources: [{ from: "connection" }] };
const BY_CONTAINER = { pod_association: [attribute("container.id")] };
const BY_UID = { pod_association: [attribute("k8s.pod.uid")] };
const KINDS = ["pod", "namespace", "node", "deployment", "statefulset", "daemonset", "job"] as const;

const metadata = (...names: readonly string[]): object => ({ extract: { metadata: names } });
/** A container's attribute, without which the Collector knows no container ids. */
const CONTAINER = "k8s.container.name";

/** What the Collector has to be asked for so that it knows which object of a kind a pod belongs to. */
const IDENTITY_OF: Readonly<Record<(typeof KINDS)[number], string>> = {
  pod: "k8s.pod.name",
  namespace: "k8s.namespace.name",
  node: "k8s.node.name",
  deployment: "k8s.deployment.uid",
  statefulset: "k8s.statefulset.uid",
  daemonset: "k8s.daemonset.uid",
  job: "k8s.job.uid",
};

function labelsByKey(from: string, names: readonly string[]): object {
  const labels = [
    { from, key: "plain" },
    { from, key: "example.test/color", tag_name: "color" },
  ];
  return { ...BY_UID, extract: { metadata: names, labels } };
}

function labelsByPattern(from: string, names: readonly string[]): object {
  const labels = [
    { from, key_regex: "plain" },
    { from, key_regex: "example\\.test/(.*)", tag_name: "$$1.of" },
  ];
  return { ...BY_UID, extract: { metadata: names, labels } };
}

const ASSOCIATIONS: readonly Configuration[] = [
  { name: "no rules", config: {} },
  { name: "by container id", config: BY_CONTAINER },
  { name: "by uid", config: BY_UID },
  { name: "by address", config: { pod_association: [attribute("k8s.pod.ip")] } },
  { name: "by host.name", config: { pod_association: [attribute("host.name")] } },
  { name: "by connection", config: { pod_association: [CONNECTION] } },
  { name: "by connection, address asked for", config: { ...metadata("k8s.pod.ip"), pod_association: [CONNECTION] } },
  { name: "by names", config: { pod_association: [attribute("k8s.namespace.name", "k8s.pod.name")] } },
  {
    name: "by names in the other order",
    config: { pod_association: [attribute("k8s.pod.name", "k8s.namespace.name")] },
  },
  {
    name: "by uid and container id",
    config: { pod_association: [attribute("k8s.pod.uid", "container.id")] },
  },
  {
    name: "by four attributes",
    config: { pod_association: [attribute("k8s.pod.uid", "k8s.namespace.name", "k8s.pod.name", "k8s.pod.ip")] },
  },
  {
    name: "by a label",
    config: {
      extract: { labels: [{ key: "app", tag_name: "application" }] },
      pod_association: [attribute("application", "k8s.pod.uid"), attribute("k8s.pod.uid")],
    },
  },
  { name: "by uid, else by address", config: { pod_association: [attribute("k8s.pod.uid"), attribute("k8s.pod.ip")] } },
  { name: "passing through", config: { passthrough: true } },
  { name: "passing through by connection", config: { passthrough: true, pod_association: [CONNECTION] } },
];

const EXTRACTIONS: readonly Configuration[] = [
  { name: "nothing", config: { ...BY_UID, ...metadata() } },
  {
    name: "names of workloads",
    config: { ...BY_UID, ...metadata("k8s.deployment.name", "k8s.cronjob.name", "k8s.job.name") },
  },
  {
    name: "uids of workloads",
    config: { ...BY_UID, ...metadata("k8s.deployment.uid", "k8s.cronjob.uid", "k8s.statefulset.uid") },
  },
  {
    name: "a deployment's name and uid",
    config: { ...BY_UID, ...metadata("k8s.deployment.name", "k8s.deployment.uid") },
  },
  { name: "a cron job's name and uid", config: { ...BY_UID, ...metadata("k8s.cronjob.name", "k8s.cronjob.uid") } },
  { name: "the node's uid", config: { ...BY_UID, ...metadata("k8s.node.uid") } },
  { name: "the cluster's uid", config: { ...BY_UID, ...metadata("k8s.cluster.uid") } },
  {
    name: "the service",
    config: {
      ...BY_CONTAINER,
      ...metadata("service.name", "service.namespace", "service.version", "service.instance.id"),
    },
  },
  { name: "the service's name", config: { ...BY_UID, ...metadata("service.name") } },
  {
    name: "the service's name and the deployment's uid",
    config: { ...BY_UID, ...metadata("service.name", "k8s.deployment.uid", "k8s.cronjob.uid") },
  },
  { name: "the container's name", config: { ...BY_CONTAINER, ...metadata(CONTAINER) } },
  { name: "the container's id", config: { ...BY_UID, ...metadata("container.id") } },
  {
    name: "the image",
    config: { ...BY_CONTAINER, ...metadata("container.image.name", "container.image.repo_digests") },
  },
  { name: "annotations of OpenTelemetry", config: { ...BY_UID, extract: { metadata: [], otel_annotations: true } } },
  {
    name: "annotations of OpenTelemetry and the service",
    config: {
      ...BY_UID,
      extract: { metadata: ["service.name", "service.version", "service.namespace"], otel_annotations: true },
    },
  },
  ...KINDS.flatMap((from) => [
    { name: `labels by key from ${from} alone`, config: labelsByKey(from, []) },
    { name: `labels by key from ${from}`, config: labelsByKey(from, [IDENTITY_OF[from]]) },
    { name: `labels by pattern from ${from} alone`, config: labelsByPattern(from, []) },
    { name: `labels by pattern from ${from}`, config: labelsByPattern(from, [IDENTITY_OF[from]]) },
  ]),
  {
    name: "annotations of pods and namespaces",
    config: {
      ...BY_UID,
      extract: {
        metadata: [],
        annotations: [{ from: "namespace", key_regex: ".*note" }, { key: "example.test/tier" }],
      },
    },
  },
  {
    name: "rules that write one name",
    config: {
      ...BY_UID,
      extract: {
        metadata: [],
        labels: [
          { from: "node", key: "example.test/color", tag_name: "color" },
          { from: "namespace", key: "example.test/color", tag_name: "color" },
          { from: "pod", key: "example.test/color", tag_name: "color" },
        ],
      },
    },
  },
  {
    name: "a name with the whole key",
    config: { ...BY_UID, extract: { metadata: [], labels: [{ key_regex: "(.*)/(.*)", tag_name: "$$0|$$2|$$1" }] } },
  },
];

const FILTERS: readonly Configuration[] = [
  { name: "of a namespace", config: { ...BY_UID, filter: { namespace: "tools" } } },
  {
    name: "of a namespace with objects",
    config: { ...BY_UID, ...metadata("k8s.deployment.uid", "k8s.cluster.uid"), filter: { namespace: "shop" } },
  },
  { name: "of a node", config: { ...BY_UID, filter: { node: "node-1" } } },
  {
    name: "of a node with its labels",
    config: {
      ...BY_UID,
      filter: { node: "node-1" },
      extract: { metadata: ["k8s.node.uid", "k8s.pod.name"], labels: [{ from: "node", key: "plain" }] },
    },
  },
  { name: "by a label", config: { ...BY_UID, filter: { labels: [{ key: "plain", value: "yes" }] } } },
  {
    name: "by absence of a label",
    config: {
      ...BY_UID,
      filter: {
        labels: [
          { key: "app", op: "does-not-exist" },
          { key: "plain", value: "no", op: "not-equals" },
        ],
      },
    },
  },
  {
    name: "by a field",
    config: {
      ...BY_UID,
      filter: {
        fields: [
          { key: "status.phase", value: "Running" },
          { key: "spec.nodeName", value: "node-0", op: "not-equals" },
        ],
      },
    },
  },
  { name: "without some pods", config: { ...BY_UID, exclude: { pods: [{ name: "^cart" }, { name: "bare-\\d+$" }] } } },
];

const NAMINGS: readonly Configuration[] = (["legacy", "both"] as const).flatMap((naming) => [
  { name: `${naming} names by default`, config: BY_CONTAINER, naming },
  {
    name: `${naming} names of labels`,
    config: {
      ...BY_UID,
      extract: {
        metadata: ["k8s.pod.name"],
        labels: KINDS.map((from) => ({ from, key_regex: "plain|example.*" })),
        annotations: [{ from: "namespace", key: "example.test/note" }, { key_regex: "example.*" }],
      },
    },
    naming,
  },
]);

/** More than forty; each with a name that no other has. */
export const CONFIGURATIONS: readonly Configuration[] = [...ASSOCIATIONS, ...EXTRACTIONS, ...FILTERS, ...NAMINGS];

/** A difference that is meant in configurations of these names. */
export interface ExpectedInSome extends ExpectedDifference {
  readonly configurations: RegExp;
}

/** What is meant to differ in some of these configurations alone, and why; docs/compatibility.md lists it. */
export const EXPECTED_IN_SOME: readonly ExpectedInSome[] = [
  {
    reason:
      "a pod knows its node and its workload whatever is extracted; the Collector forgets them unless the node's name or the workload's uid is asked for",
    configurations: /^labels by (key|pattern) from (node|deployment|statefulset|daemonset|job) alone$|names of labels$/,
    cases: /./,
    attribute: /^(color(\.of)?|k8s\.(node|deployment|statefulset|daemonset|job)\.labels?\..*)$/,
    collector: undefined,
    podflame: something,
  },
  {
    reason:
      "k8s.node.uid is added where it is asked for; the Collector adds it wherever it knows nodes for other reasons",
    configurations: /from node|names of labels$|^rules that write one name$/,
    cases: /./,
    attribute: /^k8s\.node\.uid$/,
    collector: something,
    podflame: undefined,
  },
];
