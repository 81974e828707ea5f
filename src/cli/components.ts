import { ComponentCatalog, type CatalogEntry } from "#collector";

/** Every component that a configuration may name. The only place that knows them; each is read when it's needed. */
const ENTRIES: readonly CatalogEntry[] = [
  {
    kind: "receiver",
    type: "otlp",
    load: async () => (await import("../collector/components/otlp-receiver/index.ts")).otlpReceiverFactory,
  },
  {
    kind: "receiver",
    type: "profiling",
    load: async () => (await import("../collector/components/profiling-receiver/index.ts")).profilingReceiverFactory,
  },
  {
    kind: "processor",
    type: "k8s_attributes",
    aliases: ["k8sattributes"],
    load: async () =>
      (await import("../collector/components/k8s-attributes-processor/index.ts")).k8sAttributesProcessorFactory,
  },
  {
    kind: "processor",
    type: "memory_limiter",
    load: async () =>
      (await import("../collector/components/memory-limiter-processor/index.ts")).memoryLimiterProcessorFactory,
  },
  {
    kind: "processor",
    type: "batch",
    load: async () => (await import("../collector/components/batch-processor/index.ts")).batchProcessorFactory,
  },
  {
    kind: "processor",
    type: "resource",
    load: async () => (await import("../collector/components/resource-processor/index.ts")).resourceProcessorFactory,
  },
  {
    kind: "exporter",
    type: "otlp_grpc",
    aliases: ["otlp"],
    load: async () => (await import("../collector/components/otlp-grpc-exporter/index.ts")).otlpGrpcExporterFactory,
  },
  {
    kind: "exporter",
    type: "otlp_http",
    aliases: ["otlphttp"],
    load: async () => (await import("../collector/components/otlp-http-exporter/index.ts")).otlpHttpExporterFactory,
  },
  {
    kind: "exporter",
    type: "debug",
    load: async () => (await import("../collector/components/debug-exporter/index.ts")).debugExporterFactory,
  },
  {
    kind: "exporter",
    type: "file",
    load: async () => (await import("../collector/components/file-exporter/index.ts")).fileExporterFactory,
  },
  {
    kind: "exporter",
    type: "live_table",
    load: async () => (await import("../collector/components/live-table-exporter/index.ts")).liveTableExporterFactory,
  },
  {
    kind: "exporter",
    type: "store",
    load: async () => (await import("../collector/components/store-exporter/index.ts")).storeExporterFactory,
  },
  {
    kind: "extension",
    type: "ui",
    load: async () => (await import("../collector/components/ui-extension/index.ts")).uiExtensionFactory,
  },
  {
    kind: "extension",
    type: "health_check",
    load: async () =>
      (await import("../collector/components/health-check-extension/index.ts")).healthCheckExtensionFactory,
  },
  {
    kind: "extension",
    type: "bearertokenauth",
    aliases: ["bearer_token_auth"],
    load: async () =>
      (await import("../collector/components/bearer-token-auth-extension/index.ts")).bearerTokenAuthExtensionFactory,
  },
  {
    kind: "extension",
    type: "k8s_identity",
    load: async () =>
      (await import("../collector/components/k8s-identity-extension/index.ts")).k8sIdentityExtensionFactory,
  },
  {
    kind: "extension",
    type: "file_storage",
    load: async () =>
      (await import("../collector/components/file-storage-extension/index.ts")).fileStorageExtensionFactory,
  },
];

export type {
  Explainer,
  Explanation,
  K8sAttributesConfig,
  PodExplanation,
} from "../collector/components/k8s-attributes-processor/index.ts";
export type { K8sIdentityConfig } from "../collector/components/k8s-identity-extension/index.ts";
export type { ProfilingConfig } from "../collector/components/profiling-receiver/index.ts";

/** What commands ask of components besides running them. */
export const k8sAttributesProcessor = async () => import("../collector/components/k8s-attributes-processor/index.ts");
export const profilingReceiver = async () => import("../collector/components/profiling-receiver/index.ts");

export const catalog = new ComponentCatalog(ENTRIES);
