import {
  type ComponentContext,
  type Consumer,
  DEBUG_PAGES,
  type DebugPages,
  FEATURE_GATES,
  type FeatureGates,
  hostKey,
  type ProcessorFactory,
} from "#collector";
import { IdentityHub, UNRESOLVED_KEYS_SERVICE, UnresolvedKeys } from "#identity";
import type { Signal } from "#otlp";
import { ByteBudget } from "./byte-budget.ts";
import { k8sAttributesConfig, type K8sAttributesConfig } from "./config.ts";
import { Enrichment } from "./enrichment.ts";
import type { Explainer } from "./explainer.ts";
import { K8sAttributesProcessor, type K8sAttributesProcessorSettings } from "./k8s-attributes-processor.ts";
import { semconvOfGates } from "./semconv.ts";
import { VainKeys } from "./vain-keys.ts";

export type { K8sAttributesConfig } from "./config.ts";
export type { ExplainedAttribute, Explainer, Explanation, PodExplanation } from "./explainer.ts";
export { rightsNeededBy } from "./needs.ts";

/** The process's directories of pods: one for all processors that watch the same pods. */
const IDENTITY = hostKey<IdentityHub>("identity");
/** Enrichments by configuration, so that four signals keep the attributes of a pod once. */
const ENRICHMENTS = hostKey<Map<string, Enrichment>>("k8s_attributes enrichments");
/** What the pipelines of one processor share of those who wait, by its id. */
const WAITS = hostKey<Map<string, K8sAttributesProcessorSettings["waits"]>>("k8s_attributes waits");

/** What the process couldn't name, for pages and exporters. */
const UNRESOLVED = hostKey<UnresolvedKeys>(UNRESOLVED_KEYS_SERVICE);

/** `k8s_attributes`: names the pod, workload and service behind each resource. */
export const k8sAttributesProcessorFactory: ProcessorFactory<K8sAttributesConfig> = {
  kind: "processor",
  type: "k8s_attributes",
  aliases: ["k8sattributes"],
  stability: { traces: "beta", metrics: "beta", logs: "beta", profiles: "beta" },
  config: k8sAttributesConfig,
  create: (context, written, signal, next) => new K8sAttributesProcessor(settingsOf(context, written, signal, next)),
};

/** An explainer of what a processor of that configuration does; see `Explainer`. Start it before use. */
export async function explainerOf(
  context: ComponentContext,
  written: K8sAttributesConfig,
  signal: Signal,
): Promise<Explainer> {
  const { Explainer: Loaded } = await import("./explainer.ts");
  return new Loaded((next, observer) => ({
    // Whoever asks wants the answer that there is now.
    ...settingsOf(context, { ...written, pending: undefined }, signal, next),
    observer,
  }));
}

/** As `explainerOf`, for one pod alone; undefined where the filter is for another namespace. */
export async function podExplainerOf(
  context: ComponentContext,
  written: K8sAttributesConfig,
  signal: Signal,
  pod: { readonly namespace: string; readonly name: string; readonly filtered: boolean },
): Promise<Explainer | undefined> {
  const { aimedAt } = await import("./explainer.ts");
  const config = aimedAt(written, pod.namespace, pod.name, pod.filtered);
  return config && explainerOf(context, config, signal);
}

/** Attributes by the number of their values that `/debug/identity` shows of each configuration. */
const MAX_SHOWN_ATTRIBUTES = 100;

/** What `/debug/identity` shows. */
function identityPage(unresolved: UnresolvedKeys, enrichments: Iterable<Enrichment>): object {
  const shown = unresolved.list();
  const attributes = [...enrichments].flatMap(({ values }) => values.list().slice(0, MAX_SHOWN_ATTRIBUTES));
  return {
    attributes,
    unresolved: shown.map(({ firstSeenMs, lastSeenMs, ...rest }) => ({
      ...rest,
      firstSeen: new Date(firstSeenMs).toISOString(),
      lastSeen: new Date(lastSeenMs).toISOString(),
    })),
    forgotten: unresolved.forgotten,
  };
}

function settingsOf(
  context: ComponentContext,
  written: K8sAttributesConfig,
  signal: Signal,
  next: Consumer,
): K8sAttributesProcessorSettings {
  const { host, telemetry } = context;
  const config = withGates(
    written,
    host.service(FEATURE_GATES, () => new Map<string, boolean>()),
  );
  const hub = host.service(IDENTITY, () => new IdentityHub({ telemetry, process: context.buffers }));
  const enrichments = host.service(ENRICHMENTS, () => new Map<string, Enrichment>());
  const enrichmentName = JSON.stringify(config.enrichment);
  let enrichment = enrichments.get(enrichmentName);
  if (enrichment === undefined)
    enrichments.set(enrichmentName, (enrichment = new Enrichment(config.enrichment, telemetry.clock)));
  const byId = host.service(WAITS, () => new Map<string, K8sAttributesProcessorSettings["waits"]>());
  let waits = byId.get(context.id.text);
  if (waits === undefined) {
    waits = { budget: new ByteBudget(config.pending?.maxBytes ?? 0), vain: new VainKeys(telemetry.clock) };
    byId.set(context.id.text, waits);
  }
  const unresolved = host.service(UNRESOLVED, () => new UnresolvedKeys(telemetry.clock));
  const pages = host.service<DebugPages>(DEBUG_PAGES, () => new Map<string, () => unknown>());
  pages.set("identity", () => identityPage(unresolved, enrichments.values()));
  return { context, config, signal, next, hub, enrichment, enrichmentName, waits, unresolved };
}

/** What the configuration doesn't say about names, the Collector's feature gates may. */
function withGates(config: K8sAttributesConfig, gates: FeatureGates): K8sAttributesConfig {
  const semconv = config.semconvGiven ? undefined : semconvOfGates(gates);
  if (semconv === undefined) return config;
  const { enrichment } = config;
  return { ...config, enrichment: { ...enrichment, extraction: { ...enrichment.extraction, semconv } } };
}
