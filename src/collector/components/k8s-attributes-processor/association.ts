import { isIP } from "node:net";
import {
  AMBIGUOUS,
  BY_IP,
  BY_NAME,
  type ContainerInstance,
  type Directory,
  type IdentityView,
  type IndexDefinition,
  type PodIndex,
  podNameKey,
  type PodRecord,
} from "#identity";
import { AttributeKind, type ResourceView } from "#otlp";
import type { AttributeNames } from "./attribute-block.ts";
import { Extraction, type ExtractionConfig } from "./extraction.ts";
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

/** How a source names a pod, the surest first: a rule looks up by the first of its kinds and checks the others. */
const KINDS = ["container", "uid", "address", "name", "namespace", "attribute"] as const;
type Kind = (typeof KINDS)[number];

interface Source {
  readonly kind: Kind;
  /** The attribute's name, or "connection". */
  readonly name: string;
  /** The attribute's number; -1 for the connection. */
  readonly number: number;
}

/** One rule, ready for use. */
export class AssociationRule {
  /** As metrics call it, e.g. `resource_attribute/container.id`. */
  readonly label: string;
  readonly usesConnection: boolean;
  readonly #sources: readonly Source[];
  readonly #lookup: Kind;
  readonly #definition: IndexDefinition | undefined;
  readonly #attributes: RuleAttributes;
  #index: PodIndex | undefined;
  /** The container run that the last `find` found, where it looked up one. */
  instance: ContainerInstance | undefined;

  constructor(config: RuleConfig, extraction: ExtractionConfig, names: AttributeNames) {
    this.label = config.sources.map(sourceLabel).join(",");
    this.usesConnection = config.sources.some((source) => source.from === "connection");
    this.#sources = config.sources.map((source) => compile(source, names));
    this.#attributes = new RuleAttributes(config, extraction);
    const kinds = new Set(this.#sources.map(({ kind }) => kind));
    const surest = KINDS.find((kind) => kinds.has(kind)) ?? "attribute";
    // A name without its namespace, or the reverse, is an attribute like others.
    const named = surest === "name" && kinds.has("namespace");
    this.#lookup = surest === "name" || surest === "namespace" ? (named ? "name" : "attribute") : surest;
    this.#definition = this.#indexDefinition(config, extraction, kinds);
  }

  /** Labels and annotations that the rule needs beyond those that are extracted. */
  get keys(): Extraction["keys"] {
    return this.#attributes.keys;
  }

  /** Opens what the rule looks up in. */
  open(directory: Directory): void {
    if (this.#definition !== undefined) this.#index ??= directory.openIndex(this.#definition);
  }

  close(directory: Directory): void {
    if (this.#index !== undefined) directory.closeIndex(this.#index);
    this.#index = undefined;
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

  /** The address that the rule goes by; empty for one without connection. Only after `resolves`. */
  address(resource: ResourceView, peerAddress: string): string {
    for (const { kind, number } of this.#sources) {
      if (kind === "address") return number < 0 ? peerAddress : resource.text(number);
    }
    return "";
  }

  /** The pod of a resource for which the rule resolves. Allocates nothing where it goes by container or uid alone. */
  find(resource: ResourceView, peerAddress: string, view: IdentityView): PodRecord | typeof AMBIGUOUS | undefined {
    this.instance = undefined;
    const found = this.#lookUp(resource, peerAddress, view);
    if (found === undefined || found === AMBIGUOUS || this.#sources.length === 1) return found;
    for (const source of this.#sources) if (!this.#fits(source, resource, peerAddress, found)) return undefined;
    return found;
  }

  #lookUp(resource: ResourceView, peerAddress: string, view: IdentityView): PodRecord | typeof AMBIGUOUS | undefined {
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
        return this.#in(view, this.address(resource, peerAddress));
      case "name":
      case "namespace":
        return this.#in(
          view,
          podNameKey(resource.text(this.#numberOf("namespace")), resource.text(this.#numberOf("name"))),
        );
      case "attribute":
        return this.#in(view, JSON.stringify(this.#sources.map(({ number }) => resource.text(number))));
    }
  }

  #in(view: IdentityView, key: string): PodRecord | typeof AMBIGUOUS | undefined {
    return this.#index === undefined ? undefined : view.in(this.#index, key);
  }

  #fits(source: Source, resource: ResourceView, peerAddress: string, record: PodRecord): boolean {
    const { pod } = record;
    const { kind, number } = source;
    if (kind === "container") return this.instance?.record === record;
    const value = number < 0 ? peerAddress : resource.text(number);
    switch (kind) {
      case "uid":
        return value === pod.uid;
      case "address":
        return !pod.hostNetwork && pod.podIps.includes(value);
      case "name":
        return value === pod.name;
      case "namespace":
        return value === pod.namespace;
      case "attribute":
        return value === this.#attributes.of(record).get(source.name);
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
          keysOf: (pod) => {
            const attributes = this.#attributes.extract(pod);
            const values = this.#sources.map(({ name }) => attributes.get(name));
            return values.includes(undefined) ? [] : [JSON.stringify(values)];
          },
          exclusive: kinds.has("name"),
        };
    }
  }
}

/** The pod attributes that a rule's sources mean, extracted whether or not resources are given them. */
class RuleAttributes {
  readonly #extraction: Extraction;
  readonly #needed: boolean;
  /** Recently asked, by record: the pod it was made of, and what came of it. */
  readonly #kept = new WeakMap<PodRecord, { pod: PodRecord["pod"]; attributes: ReadonlyMap<string, string> }>();

  constructor(rule: RuleConfig, extraction: ExtractionConfig) {
    const names = rule.sources.flatMap((source) => (source.from === "connection" ? [] : [source.name]));
    const metadata = METADATA_NAMES.filter((name) => names.includes(name));
    this.#needed = names.some((name) => kindOf(name) === "attribute");
    this.#extraction = new Extraction({ ...extraction, metadata });
  }

  get keys(): Extraction["keys"] {
    return this.#needed ? this.#extraction.keys : { label: () => false, annotation: () => false };
  }

  extract(pod: PodRecord["pod"]): ReadonlyMap<string, string> {
    return this.#extraction.ofPod(pod);
  }

  of(record: PodRecord): ReadonlyMap<string, string> {
    const kept = this.#kept.get(record);
    if (kept?.pod === record.pod) return kept.attributes;
    const attributes = this.extract(record.pod);
    this.#kept.set(record, { pod: record.pod, attributes });
    return attributes;
  }
}

function compile(source: SourceConfig, names: AttributeNames): Source {
  if (source.from === "connection") return { kind: "address", name: "connection", number: -1 };
  return { kind: kindOf(source.name), name: source.name, number: names.number(source.name) };
}

function kindOf(name: string): Kind {
  if (name === "container.id") return "container";
  if (name === "k8s.pod.uid") return "uid";
  if (name === "k8s.pod.name") return "name";
  if (name === "k8s.namespace.name") return "namespace";
  return ADDRESSES.includes(name) ? "address" : "attribute";
}

/** As metrics and errors call a source. */
export function sourceLabel(source: SourceConfig): string {
  return source.from === "connection" ? "connection" : `resource_attribute/${source.name}`;
}
