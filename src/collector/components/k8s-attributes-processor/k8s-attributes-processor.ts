import type { Component, ComponentContext, Consumer } from "#collector";
import type { ObjectKind } from "#kubernetes";
import {
  AMBIGUOUS,
  type ArrivalKey,
  type ContainerInstance,
  type IdentityHandle,
  type IdentityHub,
  type IdentityView,
  type MissReason,
  type ObjectRecord,
  type PodRecord,
  type UnresolvedKeys,
} from "#identity";
import {
  AttributeKeys,
  AttributeKind,
  encodeAttribute,
  type Payload,
  ResourceEditor,
  type ResourceView,
  type Signal,
} from "#otlp";
import { AssociationRule } from "./association.ts";
import { AddedNames, type AttributeBlock } from "./attribute-block.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { K8sAttributesConfig } from "./config.ts";
import { defaultAssociation } from "./default-association.ts";
import { type Enrichment, IGNORED } from "./enrichment.ts";
import type { EnrichmentObserver, RuleOutcome } from "./enrichment-observer.ts";
import { CLUSTER_NAMESPACE } from "./extraction.ts";
import { ItemTime } from "./item-time.ts";
import { Misses } from "./misses.ts";
import { wantedBy } from "./needs.ts";
import { PendingRequests } from "./pending-requests.ts";
import { ProcessorMetrics } from "./processor-metrics.ts";
import { hearsOfPods } from "./source-health.ts";
import type { VainKeys } from "./vain-keys.ts";

export interface K8sAttributesProcessorSettings {
  readonly context: ComponentContext;
  readonly config: K8sAttributesConfig;
  readonly signal: Signal;
  readonly next: Consumer;
  readonly hub: IdentityHub;
  readonly enrichment: Enrichment;
  /** Names the enrichment within the process. */
  readonly enrichmentName: string;
  /** What the pipelines of one processor share of those who wait. */
  readonly waits: { readonly budget: ByteBudget; readonly vain: VainKeys };
  /** Where to tell by which keys nobody was found. */
  readonly unresolved: UnresolvedKeys;
  readonly observer?: EnrichmentObserver;
}

/** Resources of one request that wait at most; each costs memory, and a sender decides how many there are. */
const MAX_UNKNOWN_RESOURCES = 10_000;

/**
 * Names pods: finds for each resource the pod that it came from and appends the pod's and the container's attributes
 * that the resource lacks. What can't be named goes on as it is. Nothing is decoded.
 *
 * A request with a pod that isn't known yet waits for it, for a short time and without being answered, so that nobody
 * has promised anything for what is only in memory (docs/decisions/0004-pending-requests.md). All others pass.
 */
export class K8sAttributesProcessor implements Component, Consumer {
  readonly #settings: K8sAttributesProcessorSettings;
  readonly #metrics: ProcessorMetrics;
  readonly #enrichment: Enrichment;
  readonly #observer: EnrichmentObserver | undefined;
  readonly #rules: readonly AssociationRule[];
  readonly #usesDefaultRules: boolean;
  readonly #handle: IdentityHandle | undefined;
  readonly #view: IdentityView | undefined;
  readonly #slot: number;
  readonly #stampsAddress: boolean;
  readonly #containerName: number;
  readonly #containerId: number;
  readonly #restartCount: number;
  readonly #podIp: number;
  readonly #namespace: number;
  readonly #serviceNamespace: number;
  /** Objects around pods that have something to give, each with the number of the attribute that names it. */
  readonly #surroundings: readonly { readonly kind: ObjectKind; readonly number: number }[];
  /** What blocks gave to the resource at hand; undefined where there is but one block a resource. */
  readonly #added: AddedNames | undefined;
  readonly #time = new ItemTime();
  /** Of what isn't named; undefined where nobody is to be. */
  readonly #misses: Misses | undefined;
  /** Requests that wait; undefined where nothing ever does. */
  readonly #pending: PendingRequests | undefined;
  /** Whether the request at hand may be held back, or was. */
  #mayWait = false;
  #waited = false;
  /** Of the request at hand: the keys of each resource that should wait. */
  #unknown: (readonly ArrivalKey[])[] = [];
  /** Keys of the resource at hand that are worth waiting for. */
  #keys: ArrivalKey[] = [];
  readonly #visit = (resource: ResourceView): void => this.#enrichResource(resource);
  #editor: ResourceEditor;
  /** Attribute names that the editor knows. */
  #known: number;
  /** Set while a request is looked at: a pod has an attribute that the editor doesn't know. */
  #outdated = false;
  #peerAddress = "";
  #droppedBefore = 0;
  #ended = false;

  constructor(settings: K8sAttributesProcessorSettings) {
    this.#settings = settings;
    const { context, config, signal, enrichment } = settings;
    const { names } = enrichment;
    const { extraction } = config.enrichment;
    this.#enrichment = enrichment;
    this.#observer = settings.observer;
    this.#usesDefaultRules = config.association.length === 0;
    const rules = this.#usesDefaultRules ? defaultAssociation(signal) : config.association;
    this.#rules = rules.map((rule) => new AssociationRule(rule, extraction, names));
    const labels = this.#rules.map(({ label }) => label);
    this.#metrics = new ProcessorMetrics(context.telemetry.metrics, context.id.text, signal, labels);
    this.#containerName = names.number("k8s.container.name");
    this.#containerId = names.number("container.id");
    this.#restartCount = names.number("k8s.container.restart_count");
    this.#podIp = names.number("k8s.pod.ip");
    this.#namespace = names.number("k8s.namespace.name");
    this.#serviceNamespace = names.number("service.namespace");
    for (const name of extraction.metadata) names.number(name);
    this.#surroundings = enrichment.extraction.surroundings.map(({ kind, attribute }) => ({
      kind,
      number: names.number(attribute),
    }));
    this.#added =
      this.#surroundings.length > 0 || enrichment.extraction.wants("service.namespace") ? new AddedNames() : undefined;
    this.#stampsAddress = config.source === undefined || extraction.metadata.includes("k8s.pod.ip");
    this.#slot = 0;
    this.#known = 0;
    if (config.source === undefined) {
      this.#editor = this.#newEditor();
      return;
    }
    const handle = settings.hub.join({
      source: config.source,
      ...wantedBy(config),
      keysName: JSON.stringify([extraction, config.association]),
      graceMs: config.graceMs,
    });
    this.#handle = handle;
    this.#view = handle.view;
    const { directory } = handle.view;
    this.#misses = new Misses({
      processor: context.id.text,
      signal,
      clock: context.telemetry.clock,
      config,
      rules: this.#rules,
      names,
      view: handle.view,
      unresolved: settings.unresolved,
      lastError: () => handle.state().lastError,
    });
    this.#editor = this.#newEditor();
    this.#slot = directory.openSlot(settings.enrichmentName);
    for (const rule of this.#rules) rule.open(directory);
    // A file tells all at once.
    if (config.pending === undefined || config.source.kind === "file") return;
    this.#pending = new PendingRequests({
      processor: context.id.text,
      signal,
      clock: context.telemetry.clock,
      metrics: context.telemetry.metrics,
      arrivals: directory.arrivals,
      maxWaitMs: config.pending.maxWaitMs,
      ...settings.waits,
      isSourceWell: () => directory.isSynced && hearsOfPods(handle.state()),
    });
  }

  async start(): Promise<void> {
    const { config, context } = this.#settings;
    for (const warning of config.warnings) context.telemetry.logger.warn(warning);
    if (this.#handle === undefined) return;
    await this.#handle.start();
    if (config.waitForMetadataMs === undefined) return;
    const result = await this.#handle.waitForSync(config.waitForMetadataMs);
    if (result.synced) {
      // Pods are named without them, and completed as soon as they come.
      if (result.missing.length > 0) context.telemetry.logger.warn(missingObjects(result.missing));
      return;
    }
    const { from, lastError } = result.state;
    throw new Error(
      `wait_for_metadata: no complete list of pods from ${from} within ${config.waitForMetadataMs} ms` +
        (lastError === undefined ? "" : `; last failure: ${lastError}`),
    );
  }

  async shutdown(): Promise<void> {
    if (this.#ended || this.#handle === undefined) return;
    // They still find what is known.
    this.#pending?.close();
    this.#ended = true;
    const { directory } = this.#handle.view;
    this.#misses?.close();
    for (const rule of this.#rules) rule.close(directory);
    directory.closeSlot(this.#settings.enrichmentName);
    await this.#handle.shutdown();
  }

  async consume(payload: Payload): Promise<void> {
    this.#metrics.incoming.add(payload.items);
    // The records' slots are given back by then, perhaps to somebody else.
    if (this.#ended) return this.#settings.next.consume(payload);
    this.#pending?.resumeReady();
    const named = this.#enrich(payload, true);
    if (this.#unknown.length > 0) {
      const unknown = this.#unknown;
      this.#unknown = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const resume = (): void => resolve(this.#resume(payload));
      this.#handle?.refresh();
      if (this.#pending!.hold(payload.bytes.length, unknown, resume)) {
        if (named !== payload) named.release();
        this.#discard();
        return promise;
      }
    }
    return this.#forward(payload, named);
  }

  /** Goes on with a request that waited. It is handed on before this returns, so that the order stays. */
  async #resume(payload: Payload): Promise<void> {
    this.#waited = true;
    const named = this.#enrich(payload, false);
    this.#waited = false;
    return this.#forward(payload, named);
  }

  async #forward(payload: Payload, named: Payload): Promise<void> {
    this.#metrics.commit();
    this.#misses?.commit();
    try {
      await this.#settings.next.consume(named);
      this.#metrics.outgoing.add(payload.items);
    } finally {
      if (named !== payload) named.release();
    }
  }

  /** @param mayWait whether to note in `#unknown` what is worth waiting for */
  #enrich(payload: Payload, mayWait: boolean): Payload {
    this.#mayWait = mayWait && this.#pending !== undefined;
    this.#peerAddress = payload.origin.peerAddress ?? "";
    this.#time.begin(payload.signal, payload.bytes);
    let named = this.#editor.edit(payload, this.#visit);
    // A pod brought a name that was never seen: once more, with an editor that looks for all names found by now.
    while (this.#outdated) {
      if (named !== payload) named.release();
      this.#discard();
      this.#unknown = [];
      this.#editor = this.#newEditor();
      this.#outdated = false;
      named = this.#editor.edit(payload, this.#visit);
    }
    this.#metrics.broken(this.#editor.malformed, this.#editor.unresolved);
    const { dropped } = this.#enrichment;
    this.#metrics.dropped.add(dropped - this.#droppedBefore);
    this.#droppedBefore = dropped;
    return named;
  }

  /** Forgets what was counted of the request at hand, which will be looked at again. */
  #discard(): void {
    this.#metrics.discard();
    this.#misses?.discard();
  }

  #enrichResource(resource: ResourceView): void {
    this.#added?.clear();
    this.#time.at(resource.index);
    if (this.#keys.length > 0) this.#keys = [];
    this.#observer?.begin();
    const found = this.#associate(resource);
    if (this.#view !== undefined) this.#applySurroundings(resource, found, this.#view);
  }

  /** Gives the resource what its pod and container have; returns the pod. */
  #associate(resource: ResourceView): PodRecord | undefined {
    let firstResolved = -1;
    let firstKey: ArrivalKey | undefined;
    let reason: MissReason = "no_identifier";
    for (let at = 0; at < this.#rules.length; at++) {
      const rule = this.#rules[at]!;
      if (!rule.resolves(resource, this.#peerAddress)) {
        this.#observer?.tried(at, "incomplete");
        continue;
      }
      // A profile's sender is an agent, so after a miss its address would name the agent's own pod.
      if (rule.usesConnection && firstResolved >= 0 && this.#settings.signal === "profiles") {
        this.#observer?.tried(at, "left_out");
        continue;
      }
      if (firstResolved < 0) firstResolved = at;
      if (this.#view === undefined) break;
      const found = rule.find(resource, this.#peerAddress, this.#view, this.#time);
      this.#observer?.tried(at, outcomeOf(found));
      if (found !== undefined && found !== AMBIGUOUS) {
        const block = this.#blockOf(resource, found, rule.instance);
        if (block === IGNORED) reason = "ignored";
        else if (block.namesNeeded > this.#known) this.#outdated = true;
        else {
          this.#metrics.hit(at);
          block.apply(resource, this.#added);
          this.#stampAddress(resource, rule, found);
        }
        // Who asked not to be named must not be named by another rule as somebody else.
        if (block === IGNORED) break;
        return found;
      }
      const key = rule.leadsNowhere ? rule.arrivalKey(resource, this.#peerAddress) : undefined;
      if (firstResolved === at) firstKey = key;
      const isGone = key !== undefined && this.#view.directory.departed.sinceOf(key) !== undefined;
      if (this.#mayWait) this.#noteKey(key);
      if (found === AMBIGUOUS) reason = "ambiguous";
      else if (reason === "no_identifier") {
        reason = !this.#view.directory.isSynced ? "not_synced" : rule.leadsNowhere ? "never_seen" : "mismatch";
      }
      if (reason === "never_seen" && isGone) {
        reason = "gone";
        firstKey = key;
      }
      if (this.#usesDefaultRules && this.#settings.signal !== "profiles") break;
      if (this.#settings.config.onMiss === "stop") break;
    }
    if (this.#keys.length > 0 && reason !== "ignored") this.#unknown.push(this.#keys);
    const rule = this.#rules[firstResolved];
    if (rule !== undefined) this.#stampAddress(resource, rule, undefined);
    if (this.#misses === undefined) return undefined;
    reason = this.#misses.note({
      resource,
      peerAddress: this.#peerAddress,
      reason,
      rule,
      key: firstKey,
      waited: this.#waited,
    });
    this.#metrics.miss(reason, firstResolved);
    this.#observer?.missed(reason);
    return undefined;
  }

  /** Remembers a key under which the resource's pod may still come to be known. */
  #noteKey(key: ArrivalKey | undefined): void {
    if (key === undefined || this.#unknown.length >= MAX_UNKNOWN_RESOURCES) return;
    if (this.#view!.directory.isHopeless(key)) return;
    if (this.#pending!.isWorthwhile(key)) this.#keys.push(key);
  }

  /**
   * Gives the resource what the objects around its pod have. Where there is no pod, or the pod doesn't tell, those count
   * that the resource names itself.
   */
  #applySurroundings(resource: ResourceView, record: PodRecord | undefined, view: IdentityView): void {
    for (const { kind, number } of this.#surroundings) {
      const object = objectOf(resource, record, kind, number, view);
      if (object !== undefined) this.#applyBlock(resource, this.#enrichment.ofObject(object, this.#slot));
    }
    const { extraction } = this.#enrichment;
    if (record !== undefined) {
      if (!extraction.wants("k8s.cluster.uid")) return;
      const uid = view.object("Namespace", CLUSTER_NAMESPACE)?.object?.uid;
      if (uid !== undefined) this.#applyBlock(resource, this.#enrichment.ofCluster(uid));
    } else if (extraction.wants("service.namespace") && !resource.nonEmpty(this.#serviceNamespace)) {
      const namespace = resource.text(this.#namespace);
      if (namespace === "" || this.#added?.has(this.#serviceNamespace) === true) return;
      if (resource.present(this.#serviceNamespace)) resource.remove(this.#serviceNamespace);
      resource.append(encodeAttribute("service.namespace", namespace));
    }
  }

  #applyBlock(resource: ResourceView, block: AttributeBlock): void {
    if (block.namesNeeded > this.#known) this.#outdated = true;
    else block.apply(resource, this.#added);
  }

  /** The attributes for a resource of that pod, of the container that the resource means. */
  #blockOf(
    resource: ResourceView,
    record: PodRecord,
    found: ContainerInstance | undefined,
  ): AttributeBlock | typeof IGNORED {
    let instance: ContainerInstance | undefined;
    if (resource.kind(this.#containerName) === AttributeKind.STRING && resource.nonEmpty(this.#containerName)) {
      const name = resource.text(this.#containerName);
      const restartCount = this.#restartCountOf(resource);
      if (restartCount === undefined) {
        // The id tells the run better than the name does.
        instance = found?.container.name === name ? found : record.current(name);
      } else {
        instance = record.run(name, restartCount);
        const current = record.current(name);
        if (instance === undefined && current !== undefined) {
          this.#observer?.found(record, current);
          return this.#enrichment.ofUnknownRun(current, this.#slot);
        }
      }
    } else if (found !== undefined) instance = found;
    else if (resource.kind(this.#containerId) === AttributeKind.STRING && resource.nonEmpty(this.#containerId)) {
      const { source } = resource;
      instance = this.#view!.container(source, resource.start(this.#containerId), resource.end(this.#containerId));
      if (instance?.record !== record) instance = undefined;
    } else instance = onlyAppContainer(record);
    this.#observer?.found(record, instance);
    return instance === undefined
      ? this.#enrichment.ofPod(record, this.#slot)
      : this.#enrichment.ofInstance(instance, this.#slot);
  }

  /** An int, or a string that holds one. */
  #restartCountOf(resource: ResourceView): number | undefined {
    const kind = resource.kind(this.#restartCount);
    if (kind === AttributeKind.INT) return resource.int(this.#restartCount);
    if (kind !== AttributeKind.STRING) return undefined;
    const text = resource.text(this.#restartCount);
    return /^\d+$/.test(text) ? Number(text) : undefined;
  }

  /** `k8s.pod.ip` from the connection that the rule went by, also for a pod that isn't known. */
  #stampAddress(resource: ResourceView, rule: AssociationRule, record: PodRecord | undefined): void {
    if (!this.#stampsAddress || !(rule.usesConnection || this.#usesDefaultRules)) return;
    // The pod's block has it already.
    if (record !== undefined && record.pod.podIps.length > 0) return;
    if (resource.nonEmpty(this.#podIp)) return;
    const address = rule.address(resource, this.#peerAddress);
    if (address === "") return;
    if (resource.present(this.#podIp)) resource.remove(this.#podIp);
    resource.append(encodeAttribute("k8s.pod.ip", address));
  }

  #newEditor(): ResourceEditor {
    const { names } = this.#enrichment;
    this.#known = names.size;
    return new ResourceEditor(new AttributeKeys(names.list()), this.#settings.context.buffers);
  }
}

/** The object of that kind that the pod belongs to, or that the resource names by its attribute `number`. */
function objectOf(
  resource: ResourceView,
  record: PodRecord | undefined,
  kind: ObjectKind,
  number: number,
  view: IdentityView,
): ObjectRecord | undefined {
  const related = record?.related(kind);
  if (related !== undefined) return related.object === undefined ? undefined : related;
  const key = resource.text(number);
  return key === "" ? undefined : view.object(kind, key);
}

function outcomeOf(found: PodRecord | typeof AMBIGUOUS | undefined): RuleOutcome {
  if (found === AMBIGUOUS) return "ambiguous";
  return found === undefined ? "unknown" : "found";
}

function missingObjects(kinds: readonly ObjectKind[]): string {
  return `wait_for_metadata: no complete list of ${kinds.join(", ")} yet; what they tell is missing until it comes`;
}

/** The container of a pod with a single one of its own: setup and debugging containers beside it don't count. */
function onlyAppContainer(record: PodRecord): ContainerInstance | undefined {
  let only: ContainerInstance | undefined;
  for (const instance of record.instances) {
    if (!instance.current || instance.container.kind !== "app") continue;
    if (only !== undefined) return undefined;
    only = instance;
  }
  return only;
}
