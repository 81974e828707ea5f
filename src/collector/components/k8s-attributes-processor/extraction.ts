import {
  bareContainerId,
  type ContainerInstance,
  type ObjectNeed,
  type ObjectNeeds,
  type PodRecord,
  TEMPLATE_HASH_LABEL,
  upperOwnerOf,
} from "#identity";
import type { KeyFilter, MetadataObject, ObjectKind, PodContainer, PodObject } from "#kubernetes";
import type { DistinctValues } from "./distinct-values.ts";
import { type ImageReference, parseImage, repoDigest } from "./image.ts";
import type { KeyRuleConfig } from "./key-rules.ts";
import type { MetadataName } from "./metadata.ts";
import { compileRules, NO_KEYS, type ObjectRules } from "./object-rules.ts";
import { type RuleObject, SURROUNDINGS, type SurroundingObject } from "./rule-objects.ts";
import type { Semconv } from "./semconv.ts";
import type { ValueHash } from "./value-hash.ts";

/** What to extract, as configured. Plain data: equal configurations give equal JSON. */
export interface ExtractionConfig {
  readonly metadata: readonly MetadataName[];
  readonly labels: readonly KeyRuleConfig[];
  readonly annotations: readonly KeyRuleConfig[];
  readonly otelAnnotations: boolean;
  readonly semconv: Semconv;
  /** What patterns don't take; nothing by default. */
  readonly patternLimits?: PatternLimitsConfig;
  /** For rules that hash; none without a key. */
  readonly hash?: ValueHash;
}

/** `PatternLimits` as plain data. */
export interface PatternLimitsConfig {
  readonly deny: readonly string[];
  readonly maxValueLength: number;
  readonly maxAttributes: number;
  readonly maxValues: number;
}

/** Attributes of a container; all others are strings. */
export type ContainerAttributes = ReadonlyMap<string, string | readonly string[]>;

/** Annotations of a pod by which it asks not to be named. The first two are upstream's spellings. */
export const IGNORE_ANNOTATIONS: readonly string[] = [
  "opentelemetry.io/k8s-processor/ignore",
  "opentelemetry.io/k8s-processor.ignore",
  "podflame.io/ignore",
];

const INSTANCE_LABEL = "app.kubernetes.io/instance";
const NAME_LABEL = "app.kubernetes.io/name";
const VERSION_LABEL = "app.kubernetes.io/version";

/** The namespace whose uid stands for the cluster's. */
export const CLUSTER_NAMESPACE = "kube-system";

/**
 * Makes attributes of pods, containers and the objects around them. Values that would be empty are left out. Knows
 * nothing of resources: that an attribute that a resource has already wins is the processor's business.
 */
export class Extraction {
  readonly #wanted: ReadonlySet<string>;
  readonly #semconv: Semconv;
  readonly #rules: ReadonlyMap<RuleObject, ObjectRules>;
  /** Values that patterns left out because they were too long or too many, of one object or within an hour. */
  leftOut = 0;
  /** The labels and annotations of pods that the rules need. */
  readonly keys: KeyFilter;
  /** The other objects that it takes to know all that is asked for. */
  readonly objects: ObjectNeeds;
  /** Those that have attributes of their own to give, in the order in which they are written. */
  readonly surroundings: readonly SurroundingObject[];

  /** @param values counts what labels and annotations give; without it nobody does, and `maxValues` isn't held */
  constructor(config: ExtractionConfig, values?: DistinctValues) {
    this.#wanted = new Set(config.metadata);
    this.#semconv = config.semconv;
    this.#rules = compileRules(config, values);
    const labels = this.#wellKnownLabels();
    const pod = this.#rules.get("pod")?.keys ?? NO_KEYS;
    this.keys = {
      label: (key) => labels.has(key) || pod.label(key),
      annotation: (key) => IGNORE_ANNOTATIONS.includes(key) || pod.annotation(key),
    };
    this.surroundings = SURROUNDINGS.filter(
      ({ from }) => this.#rules.has(from) || (from === "node" && this.#wanted.has("k8s.node.uid")),
    );
    this.objects = this.#objectNeeds();
  }

  /** Whether an attribute of metadata is asked for. */
  wants(name: MetadataName): boolean {
    return this.#wanted.has(name);
  }

  /**
   * The pod's attributes. What is put later wins: facts, the user's labels, well-known labels, annotations.
   *
   * @param record where its owners are found; without it their names tell what they can
   */
  ofPod(pod: PodObject, record?: PodRecord): ReadonlyMap<string, string> {
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
    const workload = putOwners(pod, record, put);
    put("service.namespace", pod.namespace);
    put("service.name", workload ?? pod.name);
    const rules = this.#rules.get("pod");
    this.leftOut += rules?.applyLabels(pod.labels, attributes) ?? 0;
    put("service.name", pod.labels.get(NAME_LABEL));
    put("service.name", pod.labels.get(INSTANCE_LABEL));
    put("service.version", pod.labels.get(VERSION_LABEL));
    this.leftOut += rules?.applyAnnotations(pod.annotations, attributes) ?? 0;
    return attributes;
  }

  /** The attributes that an object other than a pod gives to all that belongs to it. */
  ofObject(object: MetadataObject): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    if (object.kind === "Node" && this.wants("k8s.node.uid")) attributes.set("k8s.node.uid", object.uid);
    const from = SURROUNDINGS.find(({ kind }) => kind === object.kind)?.from;
    const rules = from === undefined ? undefined : this.#rules.get(from);
    if (rules === undefined) return attributes;
    this.leftOut += rules.applyLabels(object.labels, attributes);
    this.leftOut += rules.applyAnnotations(object.annotations, attributes);
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
    if (this.#wanted.has("container.image.tags")) this.#putTag(image, attributes);
    put("service.version", image.tag && image.digest ? `${image.tag}@${image.digest}` : image.digest || image.tag);
  }

  #putTag({ tag, digest }: ImageReference, attributes: Map<string, string | readonly string[]>): void {
    // No tag means "latest" to every runtime, but a digest says better what runs. It never did in the old attribute.
    if (this.#semconv !== "legacy" && (tag !== "" || digest === "")) {
      attributes.set("container.image.tags", [tag || "latest"]);
    }
    if (this.#semconv !== "stable") attributes.set("container.image.tag", tag || "latest");
  }

  #objectNeeds(): ObjectNeeds {
    const needs = new Map<ObjectKind, ObjectNeed>();
    const need = (kind: ObjectKind, keys: KeyFilter = NO_KEYS): void => {
      if (!needs.has(kind)) needs.set(kind, { keys });
    };
    for (const { kind, from } of this.surroundings) need(kind, this.#rules.get(from)?.keys);
    // What stands between a pod and the object that is asked for.
    if (this.wants("k8s.deployment.uid") || needs.has("Deployment")) need("ReplicaSet");
    if (this.wants("k8s.cronjob.uid") || needs.has("CronJob")) need("Job");
    if (this.wants("k8s.cluster.uid") && !needs.has("Namespace")) {
      needs.set("Namespace", { keys: NO_KEYS, only: CLUSTER_NAMESPACE });
    }
    return needs;
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

/** Which attributes tell of a workload. */
interface WorkloadNames {
  readonly kind: string;
  readonly name: MetadataName;
  readonly uid: MetadataName;
}

/**
 * Owners that are workloads, and who may stand above them. Static pods are owned by their Node, and who else owns pods says
 * nothing about a workload's name.
 */
const WORKLOADS: readonly (WorkloadNames & { readonly upper?: WorkloadNames })[] = [
  {
    kind: "ReplicaSet",
    name: "k8s.replicaset.name",
    uid: "k8s.replicaset.uid",
    upper: { kind: "Deployment", name: "k8s.deployment.name", uid: "k8s.deployment.uid" },
  },
  { kind: "DaemonSet", name: "k8s.daemonset.name", uid: "k8s.daemonset.uid" },
  { kind: "StatefulSet", name: "k8s.statefulset.name", uid: "k8s.statefulset.uid" },
  {
    kind: "Job",
    name: "k8s.job.name",
    uid: "k8s.job.uid",
    upper: { kind: "CronJob", name: "k8s.cronjob.name", uid: "k8s.cronjob.uid" },
  },
];

/** Puts what the owners tell, and returns the workload's name: the topmost known, of the last owner listed. */
function putOwners(
  pod: PodObject,
  record: PodRecord | undefined,
  put: (name: MetadataName, value: string | undefined) => void,
): string | undefined {
  let workload: string | undefined;
  for (const owner of pod.owners) {
    const names = WORKLOADS.find(({ kind }) => kind === owner.kind);
    if (names === undefined) continue;
    put(names.name, owner.name);
    put(names.uid, owner.uid);
    workload = owner.name;
    const upper = names.upper && upperOwnerOf(pod, owner, record);
    // An operator's resource may stand there instead, for which there are no names.
    if (names.upper === undefined || upper?.kind !== names.upper.kind) continue;
    put(names.upper.name, upper.name);
    put(names.upper.uid, upper.uid);
    workload = upper.name;
  }
  return workload || undefined;
}

/** RFC 3339 as the API server writes it: whole seconds where the time has no others. */
function rfc3339(ms: number): string | undefined {
  return ms === 0 ? undefined : new Date(ms).toISOString().replace(".000Z", "Z");
}
