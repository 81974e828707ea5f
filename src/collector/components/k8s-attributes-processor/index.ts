import { FEATURE_GATES, hostKey, type FeatureGates, type ProcessorFactory } from "#collector";
import { IdentityHub } from "#identity";
import { k8sAttributesConfig, type K8sAttributesConfig } from "./config.ts";
import { Enrichment } from "./enrichment.ts";
import { K8sAttributesProcessor } from "./k8s-attributes-processor.ts";
import { semconvOfGates } from "./semconv.ts";

export type { K8sAttributesConfig } from "./config.ts";
export { rightsNeededBy } from "./needs.ts";

/** The process's directories of pods: one for all processors that watch the same pods. */
const IDENTITY = hostKey<IdentityHub>("identity");
/** Enrichments by configuration, so that four signals keep the attributes of a pod once. */
const ENRICHMENTS = hostKey<Map<string, Enrichment>>("k8s_attributes enrichments");

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
    return new K8sAttributesProcessor({ context, config, signal, next, hub, enrichment, enrichmentName: key });
  },
};

/** What the configuration doesn't say about names, the Collector's feature gates may. */
function withGates(config: K8sAttributesConfig, gates: FeatureGates): K8sAttributesConfig {
  const semconv = config.semconvGiven ? undefined : semconvOfGates(gates);
  if (semconv === undefined) return config;
  const { enrichment } = config;
  return { ...config, enrichment: { ...enrichment, extraction: { ...enrichment.extraction, semconv } } };
}
