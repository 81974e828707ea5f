import { POD_LABELS } from "../questions/places.ts";

/**
 * OpenTelemetry's names of labels: a label is an attribute's name with underscores, which can't be undone without knowing
 * which of them were dots. Those of the semantic conventions that podflame and the Collector set; others stay labels.
 */
const KNOWN = [
  "cloud.account.id",
  "cloud.availability_zone",
  "cloud.provider",
  "cloud.region",
  "container.id",
  "container.image.id",
  "container.image.name",
  "container.image.repo_digests",
  "container.image.tag",
  "container.image.tags",
  "container.name",
  "container.runtime",
  "deployment.environment.name",
  "host.arch",
  "host.id",
  "host.name",
  "k8s.cluster.name",
  "k8s.cluster.uid",
  "k8s.container.name",
  "k8s.container.restart_count",
  "k8s.cronjob.name",
  "k8s.cronjob.uid",
  "k8s.daemonset.name",
  "k8s.daemonset.uid",
  "k8s.deployment.name",
  "k8s.deployment.uid",
  "k8s.job.name",
  "k8s.job.uid",
  "k8s.namespace.name",
  "k8s.node.name",
  "k8s.node.uid",
  "k8s.pod.ip",
  "k8s.pod.name",
  "k8s.pod.start_time",
  "k8s.pod.uid",
  "k8s.replicaset.name",
  "k8s.replicaset.uid",
  "k8s.statefulset.name",
  "k8s.statefulset.uid",
  "os.type",
  "process.executable.name",
  "process.executable.path",
  "process.runtime.name",
  "process.runtime.version",
  "service.instance.id",
  "service.name",
  "service.namespace",
  "service.version",
] as const;

const BY_LABEL: ReadonlyMap<string, string> = new Map(KNOWN.map((name) => [name.replaceAll(".", "_"), name]));
const PREFIXES = ["k8s.pod.label.", "k8s.pod.annotation.", "k8s.namespace.label.", "k8s.node.label."] as const;

/** What the store adds to an attribute's labels so that people have shorter names. */
const SYNTHETIC: ReadonlySet<string> = new Set([...POD_LABELS, "container", "origin", "named"]);

/** The attribute that a label is of; undefined for labels that are of none. */
export function attributeOfLabel(label: string): string | undefined {
  if (SYNTHETIC.has(label)) return undefined;
  const known = BY_LABEL.get(label);
  if (known !== undefined) return known;
  const prefix = PREFIXES.find((name) => label.startsWith(name.replaceAll(".", "_")));
  return prefix === undefined ? label : prefix + label.slice(prefix.length);
}
