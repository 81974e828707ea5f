import type { Component, ComponentContext, Consumer } from "#collector";
import {
  AMBIGUOUS,
  type ContainerInstance,
  type IdentityHandle,
  type IdentityHub,
  type IdentityView,
  type PodRecord,
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
import type { AttributeBlock } from "./attribute-block.ts";
import type { K8sAttributesConfig } from "./config.ts";
import { defaultAssociation } from "./default-association.ts";
import { type Enrichment, IGNORED } from "./enrichment.ts";
import { type MissReason, ProcessorMetrics } from "./processor-metrics.ts";

export interface K8sAttributesProcessorSettings {
  readonly context: ComponentContext;
  readonly config: K8sAttributesConfig;
  readonly signal: Signal;
  readonly next: Consumer;
  readonly hub: IdentityHub;
  readonly enrichment: Enrichment;
  /** Names the enrichment within the process. */
  readonly enrichmentName: string;
}

/**
 * Names pods: finds for each resource the pod that it came from and appends the pod's and the container's attributes
 * that the resource lacks. What can't be named goes on as it is. Nothing waits here, and nothing is decoded.
 */
export class K8sAttributesProcessor implements Component, Consumer {
  readonly #settings: K8sAttributesProcessorSettings;
  readonly #metrics: ProcessorMetrics;
  readonly #enrichment: Enrichment;
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
    this.#usesDefaultRules = config.association.length === 0;
    const rules = this.#usesDefaultRules ? defaultAssociation(signal) : config.association;
    this.#rules = rules.map((rule) => new AssociationRule(rule, extraction, names));
    const labels = this.#rules.map(({ label }) => label);
    this.#metrics = new ProcessorMetrics(context.telemetry.metrics, context.id.text, signal, labels);
    this.#containerName = names.number("k8s.container.name");
    this.#containerId = names.number("container.id");
    this.#restartCount = names.number("k8s.container.restart_count");
    this.#podIp = names.number("k8s.pod.ip");
    for (const name of extraction.metadata) names.number(name);
    this.#stampsAddress = config.source === undefined || extraction.metadata.includes("k8s.pod.ip");
    this.#known = names.size;
    this.#editor = this.#newEditor();
    this.#slot = 0;
    if (config.source === undefined) return;
    const filters = [enrichment.extraction.keys, ...this.#rules.map(({ keys }) => keys)];
    this.#handle = settings.hub.join({
      source: config.source,
      keys: {
        label: (key) => filters.some((filter) => filter.label(key)),
        annotation: (key) => filters.some((filter) => filter.annotation(key)),
      },
      keysName: JSON.stringify([extraction, config.association]),
      graceMs: config.graceMs,
    });
    this.#view = this.#handle.view;
    const { directory } = this.#view;
    this.#slot = directory.openSlot(settings.enrichmentName);
    for (const rule of this.#rules) rule.open(directory);
  }

  async start(): Promise<void> {
    const { config, context } = this.#settings;
    for (const warning of config.warnings) context.telemetry.logger.warn(warning);
    if (this.#handle === undefined) return;
    await this.#handle.start();
    if (config.waitForMetadataMs === undefined) return;
    const result = await this.#handle.waitForSync(config.waitForMetadataMs);
    if (result.synced) return;
    const { from, lastError } = result.state;
    throw new Error(
      `wait_for_metadata: no complete list of pods from ${from} within ${config.waitForMetadataMs} ms` +
        (lastError === undefined ? "" : `; last failure: ${lastError}`),
    );
  }

  async shutdown(): Promise<void> {
    if (this.#ended || this.#handle === undefined) return;
    this.#ended = true;
    const { directory } = this.#handle.view;
    for (const rule of this.#rules) rule.close(directory);
    directory.closeSlot(this.#settings.enrichmentName);
    await this.#handle.shutdown();
  }

  async consume(payload: Payload): Promise<void> {
    const { items } = payload;
    this.#metrics.incoming.add(items);
    // The records' slots are given back by then, perhaps to somebody else.
    if (this.#ended) return this.#settings.next.consume(payload);
    const named = this.#enrich(payload);
    try {
      await this.#settings.next.consume(named);
      this.#metrics.outgoing.add(items);
    } finally {
      if (named !== payload) named.release();
    }
  }

  #enrich(payload: Payload): Payload {
    this.#peerAddress = payload.origin.peerAddress ?? "";
    let named = this.#editor.edit(payload, this.#visit);
    // A pod brought a name that was never seen: once more, with an editor that looks for all names found by now.
    while (this.#outdated) {
      if (named !== payload) named.release();
      this.#metrics.discard();
      this.#editor = this.#newEditor();
      this.#outdated = false;
      named = this.#editor.edit(payload, this.#visit);
    }
    this.#metrics.commit();
    this.#metrics.malformed.add(this.#editor.malformed);
    this.#metrics.unresolved.add(this.#editor.unresolved);
    const { dropped } = this.#enrichment;
    this.#metrics.dropped.add(dropped - this.#droppedBefore);
    this.#droppedBefore = dropped;
    return named;
  }

  #enrichResource(resource: ResourceView): void {
    let firstResolved = -1;
    let reason: MissReason = "no_identifier";
    for (let at = 0; at < this.#rules.length; at++) {
      const rule = this.#rules[at]!;
      if (!rule.resolves(resource, this.#peerAddress)) continue;
      // A profile's sender is an agent, so after a miss its address would name the agent's own pod.
      if (rule.usesConnection && firstResolved >= 0 && this.#settings.signal === "profiles") continue;
      if (firstResolved < 0) firstResolved = at;
      if (this.#view === undefined) break;
      const found = rule.find(resource, this.#peerAddress, this.#view);
      if (found !== undefined && found !== AMBIGUOUS) {
        const block = this.#blockOf(resource, found, rule.instance);
        if (block === IGNORED) reason = "ignored";
        else if (block.namesNeeded > this.#known) this.#outdated = true;
        else {
          this.#metrics.hit(at);
          block.apply(resource);
          this.#stampAddress(resource, rule, found);
        }
        // Who asked not to be named must not be named by another rule as somebody else.
        if (block === IGNORED) break;
        return;
      }
      if (found === AMBIGUOUS) reason = "ambiguous";
      else if (reason === "no_identifier") reason = this.#view.directory.isSynced ? "unknown_pod" : "not_synced";
      if (this.#usesDefaultRules && this.#settings.signal !== "profiles") break;
      if (this.#settings.config.onMiss === "stop") break;
    }
    if (firstResolved >= 0) this.#stampAddress(resource, this.#rules[firstResolved]!, undefined);
    if (this.#view !== undefined) this.#metrics.miss(reason, firstResolved);
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
        if (instance === undefined && current !== undefined) return this.#enrichment.ofUnknownRun(current, this.#slot);
      }
    } else if (found !== undefined) instance = found;
    else if (resource.kind(this.#containerId) === AttributeKind.STRING && resource.nonEmpty(this.#containerId)) {
      const { source } = resource;
      instance = this.#view!.container(source, resource.start(this.#containerId), resource.end(this.#containerId));
      if (instance?.record !== record) instance = undefined;
    } else instance = onlyAppContainer(record);
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
