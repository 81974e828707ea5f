import { isIP } from "node:net";
import {
  AMBIGUOUS,
  type ArrivalKey,
  BY_IP,
  BY_NAME,
  CONNECTION,
  type ContainerInstance,
  type Directory,
  type IdentityView,
  type IndexDefinition,
  keyInIndex,
  keyOfContainer,
  keyOfUid,
  type PodIndex,
  podNameKey,
  type PodRecord,
  type TelemetryTime,
} from "#identity";
import { AttributeKind, type ResourceView } from "#otlp";
import type { AttributeNames } from "./attribute-block.ts";
import { CLUSTER_NAMESPACE, Extraction, type ExtractionConfig } from "./extraction.ts";
import { METADATA_NAMES } from "./metadata.ts";

/** Where one value of a rule comes from. */
export type SourceConfig =
  { readonly from: "connection" } | { readonly from: "resource_attribute"; readonly name: string };

/** A rule names a pod by one to four values, which must all be there and all fit. */
export interface RuleConfig {
  readonly sources: readonly SourceConfig[];
}

/** Attributes that hold a pod's address. */
export const ADDRESSES: readonly string[] = ["k8s.pod.ip", "ip", "host.name"];

/** Attributes that tell where a pod is, not which it is: they are checked, but nothing is looked up by them. */
export const SURROUNDING_UIDS: readonly string[] = ["k8s.cluster.uid", "k8s.node.uid"];

/** Addresses of a machine itself, as senders beside us have. */
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;
/** A namespace's name has 63 characters at most, a pod's 253; and the slash. */
const LONGEST_POD_NAME = 317;

/** How a source names a pod, the surest first: a rule looks up by the first of its kinds and checks the others. */
const KINDS = ["container", "uid", "address", "name", "namespace", "attribute", "surroundings"] as const;
type Kind = (typeof KINDS)[number];

interface Source {
  readonly kind: Kind;
  /** The attribute's name, or `CONNECTION`. */
  readonly name: string;
  /** The attribute's number; -1 for the connection. */
  readonly number: number;
}

/** One rule, ready for use. */
export class AssociationRule {
  /** As metrics call it, e.g. `resource_attribute/container.id`. */
  readonly label: string;
  readonly usesConnection: boolean;
  /** What its values are called by `UnresolvedKeys`: their attributes, or `CONNECTION`. */
  readonly names: readonly string[];
  readonly #sources: readonly Source[];
  /** Those that the index is made of, where the rule looks up by attributes. */
  readonly #indexed: readonly Source[];
  readonly #lookup: Exclude<Kind, "surroundings">;
  readonly #definition: IndexDefinition | undefined;
  readonly #attributes: RuleAttributes;
  #index: PodIndex | undefined;
  #slot = -1;
  /** The container run that the last `find` found, where it looked up one. */
  instance: ContainerInstance | undefined;
  /** Whether the last `find` met a value that leads to nobody; false also where it led to a pod that doesn't fit. */
  leadsNowhere = false;

  constructor(config: RuleConfig, extraction: ExtractionConfig, names: AttributeNames) {
    this.label = config.sources.map(sourceLabel).join(",");
    this.usesConnection = config.sources.some((source) => source.from === "connection");
    this.#sources = config.sources.map((source) => compile(source, names));
    this.names = this.#sources.map(({ name }) => name);
    this.#attributes = new RuleAttributes(config, extraction);
    const kinds = new Set(this.#sources.map(({ kind }) => kind));
    this.#indexed = this.#sources.filter(({ kind }) => kind !== "surroundings");
    const surest = KINDS.find((kind) => kinds.has(kind)) ?? "attribute";
    // A name without its namespace, or the reverse, is an attribute like others.
    const named = surest === "name" && kinds.has("namespace");
    const isWeak = surest === "name" || surest === "namespace" || surest === "surroundings";
    this.#lookup = isWeak ? (named ? "name" : "attribute") : surest;
    this.#definition = this.#indexDefinition(config, extraction, kinds);
  }

  /** Opens what the rule looks up in. */
  open(directory: Directory): void {
    if (this.#definition !== undefined) this.#index ??= directory.openIndex(this.#definition);
    if (this.#slot < 0) this.#slot = directory.openSlot(this.#attributes.name);
  }

  close(directory: Directory): void {
    if (this.#index !== undefined) directory.closeIndex(this.#index);
    this.#index = undefined;
    if (this.#slot >= 0) directory.closeSlot(this.#attributes.name);
    this.#slot = -1;
  }

  /** Whether the resource and its connection give all that the rule asks for. */
  resolves(resource: ResourceView, peerAddress: string): boolean {
    for (const { number, name } of this.#sources) {
      if (number < 0) {
        if (peerAddress === "") return false;
      } else if (resource.kind(number) !== AttributeKind.STRING || !resource.nonEmpty(number)) return false;
      else if (name === "host.name" && isIP(resource.text(number)) === 0) return false;
    }
    return true;
  }

  /** The values that the rule goes by, in the order of `names`. Only after `resolves`. */
  values(resource: ResourceView, peerAddress: string): string[] {
    return this.#sources.map(({ number }) => (number < 0 ? peerAddress : resource.text(number)));
  }

  /** The address that the rule goes by; empty for one without connection. Only after `resolves`. */
  address(resource: ResourceView, peerAddress: string): string {
    for (const { kind, number } of this.#sources) {
      if (kind === "address") return number < 0 ? peerAddress : resource.text(number);
    }
    return "";
  }

  /** The pod of a resource for which the rule resolves. Allocates nothing where it goes by container or uid alone. */
  find(
    resource: ResourceView,
    peerAddress: string,
    view: IdentityView,
    time: TelemetryTime,
  ): PodRecord | typeof AMBIGUOUS | undefined {
    this.instance = undefined;
    const found = this.#lookUp(resource, peerAddress, view, time);
    this.leadsNowhere = found === undefined;
    if (found === undefined || found === AMBIGUOUS || this.#sources.length === 1) return found;
    for (const source of this.#sources) {
      if (!this.#fits(source, resource, peerAddress, found, view)) return undefined;
    }
    return found;
  }

  /**
   * The key that will lead to the pod as soon as it is known; undefined where it isn't worth waiting, because no pod can
   * have the value (this machine's own address, what is no address at all) or because it tells no single pod. Only after
   * a `find` that led nowhere.
   */
  arrivalKey(resource: ResourceView, peerAddress: string): ArrivalKey | undefined {
    switch (this.#lookup) {
      case "container":
        return keyOfContainer(resource.text(this.#numberOf("container")));
      case "uid":
        return keyOfUid(resource.text(this.#numberOf("uid")));
      case "address": {
        const address = this.address(resource, peerAddress);
        return isIP(address) === 0 || LOOPBACK.test(address) ? undefined : keyInIndex(BY_IP, address);
      }
      case "name":
      case "namespace": {
        const key = podNameKey(resource.text(this.#numberOf("namespace")), resource.text(this.#numberOf("name")));
        return key.length > LONGEST_POD_NAME ? undefined : keyInIndex(BY_NAME, key);
      }
      case "attribute":
        return undefined;
    }
  }

  #lookUp(
    resource: ResourceView,
    peerAddress: string,
    view: IdentityView,
    time: TelemetryTime,
  ): PodRecord | typeof AMBIGUOUS | undefined {
    switch (this.#lookup) {
      case "container": {
        const number = this.#numberOf("container");
        this.instance = view.container(resource.source, resource.start(number), resource.end(number));
        return this.instance?.record;
      }
      case "uid": {
        const number = this.#numberOf("uid");
        return view.uid(resource.source, resource.start(number), resource.end(number));
      }
      case "address":
        return this.#in(view, this.address(resource, peerAddress), time);
      case "name":
      case "namespace":
        return this.#in(
          view,
          podNameKey(resource.text(this.#numberOf("namespace")), resource.text(this.#numberOf("name"))),
          time,
        );
      case "attribute":
        return this.#in(view, JSON.stringify(this.#indexed.map(({ number }) => resource.text(number))), time);
    }
  }

  #in(view: IdentityView, key: string, time: TelemetryTime): PodRecord | typeof AMBIGUOUS | undefined {
    return this.#index === undefined ? undefined : view.in(this.#index, key, time);
  }

  #fits(source: Source, resource: ResourceView, peerAddress: string, record: PodRecord, view: IdentityView): boolean {
    const { pod } = record;
    const { kind, number } = source;
    if (kind === "container") return this.instance?.record === record;
    const value = number < 0 ? peerAddress : resource.text(number);
    switch (kind) {
      case "uid":
        return value === pod.uid || value === record.staticUid;
      case "address":
        return !pod.hostNetwork && pod.podIps.includes(value);
      case "name":
        return value === pod.name;
      case "namespace":
        return value === pod.namespace;
      case "surroundings":
        return value === uidAround(source.name, record, view);
      case "attribute":
        return value === this.#attributes.of(record, this.#slot).get(source.name);
    }
  }

  #numberOf(kind: Kind): number {
    for (const source of this.#sources) if (source.kind === kind) return source.number;
    throw new Error(`rule ${this.label} has no source of kind ${kind}`);
  }

  #indexDefinition(
    config: RuleConfig,
    extraction: ExtractionConfig,
    kinds: ReadonlySet<Kind>,
  ): IndexDefinition | undefined {
    switch (this.#lookup) {
      case "container":
      case "uid":
        return undefined;
      case "address":
        return BY_IP;
      case "name":
      case "namespace":
        return BY_NAME;
      case "attribute":
        return {
          name: JSON.stringify([config, extraction]),
          keysOf: (pod, record) => {
            const attributes = this.#attributes.extract(pod, record);
            const values = this.#indexed.map(({ name }) => attributes.get(name));
            return values.length === 0 || values.includes(undefined) ? [] : [JSON.stringify(values)];
          },
          exclusive: kinds.has("name"),
        };
    }
  }
}

/** The pod attributes that a rule's sources mean, extracted whether or not resources are given them. */
class RuleAttributes {
  /** Of the slot in which they are kept with each record. */
  readonly name: string;
  readonly #extraction: Extraction;

  constructor(rule: RuleConfig, extraction: ExtractionConfig) {
    this.name = `attributes of rule ${JSON.stringify([rule, extraction])}`;
    this.#extraction = extractionOfRule(rule, extraction);
  }

  extract(pod: PodRecord["pod"], record: PodRecord): ReadonlyMap<string, string> {
    return this.#extraction.ofPod(pod, record);
  }

  of(record: PodRecord, slot: number): ReadonlyMap<string, string> {
    const kept = record.get(slot) as ReadonlyMap<string, string> | undefined;
    if (kept !== undefined) return kept;
    const attributes = this.extract(record.pod, record);
    record.put(slot, attributes);
    return attributes;
  }
}

/** What it takes to know the attributes that a rule asks for, besides those that are extracted anyway. */
export function extractionOfRule(rule: RuleConfig, extraction: ExtractionConfig): Extraction {
  const names = rule.sources.flatMap((source) => (source.from === "connection" ? [] : [source.name]));
  const isNeeded = names.some((name) => kindOf(name) === "attribute");
  return new Extraction({
    metadata: METADATA_NAMES.filter((name) => names.includes(name)),
    labels: isNeeded ? extraction.labels : [],
    annotations: isNeeded ? extraction.annotations : [],
    otelAnnotations: isNeeded && extraction.otelAnnotations,
    semconv: extraction.semconv,
    ...(extraction.patternLimits === undefined ? {} : { patternLimits: extraction.patternLimits }),
    ...(extraction.hash === undefined ? {} : { hash: extraction.hash }),
  });
}

/** The uid of the node that the pod is on, or of the cluster. */
function uidAround(name: string, record: PodRecord, view: IdentityView): string | undefined {
  return name === "k8s.node.uid"
    ? record.related("Node")?.object?.uid
    : view.object("Namespace", CLUSTER_NAMESPACE)?.object?.uid;
}

function compile(source: SourceConfig, names: AttributeNames): Source {
  if (source.from === "connection") return { kind: "address", name: CONNECTION, number: -1 };
  return { kind: kindOf(source.name), name: source.name, number: names.number(source.name) };
}

function kindOf(name: string): Kind {
  if (name === "container.id") return "container";
  if (name === "k8s.pod.uid") return "uid";
  if (name === "k8s.pod.name") return "name";
  if (name === "k8s.namespace.name") return "namespace";
  if (SURROUNDING_UIDS.includes(name)) return "surroundings";
  return ADDRESSES.includes(name) ? "address" : "attribute";
}

/** As metrics and errors call a source. */
export function sourceLabel(source: SourceConfig): string {
  return source.from === "connection" ? "connection" : `resource_attribute/${source.name}`;
}
