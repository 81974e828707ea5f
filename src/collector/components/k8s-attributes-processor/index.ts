import { FEATURE_GATES, hostKey, type FeatureGates, type ProcessorFactory } from "#collector";
import { IdentityHub } from "#identity";
import { ByteBudget } from "./byte-budget.ts";
import { k8sAttributesConfig, type K8sAttributesConfig } from "./config.ts";
import { Enrichment } from "./enrichment.ts";
import { K8sAttributesProcessor, type K8sAttributesProcessorSettings } from "./k8s-attributes-processor.ts";
import { semconvOfGates } from "./semconv.ts";
import { VainKeys } from "./vain-keys.ts";

export type { K8sAttributesConfig } from "./config.ts";
export { rightsNeededBy } from "./needs.ts";

/** The process's directories of pods: one for all processors that watch the same pods. */
const IDENTITY = hostKey<IdentityHub>("identity");
/** Enrichments by configuration, so that four signals keep the attributes of a pod once. */
const ENRICHMENTS = hostKey<Map<string, Enrichment>>("k8s_attributes enrichments");
/** What the pipelines of one processor share of those who wait, by its id. */
const WAITS = hostKey<Map<string, K8sAttributesProcessorSettings["waits"]>>("k8s_attributes waits");

/** `k8s_attributes`: names the pod, workload and service behind each resource. */
export const k8sAttributesProcessorFactory: ProcessorFactory<K8sAttributesConfig> = {
  kind: "processor",
  type: "k8s_attributes",
  aliases: ["k8sattributes"],
  stability: { traces: "beta", metrics: "beta", logs: "beta", profiles: "beta" },
  config: k8sAttributesConfig,
  create(context, written, signal, next) {
    const { host, telemetry } = context;
    const config = withGates(
      written,
      host.service(FEATURE_GATES, () => new Map<string, boolean>()),
    );
    const hub = host.service(IDENTITY, () => new IdentityHub({ telemetry }));
    const enrichments = host.service(ENRICHMENTS, () => new Map<string, Enrichment>());
    const key = JSON.stringify(config.enrichment);
    let enrichment = enrichments.get(key);
    if (enrichment === undefined) enrichments.set(key, (enrichment = new Enrichment(config.enrichment)));
    const byId = host.service(WAITS, () => new Map<string, K8sAttributesProcessorSettings["waits"]>());
    let waits = byId.get(context.id.text);
    if (waits === undefined) {
      waits = { budget: new ByteBudget(config.pending?.maxBytes ?? 0), vain: new VainKeys(telemetry.clock) };
      byId.set(context.id.text, waits);
    }
    return new K8sAttributesProcessor({ context, config, signal, next, hub, enrichment, enrichmentName: key, waits });
  },
};

/** What the configuration doesn't say about names, the Collector's feature gates may. */
function withGates(config: K8sAttributesConfig, gates: FeatureGates): K8sAttributesConfig {
  const semconv = config.semconvGiven ? undefined : semconvOfGates(gates);
  if (semconv === undefined) return config;
  const { enrichment } = config;
  return { ...config, enrichment: { ...enrichment, extraction: { ...enrichment.extraction, semconv } } };
}
