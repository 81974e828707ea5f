import type { Consumer } from "#collector";
import {
  AMBIGUOUS,
  BY_NAME,
  type ContainerInstance,
  type IdentityHandle,
  type MissReason,
  type PodRecord,
  podNameKey,
  type SourceState,
  type SyncResult,
} from "#identity";
import type { KeyFilter } from "#kubernetes";
import {
  type AttributeMap,
  type AttributeValue,
  decodeResources,
  encodeAttribute,
  INTERNAL_ORIGIN,
  Payload,
  type Signal,
} from "#otlp";
import { MessageBuffer, Writer } from "#wire";
import { type RuleConfig, sourceLabel } from "./association.ts";
import type { K8sAttributesConfig } from "./config.ts";
import { defaultAssociation } from "./default-association.ts";
import type { EnrichmentObserver, RuleOutcome } from "./enrichment-observer.ts";
import { K8sAttributesProcessor, type K8sAttributesProcessorSettings } from "./k8s-attributes-processor.ts";
import { type LeftOutKey, leftOutKeys } from "./left-out.ts";
import { wantedBy } from "./needs.ts";
import { Origins } from "./origins.ts";
import { SURROUNDINGS } from "./rule-objects.ts";

export type { LeftOutKey } from "./left-out.ts";

/** An association rule and what became of it; `not_tried` stands behind the one that decided. */
export interface ExplainedRule {
  /** As metrics call it, e.g. `resource_attribute/container.id`. */
  readonly rule: string;
  readonly outcome: RuleOutcome | "not_tried";
}

/** An attribute that a resource leaves with. */
export interface ExplainedAttribute {
  readonly name: string;
  readonly value: AttributeValue;
  /** Where the value comes from, for people; `the resource` for what was there. */
  readonly origin: string;
}

/** What a processor does to one resource, and why. */
export interface Explanation {
  readonly rules: readonly ExplainedRule[];
  /** Why it isn't named; undefined for one that is. */
  readonly missed: MissReason | undefined;
  /** The pod that was found, also where it is not to be named. */
  readonly pod:
    { readonly namespace: string; readonly name: string; readonly uid: string; readonly node: string } | undefined;
  readonly container:
    { readonly name: string; readonly kind: string; readonly id: string; readonly restartCount: number } | undefined;
  readonly attributes: readonly ExplainedAttribute[];
}

/** What would leave the node for a pod. */
export interface PodExplanation {
  /** One for each container. */
  readonly containers: readonly Explanation[];
  /** Labels and annotations that rules match and leave out, by object, e.g. `pod shop/web-1`. */
  readonly leftOut: readonly (LeftOutKey & { readonly object: string })[];
}

/** A processor's settings, to be completed by what it gives to and who listens. */
export type SettingsFor = (next: Consumer, observer: EnrichmentObserver) => K8sAttributesProcessorSettings;

const EVERY_KEY: KeyFilter = { label: () => true, annotation: () => true };

// Field numbers that all signals share: opentelemetry-proto collector/*/v1 and below.
const RESOURCES = 1;
const RESOURCE = 1;
const SCOPES = 2;
const RECORDS = 2;

/** Times by which the processor goes: Span.end_time_unix_nano, NumberDataPoint, LogRecord and Profile.time_unix_nano. */
const TIMES: Readonly<Record<Signal, number>> = { traces: 8, metrics: 3, logs: 1, profiles: 3 };
/** Metric.gauge, and its data_points. */
const GAUGE = 5;
const DATA_POINTS = 1;

/**
 * Says what a processor does to a resource, by letting a real one do it: it has the processor's directory, its rules and
 * its bytes, and listens. Knows what the cluster knows now; of pods that are gone only a running collector knows.
 */
export class Explainer {
  readonly #processor: K8sAttributesProcessor;
  readonly #settings: K8sAttributesProcessorSettings;
  readonly #rules: readonly RuleConfig[];
  readonly #trace = new Trace();
  readonly #handle: IdentityHandle | undefined;
  #out: AttributeMap = new Map();

  constructor(settingsFor: SettingsFor) {
    const next: Consumer = {
      consume: (payload) => Promise.resolve(void (this.#out = decodeResources(payload)[0]?.attributes ?? new Map())),
    };
    const settings = (this.#settings = settingsFor(next, this.#trace));
    const { config, signal, hub } = settings;
    this.#rules = config.association.length === 0 ? defaultAssociation(signal) : config.association;
    this.#processor = new K8sAttributesProcessor(settings);
    if (config.source === undefined) return;
    // What rules leave out is kept as well, to be told.
    const objects = new Map([...wantedBy(config).objects].map(([kind, need]) => [kind, { ...need, keys: EVERY_KEY }]));
    this.#handle = hub.join({
      source: config.source,
      keys: EVERY_KEY,
      objects,
      keysName: "everything",
      graceMs: config.graceMs,
    });
  }

  /** Starts and waits for the first lists; undefined where there is nothing to wait for. */
  async start(timeoutMs: number): Promise<SyncResult | undefined> {
    await this.#handle?.start();
    await this.#processor.start();
    return this.#handle?.waitForSync(timeoutMs);
  }

  /** How it is with each place where pods are learned from; none where nobody is to be named. */
  sources(): readonly SourceState[] {
    const state = this.#handle?.state();
    return state === undefined ? [] : (state.parts ?? [state]);
  }

  /** @param timeMs when the telemetry was made; undefined for no time */
  async resource(given: AttributeMap, peerAddress: string, timeMs: number | undefined): Promise<Explanation> {
    const { config, signal } = this.#settings;
    const bytes = requestOf(signal, given, timeMs);
    const payload = new Payload(signal, MessageBuffer.copyOf(bytes), { ...INTERNAL_ORIGIN, peerAddress });
    try {
      await this.#processor.consume(payload);
    } finally {
      payload.release();
    }
    const { record, instance, outcomes, reason } = this.#trace;
    const origins = new Origins(config.enrichment.extraction, this.#handle?.view);
    const found = { record, instance };
    return {
      rules: this.#rules.map(({ sources }, at) => ({
        rule: sources.map(sourceLabel).join(","),
        outcome: outcomes.get(at) ?? "not_tried",
      })),
      missed: reason,
      pod: record && {
        namespace: record.pod.namespace,
        name: record.pod.name,
        uid: record.pod.uid,
        node: record.pod.nodeName,
      },
      container: instance && {
        name: instance.container.name,
        kind: instance.container.kind,
        id: instance.id,
        restartCount: instance.restartCount,
      },
      attributes: [...this.#out].map(([name, value]) => {
        const before = given.get(name);
        const isGiven = before !== undefined && before !== "";
        const origin = isGiven ? "the resource" : (origins.of(name, value, found, given) ?? "unknown");
        return { name, value, origin };
      }),
    };
  }

  /** What would leave the node for that pod, whatever rule would find it; undefined for one that isn't known. */
  async pod(namespace: string, name: string): Promise<PodExplanation | undefined> {
    const view = this.#handle?.view;
    if (view === undefined) return undefined;
    const index = view.directory.openIndex(BY_NAME);
    const record = view.in(index, podNameKey(namespace, name));
    view.directory.closeIndex(index);
    if (record === undefined || record === AMBIGUOUS) return undefined;
    const containers: Explanation[] = [];
    for (const instance of record.instances.filter(({ current }) => current)) {
      containers.push(await this.#container(record, instance));
    }
    return { containers, leftOut: this.#leftOut(record) };
  }

  /** The container is named by attributes of its own, which leave only if they are asked for. */
  async #container(record: PodRecord, instance: ContainerInstance): Promise<Explanation> {
    const { extraction } = this.#settings.config.enrichment;
    const identity = new Map([
      ["k8s.pod.uid", record.pod.uid],
      ["k8s.container.name", instance.container.name],
    ]);
    const explained = await this.resource(identity, "", undefined);
    const origins = new Origins(extraction, this.#handle?.view);
    const found = { record, instance };
    const attributes = explained.attributes.flatMap((attribute) => {
      const { name, value } = attribute;
      if (!identity.has(name)) return [attribute];
      const origin = origins.of(name, value, found, new Map());
      return origin === undefined || explained.missed !== undefined ? [] : [{ name, value, origin }];
    });
    return { ...explained, attributes };
  }

  #leftOut(record: PodRecord): (LeftOutKey & { readonly object: string })[] {
    const { extraction } = this.#settings.config.enrichment;
    const { pod } = record;
    const around = SURROUNDINGS.flatMap(({ kind, from }) => {
      const object = record.related(kind)?.object;
      return object === undefined ? [] : [{ from, object, text: `${kind} ${object.name}` }];
    });
    return [{ from: "pod" as const, object: pod, text: `pod ${pod.namespace}/${pod.name}` }, ...around].flatMap(
      ({ from, object, text }) => leftOutKeys(extraction, from, object).map((key) => ({ ...key, object: text })),
    );
  }

  async shutdown(): Promise<void> {
    await this.#processor.shutdown();
    await this.#handle?.shutdown();
  }
}

/**
 * The configuration with nothing but that pod in view, found by its uid; undefined where the filter is for another
 * namespace. What is added to resources stays the same.
 *
 * @param filtered whether the filter counts
 */
export function aimedAt(
  config: K8sAttributesConfig,
  namespace: string,
  name: string,
  filtered: boolean,
): K8sAttributesConfig | undefined {
  const association: RuleConfig[] = [{ sources: [{ from: "resource_attribute", name: "k8s.pod.uid" }] }];
  if (config.source?.kind !== "api") return { ...config, association };
  const { selection } = config.source;
  if (filtered && selection.namespace !== undefined && selection.namespace !== namespace) return undefined;
  const fields = [
    ...(filtered && selection.fieldSelector !== undefined ? [selection.fieldSelector] : []),
    `metadata.name=${name}`,
  ];
  const aimed = { ...(filtered ? selection : {}), namespace, fieldSelector: fields.join(",") };
  return { ...config, association, source: { ...config.source, selection: aimed } };
}

/** What was decided about the resource at hand. */
class Trace implements EnrichmentObserver {
  readonly outcomes = new Map<number, RuleOutcome>();
  record: PodRecord | undefined;
  instance: ContainerInstance | undefined;
  reason: MissReason | undefined;

  begin(): void {
    this.outcomes.clear();
    this.record = undefined;
    this.instance = undefined;
    this.reason = undefined;
  }

  tried(rule: number, outcome: RuleOutcome): void {
    this.outcomes.set(rule, outcome);
  }

  found(record: PodRecord, instance: ContainerInstance | undefined): void {
    this.record = record;
    this.instance = instance;
  }

  missed(reason: MissReason): void {
    this.reason = reason;
  }
}

/** A request with one resource and, where there is a time, one record. */
function requestOf(signal: Signal, attributes: AttributeMap, timeMs: number | undefined): Uint8Array {
  const writer = new Writer();
  writer.open(RESOURCES);
  writer.open(RESOURCE);
  for (const [name, value] of attributes) writer.raw(encodeAttribute(name, value));
  writer.close();
  if (timeMs !== undefined) {
    const levels = [SCOPES, RECORDS, ...(signal === "metrics" ? [GAUGE, DATA_POINTS] : [])];
    for (const field of levels) writer.open(field);
    writer.fixed64(TIMES[signal], BigInt(Math.round(timeMs)) * 1_000_000n);
    for (const _ of levels) writer.close();
  }
  writer.close();
  return writer.finish();
}
