import { bareContainerId, type ContainerInstance } from "#identity";
import type { KeyFilter, PodContainer, PodObject } from "#kubernetes";
import { parseImage, repoDigest } from "./image.ts";
import { keyRule, type KeyRule, type KeyRuleConfig } from "./key-rules.ts";
import type { MetadataName } from "./metadata.ts";
import { cronJobOf, deploymentOf, TEMPLATE_HASH_LABEL } from "./workload-names.ts";

/** What to extract, as configured. Plain data: equal configurations give equal JSON. */
export interface ExtractionConfig {
  readonly metadata: readonly MetadataName[];
  readonly labels: readonly KeyRuleConfig[];
  readonly annotations: readonly KeyRuleConfig[];
  readonly otelAnnotations: boolean;
}

/** Attributes of a container; all others are strings. */
export type ContainerAttributes = ReadonlyMap<string, string | readonly string[]>;

/** Annotations of a pod by which it asks not to be named. The first two are upstream's spellings. */
export const IGNORE_ANNOTATIONS: readonly string[] = [
  "opentelemetry.io/k8s-processor/ignore",
  "opentelemetry.io/k8s-processor.ignore",
  "podflame.io/ignore",
];

/** Attribute names that a pod asks for itself: `resource.opentelemetry.io/<name>` (`otel_annotations`). */
const OTEL_ANNOTATION: KeyRuleConfig = {
  key: undefined,
  keyRegex: "resource\\.opentelemetry\\.io/(.+)",
  tagName: "$1",
};

const INSTANCE_LABEL = "app.kubernetes.io/instance";
const NAME_LABEL = "app.kubernetes.io/name";
const VERSION_LABEL = "app.kubernetes.io/version";

/**
 * Makes attributes of pods and containers. Values that would be empty are left out. Knows nothing of resources: that
 * an attribute that a resource has already wins is the processor's business.
 */
export class Extraction {
  readonly #wanted: ReadonlySet<string>;
  readonly #labelRules: readonly KeyRule[];
  readonly #annotationRules: readonly KeyRule[];
  /** The labels and annotations that the rules need. */
  readonly keys: KeyFilter;

  constructor(config: ExtractionConfig) {
    this.#wanted = new Set(config.metadata);
    this.#labelRules = config.labels.map((rule) => keyRule(rule, "k8s.pod.label."));
    const annotations = config.otelAnnotations ? [...config.annotations, OTEL_ANNOTATION] : config.annotations;
    this.#annotationRules = annotations.map((rule) => keyRule(rule, "k8s.pod.annotation."));
    const labels = this.#wellKnownLabels();
    this.keys = {
      label: (key) => labels.has(key) || this.#labelRules.some((rule) => rule.matches(key)),
      annotation: (key) => IGNORE_ANNOTATIONS.includes(key) || this.#annotationRules.some((rule) => rule.matches(key)),
    };
  }

  /** The pod's attributes. What is put later wins: facts, the user's labels, well-known labels, annotations. */
  ofPod(pod: PodObject): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    const put = (name: MetadataName, value: string | undefined): void => {
      if (value && this.#wanted.has(name)) attributes.set(name, value);
    };
    put("k8s.namespace.name", pod.namespace);
    put("k8s.pod.name", pod.name);
    put("k8s.pod.uid", pod.uid);
    put("k8s.pod.hostname", pod.hostname);
    put("k8s.pod.ip", pod.podIps[0]);
    put("k8s.pod.start_time", rfc3339(pod.createdMs));
    put("k8s.node.name", pod.nodeName);
    const workload = putOwners(pod, put);
    put("service.namespace", pod.namespace);
    put("service.name", workload ?? pod.name);
    for (const rule of this.#labelRules) rule.extract(pod.labels, attributes);
    put("service.name", pod.labels.get(NAME_LABEL));
    put("service.name", pod.labels.get(INSTANCE_LABEL));
    put("service.version", pod.labels.get(VERSION_LABEL));
    for (const rule of this.#annotationRules) rule.extract(pod.annotations, attributes);
    return attributes;
  }

  /** The container's attributes, without what is known of the run only: see `ofInstance`. */
  ofContainer(pod: PodObject, container: PodContainer): ContainerAttributes {
    const attributes = new Map<string, string | readonly string[]>();
    this.#putContainer(pod, container, attributes);
    return attributes;
  }

  /** The attributes of a run of a container. */
  ofInstance(instance: ContainerInstance): ContainerAttributes {
    const attributes = new Map<string, string | readonly string[]>();
    const { container } = instance;
    this.#putContainer(instance.record.pod, container, attributes);
    const id = instance.id === "" ? undefined : bareContainerId(instance.id);
    if (id !== undefined && this.#wanted.has("container.id")) attributes.set("container.id", id);
    const digest = repoDigest(container.imageId);
    if (digest !== undefined && this.#wanted.has("container.image.repo_digests")) {
      attributes.set("container.image.repo_digests", [digest]);
    }
    return attributes;
  }

  #putContainer(pod: PodObject, container: PodContainer, attributes: Map<string, string | readonly string[]>): void {
    const put = (name: MetadataName, value: string | readonly string[]): void => {
      if (value.length > 0 && this.#wanted.has(name)) attributes.set(name, value);
    };
    put("k8s.container.name", container.name);
    if (pod.namespace !== "" && pod.name !== "" && container.name !== "") {
      put("service.instance.id", `${pod.namespace}.${pod.name}.${container.name}`);
    }
    const image = parseImage(container.image);
    if (image === undefined) return;
    put("container.image.name", image.repository);
    // No tag means "latest" to every runtime, but a digest says better what runs.
    const tag = image.tag || (image.digest === "" ? "latest" : "");
    put("container.image.tags", tag === "" ? [] : [tag]);
    put("service.version", image.tag && image.digest ? `${image.tag}@${image.digest}` : image.digest || image.tag);
  }

  #wellKnownLabels(): ReadonlySet<string> {
    const labels = new Set<string>();
    const serviceName = this.#wanted.has("service.name");
    if (serviceName) labels.add(INSTANCE_LABEL).add(NAME_LABEL);
    if (serviceName || this.#wanted.has("k8s.deployment.name")) labels.add(TEMPLATE_HASH_LABEL);
    if (this.#wanted.has("service.version")) labels.add(VERSION_LABEL);
    return labels;
  }
}

/** Whether a pod asks not to be named. */
export function asksToBeIgnored(pod: PodObject): boolean {
  return IGNORE_ANNOTATIONS.some((key) => pod.annotations.get(key)?.trim().toLowerCase() === "true");
}

/** Puts what the owners tell, and returns the workload's name: the topmost known, of the last owner listed. */
function putOwners(pod: PodObject, put: (name: MetadataName, value: string | undefined) => void): string | undefined {
  let workload: string | undefined;
  for (const { kind, name, uid } of pod.owners) {
    switch (kind) {
      case "ReplicaSet": {
        const deployment = deploymentOf(pod, name);
        put("k8s.replicaset.name", name);
        put("k8s.replicaset.uid", uid);
        put("k8s.deployment.name", deployment);
        workload = deployment ?? name;
        break;
      }
      case "DaemonSet":
        put("k8s.daemonset.name", name);
        put("k8s.daemonset.uid", uid);
        workload = name;
        break;
      case "StatefulSet":
        put("k8s.statefulset.name", name);
        put("k8s.statefulset.uid", uid);
        workload = name;
        break;
      case "Job": {
        const cronJob = cronJobOf(pod, name);
        put("k8s.job.name", name);
        put("k8s.job.uid", uid);
        put("k8s.cronjob.name", cronJob);
        workload = cronJob ?? name;
        break;
      }
      default:
        // Static pods are owned by their Node, and who else owns pods says nothing about a workload's name.
        break;
    }
  }
  return workload || undefined;
}

/** RFC 3339 as the API server writes it: whole seconds where the time has no others. */
function rfc3339(ms: number): string | undefined {
  return ms === 0 ? undefined : new Date(ms).toISOString().replace(".000Z", "Z");
}
