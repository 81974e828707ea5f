import { Int32Column } from "../profiles/columns.ts";
import { halvesOf } from "../profiles/model-builder.ts";
import type { ProfileRecord, ProfilesModel, ResourceRecord, Samples, ScopeRecord } from "../profiles/model.ts";
import { SamplesBuilder } from "../profiles/samples-builder.ts";
import { CONTAINER_ID, ContainerAttributes, normalContainerId } from "./container-id.ts";
import { editResource, resourceAttribute } from "./edit-resource.ts";
import { LossLog } from "./losses.ts";
import { ReferenceResolver } from "./references.ts";
import { type ConvertedModel, derivedId } from "./upgrade-profiles.ts";

/** Choices of a regrouping. */
export interface RegroupOptions {
  /** Containers of one resource at most; samples of further ones stay as they are, and are counted. */
  readonly maxGroups?: number;
  /** Resource attributes that say who the agent is; not copied to the containers that it watched. */
  readonly isAgentIdentity?: (key: string) => boolean;
}

const DEFAULT_MAX_GROUPS = 4096;
/** Bytes of copies of one resource; a large one makes fewer groups. */
const MAX_COPIED_BYTES = 64 << 20;

/** What a detector adds for the agent's own pod. `host.*`, `os.*`, `cloud.*`, node and cluster hold for all. */
const AGENT_PREFIXES = ["container.", "k8s.pod.", "k8s.container.", "process.", "service."];
const AGENT_WORKLOADS = /^k8s\.(namespace|deployment|replicaset|statefulset|daemonset|job|cronjob)\./;

function isAgentIdentity(key: string): boolean {
  return AGENT_PREFIXES.some((prefix) => key.startsWith(prefix)) || AGENT_WORKLOADS.test(key);
}

/** The group of samples that belong to no container, or to the one the resource names. */
const OWN = "";

/**
 * Early agents say on each sample which container it ran in; since June 2025 each container is a resource. Makes the
 * former the latter: one resource for each `container.id`, in order of their first sample, the attribute gone from
 * the samples, and ids in one spelling. Samples, their values and timestamps are moved, none is changed or lost.
 */
export function regroupByContainer(model: ProfilesModel, options: RegroupOptions = {}): ConvertedModel {
  const losses = new LossLog();
  const resolver = model.layout === "D10" ? new ReferenceResolver(model.dictionary.strings, losses) : undefined;
  const containers = new ContainerAttributes(model.dictionary, resolver);
  const resources: ResourceRecord[] = [];
  for (const [at, record] of model.resources.entries()) {
    losses.place = `resource_profiles[${at}]`;
    const resource = resolver ? resolver.resolve(record.resource, "resource") : record.resource;
    const spelled = resourceAttribute(resource, CONTAINER_ID);
    const id = typeof spelled === "string" ? normalContainerId(spelled) : undefined;
    const own = { ...record, resource: id === spelled && id !== "" ? resource : withId(resource, id ?? "", losses) };
    if (containers.any) resources.push(...new ResourceSplit(own, id, containers, losses, options).run());
    else resources.push(own);
  }
  return { model: { ...model, resources }, losses: losses.list() };
}

/** The resource with its id in the one spelling, or without one that is empty. */
function withId(resource: Uint8Array, id: string, losses: LossLog): Uint8Array {
  if (id !== "") return editResource(resource, () => false, [[CONTAINER_ID, id]], losses);
  const isEmpty = resourceAttribute(resource, CONTAINER_ID) === "";
  return isEmpty ? editResource(resource, (key) => key === CONTAINER_ID, [], losses) : resource;
}

/** Scopes of one group, each with its profiles. */
type GroupScopes = { record: ScopeRecord; profiles: ProfileRecord[] }[];

class ResourceSplit {
  readonly #record: ResourceRecord;
  readonly #ownId: string | undefined;
  readonly #containers: ContainerAttributes;
  readonly #losses: LossLog;
  readonly #options: RegroupOptions;
  /** In order of first appearance. */
  readonly #groups = new Map<string, GroupScopes>();

  constructor(
    record: ResourceRecord,
    ownId: string | undefined,
    containers: ContainerAttributes,
    losses: LossLog,
    options: RegroupOptions,
  ) {
    this.#record = record;
    this.#ownId = ownId;
    this.#containers = containers;
    this.#losses = losses;
    this.#options = options;
  }

  run(): ResourceRecord[] {
    const { place } = this.#losses;
    for (const [scopeAt, scope] of this.#record.scopes.entries()) {
      for (const [profileAt, profile] of scope.profiles.entries()) {
        this.#losses.place = `${place}.scope_profiles[${scopeAt}].profiles[${profileAt}]`;
        this.#profile(scope, profile);
      }
    }
    this.#losses.place = place;
    if (this.#groups.size === 0) return [this.#record];
    return [...this.#groups].map(([id, scopes], at) => ({
      ...this.#record,
      resource: id === OWN ? this.#record.resource : this.#resourceOf(id),
      scopes: scopes.map(({ record, profiles }) => ({ ...record, profiles })),
      unknown: at === 0 ? this.#record.unknown : undefined,
    }));
  }

  #profile(scope: ScopeRecord, profile: ProfileRecord): void {
    const whole = profile.attributes.find((attribute) => this.#containers.has(attribute));
    const wholeId = whole === undefined ? undefined : this.#containers.id(whole);
    if (whole !== undefined && wholeId === undefined) this.#losses.add("container-id");
    if (wholeId !== undefined) {
      const attributes = profile.attributes.filter((attribute) => !this.#containers.has(attribute));
      this.#add(this.#groupOf(wholeId) ?? OWN, scope, { ...profile, attributes });
      return;
    }
    const parts = this.#partition(profile.samples);
    if (parts === undefined) {
      this.#add(OWN, scope, profile);
      return;
    }
    let ordinal = 0;
    for (const [id, samples] of parts) {
      this.#add(id, scope, partOf(profile, samples, id, ordinal++, parts.size));
    }
    if (parts.size > 1 && profile.originalPayload.length > 0) this.#losses.add("original-payload");
  }

  #add(id: string, scope: ScopeRecord, profile: ProfileRecord): void {
    let scopes = this.#groups.get(id);
    if (!scopes) this.#groups.set(id, (scopes = []));
    const last = scopes.at(-1);
    if (last?.record === scope) last.profiles.push(profile);
    else scopes.push({ record: scope, profiles: [profile] });
  }

  /** The group of an id; undefined when there are too many. */
  #groupOf(id: string): string | undefined {
    if (id === OWN || id === this.#ownId) return OWN;
    if (this.#groups.has(id) || this.#groups.size < this.#mostGroups()) return id;
    this.#losses.add("container-groups");
    return undefined;
  }

  #mostGroups(): number {
    const { resource } = this.#record;
    const copies = Math.floor(MAX_COPIED_BYTES / Math.max(1, resource.length));
    return Math.min(this.#options.maxGroups ?? DEFAULT_MAX_GROUPS, Math.max(1, copies));
  }

  /** Samples by group in order of first appearance; undefined where none has an id. */
  #partition(samples: Samples): Map<string, Samples> | undefined {
    const containers = this.#containers;
    if (!samples.attributes.some((attribute) => containers.has(attribute))) return undefined;
    const builders = new Map<string, SamplesBuilder>();
    const copy = new SampleCopy(samples);
    for (let at = 0; at < samples.length; at++) {
      const found = this.#groupOfSample(samples, at);
      const group = found ?? OWN;
      let builder = builders.get(group);
      if (!builder) {
        builders.set(group, (builder = new SamplesBuilder()));
        // Counts towards the limit before its profile is complete.
        if (!this.#groups.has(group)) this.#groups.set(group, []);
      }
      copy.to(builder, at, found === undefined ? undefined : containers);
    }
    return new Map([...builders].map(([group, builder]) => [group, builder.finish()]));
  }

  /** Undefined: the sample stays with all its attributes. */
  #groupOfSample(samples: Samples, at: number): string | undefined {
    let id: string | undefined;
    let seen = 0;
    for (let one = samples.attributeOffsets[at]!; one < samples.attributeOffsets[at + 1]!; one++) {
      const attribute = samples.attributes[one]!;
      if (!this.#containers.has(attribute)) continue;
      if (seen++ === 0) id = this.#containers.id(attribute);
    }
    if (seen === 0) return OWN;
    if (id === undefined) {
      this.#losses.add("container-id");
      return undefined;
    }
    this.#losses.add("duplicate-attribute", seen - 1);
    return this.#groupOf(id);
  }

  #resourceOf(id: string): Uint8Array {
    const { resource } = this.#record;
    const agent = this.#options.isAgentIdentity ?? isAgentIdentity;
    // Another id on the resource is the agent's own. Without one, only the version of a service without name is.
    const hasName = resourceAttribute(resource, "service.name") !== undefined;
    const drops = (key: string): boolean =>
      this.#ownId !== undefined && this.#ownId !== "" ? agent(key) : key === "service.version" && !hasName;
    return editResource(resource, drops, [[CONTAINER_ID, id]], this.#losses);
  }
}

/** One group's part of a profile. What is of the whole only goes with it when it stays whole. */
function partOf(profile: ProfileRecord, samples: Samples, id: string, ordinal: number, parts: number): ProfileRecord {
  if (parts === 1) return { ...profile, samples };
  return {
    ...profile,
    samples,
    profileId: ordinal === 0 ? profile.profileId : derivedId(profile.profileId, `container ${id}`),
    originalPayload: EMPTY,
    originalPayloadFormat: "",
    lostSamples: ordinal === 0 ? profile.lostSamples : 0,
    unknown: ordinal === 0 ? profile.unknown : undefined,
  };
}

/** Copies single samples of one profile. */
class SampleCopy {
  readonly #from: Samples;
  readonly #values: Int32Array;
  readonly #timestamps: Int32Array;

  constructor(from: Samples) {
    this.#from = from;
    this.#values = halvesOf(from.values);
    this.#timestamps = halvesOf(from.timestamps);
  }

  /** @param without attributes that are left out */
  to(builder: SamplesBuilder, at: number, without: ContainerAttributes | undefined): void {
    const from = this.#from;
    for (let one = from.attributeOffsets[at]!; one < from.attributeOffsets[at + 1]!; one++) {
      const attribute = from.attributes[one]!;
      if (!without?.has(attribute)) builder.attributes.push(attribute);
    }
    for (let one = from.valueOffsets[at]!; one < from.valueOffsets[at + 1]!; one++) {
      builder.values.push(this.#values[one * 2]!, this.#values[one * 2 + 1]!);
    }
    for (let one = from.timestampOffsets[at]!; one < from.timestampOffsets[at + 1]!; one++) {
      builder.timestamps.push(this.#timestamps[one * 2]!, this.#timestamps[one * 2 + 1]!);
    }
    if (from.stacktraceId) (builder.stacktraceId ??= new Int32Column()).push(from.stacktraceId[at]!);
    const unknown = from.unknown.size > 0 ? from.unknown.get(at) : undefined;
    if (unknown) builder.unknown.set(builder.length, unknown);
    builder.close(from.stack[at]!, from.link[at]!);
  }
}

const EMPTY = new Uint8Array(0);
