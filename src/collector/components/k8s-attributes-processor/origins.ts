import { type ContainerInstance, type IdentityView, type PodRecord, TEMPLATE_HASH_LABEL } from "#identity";
import type { MetadataObject, PodObject } from "#kubernetes";
import { CLUSTER_NAMESPACE, Extraction, type ExtractionConfig } from "./extraction.ts";
import type { KeyRuleConfig } from "./key-rules.ts";
import type { MetadataName } from "./metadata.ts";
import { SURROUNDINGS } from "./rule-objects.ts";
import type { KeyedField } from "./semconv.ts";

/** Whom a resource was found to come from. */
export interface Found {
  readonly record: PodRecord | undefined;
  readonly instance: ContainerInstance | undefined;
}

type Attributes = ReadonlyMap<string, string | readonly string[]>;
type Extracted = Pick<ExtractionConfig, "metadata" | "labels" | "annotations" | "otelAnnotations">;

const NOTHING: Extracted = { metadata: [], labels: [], annotations: [], otelAnnotations: false };
const NO_VALUES: ReadonlyMap<string, string> = new Map();

/**
 * Says where an attribute's value comes from. It asks the extraction itself: what a configuration with one rule alone, or
 * one name of metadata, gives of the same pod.
 */
export class Origins {
  readonly #config: ExtractionConfig;
  readonly #view: IdentityView | undefined;

  constructor(config: ExtractionConfig, view: IdentityView | undefined) {
    this.#config = config;
    this.#view = view;
  }

  /**
   * @param given the resource's attributes as they came, by which it may name objects around its pod itself
   * @returns undefined for what no rule gives
   */
  of(name: string, value: unknown, found: Found, given: ReadonlyMap<string, unknown>): string | undefined {
    const gives = (attributes: Attributes): boolean => {
      const own = attributes.get(name);
      return own !== undefined && JSON.stringify(own) === JSON.stringify(value);
    };
    return this.#ofPod(found, gives) ?? this.#ofSurroundings(found.record, given, gives) ?? this.#ofNoPod(name, given);
  }

  /** Of its own rules the last ones win: annotations over labels over metadata. */
  #ofPod({ record, instance }: Found, gives: (attributes: Attributes) => boolean): string | undefined {
    if (record === undefined) return undefined;
    const { pod } = record;
    const ofRule = this.#firstRule("pod", (extraction, labels, annotations) =>
      gives(extraction.ofPod({ ...pod, labels: labels ?? NO_VALUES, annotations: annotations ?? NO_VALUES }, record)),
    );
    const rule = ofRule(pod);
    if (rule !== undefined) return `${rule} of the pod`;
    for (const metadata of this.#config.metadata) {
      const extraction = this.#only({ metadata: [metadata] });
      if (gives(extraction.ofPod(pod, record))) return podOrigin(metadata, record, extraction);
      if (instance !== undefined && gives(extraction.ofInstance(instance))) return containerOrigin(metadata, instance);
    }
    return undefined;
  }

  #ofSurroundings(
    record: PodRecord | undefined,
    given: ReadonlyMap<string, unknown>,
    gives: (attributes: Attributes) => boolean,
  ): string | undefined {
    for (const { kind, from, attribute } of SURROUNDINGS) {
      const named = given.get(attribute);
      const object =
        record?.related(kind)?.object ??
        (typeof named === "string" ? this.#view?.object(kind, named)?.object : undefined);
      if (object === undefined) continue;
      const ofRule = this.#firstRule(from, (extraction, labels, annotations) =>
        gives(extraction.ofObject({ ...object, labels: labels ?? NO_VALUES, annotations: annotations ?? NO_VALUES })),
      );
      const rule = ofRule(object);
      if (rule !== undefined) return `${rule} of ${nameOf(object)}`;
      if (gives(this.#only({ metadata: this.#config.metadata }).ofObject(object))) {
        return `metadata.uid of ${nameOf(object)}`;
      }
    }
    const cluster = this.#view?.object("Namespace", CLUSTER_NAMESPACE)?.object;
    if (cluster !== undefined && gives(new Map([["k8s.cluster.uid", cluster.uid]]))) {
      return `metadata.uid of ${nameOf(cluster)}`;
    }
    return undefined;
  }

  /** What is given to resources whether or not their pod is known. */
  #ofNoPod(name: string, given: ReadonlyMap<string, unknown>): string | undefined {
    if (name === "service.namespace" && given.has("k8s.namespace.name")) return "the resource's k8s.namespace.name";
    return name === "k8s.pod.ip" ? "the address that the rule went by" : undefined;
  }

  /** Finds the last rule for that object which gives the attribute, and the key that it took. */
  #firstRule(
    from: KeyRuleConfig["from"],
    gives: (
      extraction: Extraction,
      labels: ReadonlyMap<string, string> | undefined,
      annotations: ReadonlyMap<string, string> | undefined,
    ) => boolean,
  ): (object: Pick<MetadataObject | PodObject, "labels" | "annotations">) => string | undefined {
    const { labels, annotations, otelAnnotations } = this.#config;
    const rules: { readonly field: KeyedField; readonly text: string; readonly extraction: Extraction }[] = [
      ...labels.map((rule, at) => ({ rule, field: "label" as const, text: `extract.labels[${at}]` })),
      ...annotations.map((rule, at) => ({ rule, field: "annotation" as const, text: `extract.annotations[${at}]` })),
    ]
      .filter(({ rule }) => rule.from === from)
      .map(({ rule, field, text }) => ({
        field,
        text: rule.hash === true ? `${text}, hashed` : text,
        extraction: this.#only(field === "label" ? { labels: [rule] } : { annotations: [rule] }),
      }));
    if (otelAnnotations && from === "pod") {
      const extraction = this.#only({ otelAnnotations });
      rules.push({ field: "annotation", text: "extract.otel_annotations", extraction });
    }
    return (object) => {
      for (const { field, text, extraction } of rules.toReversed()) {
        for (const [key, value] of field === "label" ? object.labels : object.annotations) {
          const only = new Map([[key, value]]);
          const found = field === "label" ? gives(extraction, only, undefined) : gives(extraction, undefined, only);
          if (found) return `${field} ${key} (${text})`;
        }
      }
      return undefined;
    };
  }

  #only(extracted: Partial<Extracted>): Extraction {
    return new Extraction({ ...this.#config, ...NOTHING, ...extracted });
  }
}

function nameOf({ kind, namespace, name }: MetadataObject): string {
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

/** Fields of the pod, for names whose value always comes from the same one. */
const POD_FIELDS: Readonly<Partial<Record<MetadataName, string>>> = {
  "k8s.namespace.name": "metadata.namespace",
  "k8s.pod.name": "metadata.name",
  "k8s.pod.uid": "metadata.uid",
  "k8s.pod.hostname": "spec.hostname, or metadata.name",
  "k8s.pod.ip": "status.podIP",
  "k8s.pod.start_time": "metadata.creationTimestamp",
  "k8s.node.name": "spec.nodeName",
  "service.namespace": "metadata.namespace",
};

const WELL_KNOWN_LABELS: Readonly<Partial<Record<MetadataName, readonly string[]>>> = {
  "service.name": ["app.kubernetes.io/instance", "app.kubernetes.io/name"],
  "service.version": ["app.kubernetes.io/version"],
};

function podOrigin(name: MetadataName, record: PodRecord, extraction: Extraction): string {
  const { pod } = record;
  const field = POD_FIELDS[name];
  if (field !== undefined) return `${field} of the pod`;
  const value = extraction.ofPod(pod, record).get(name);
  const label = WELL_KNOWN_LABELS[name]?.find((key) => pod.labels.get(key) === value);
  if (label !== undefined) return `label ${label} of the pod`;
  const owner = /^k8s\.(\w+)\.(?:name|uid)$/.exec(name)?.[1] ?? "";
  const kinds = name === "service.name" ? ["replicaset", "job", "daemonset", "statefulset"] : [belowOf(owner)];
  const below = pod.owners.findLast(({ kind }) => kinds.includes(kind.toLowerCase()));
  if (below === undefined) return "metadata.name of the pod";
  const text = `${below.kind} ${below.name}`;
  if (value === below.name || value === below.uid) return `the pod's owner ${text}`;
  if (record.ownerRecord(below.uid)?.object !== undefined) return `the owner of the pod's ${text}`;
  return below.kind === "ReplicaSet"
    ? `the name of the pod's ${text}, without its ${TEMPLATE_HASH_LABEL}`
    : `the name of the pod's ${text}, without its scheduled time`;
}

/** What pods are owned by directly where the named one is further up. */
function belowOf(owner: string): string {
  if (owner === "deployment") return "replicaset";
  return owner === "cronjob" ? "job" : owner;
}

/** Of a container, for names whose value isn't part of its image. */
const CONTAINER_FIELDS: Readonly<Partial<Record<MetadataName, string>>> = {
  "k8s.container.name": "the container's name",
  "container.id": "the container's status",
  "service.instance.id": "namespace, pod and container",
};

function containerOrigin(name: MetadataName, { container }: ContainerInstance): string {
  const field = CONTAINER_FIELDS[name];
  if (field !== undefined) return field;
  return name === "container.image.repo_digests"
    ? `the container's imageID ${container.imageId}`
    : `the container's image ${container.image}`;
}
