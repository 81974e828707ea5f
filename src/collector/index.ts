/**
 * The engine: what components are, how YAML becomes typed configuration, how pipelines are built and run.
 * Start with `component.ts`. Concrete components live in `components/` and are named only in `cli/`.
 */
export {
  hostKey,
  type AnyFactory,
  type Component,
  type ComponentContext,
  type ConfigDefinition,
  type ConfigIssue,
  type Consumer,
  type ExporterFactory,
  type ExtensionFactory,
  type Factory,
  type Host,
  type HostKey,
  type ProcessorFactory,
  type ReceiverFactory,
  type Stability,
} from "./component.ts";
export { ComponentCatalog, type CatalogEntry, type ComponentKind } from "./catalog.ts";
export { parseComponentId, type ComponentId } from "./component-id.ts";
export { ConfigError, describeProblem, type ConfigProblem, type Place } from "./config/config-error.ts";
export type { Configuration, LoadedConfiguration } from "./config/configuration.ts";
export { loadConfiguration } from "./config/load.ts";
export { printConfiguration } from "./config/print.ts";
export type { ConfigSources } from "./config/sources.ts";
export { FEATURE_GATES, readFeatureGates, type FeatureGates } from "./feature-gates.ts";
export { Collector, type CollectorSettings } from "./service/collector.ts";
export { DEBUG_PAGES, type DebugPages } from "./service/debug-pages.ts";
export { StartError, type ShutdownReport } from "./service/service.ts";
export { SERVICE_STATUS, type ServiceState, type ServiceStatus } from "./service/status.ts";
export { ConsumeError, errorFrom, Secret } from "./errors.ts";
export { parseDurationMs } from "./config/duration.ts";
export { ExpandedValue, typedValue } from "./config/expanded-value.ts";
export {
  anything,
  boolean,
  checked,
  defineConfig,
  durationMs,
  FieldProblem,
  integer,
  list,
  mapped,
  notEmpty,
  number,
  oneOf,
  oneOfReleases,
  optional,
  parsed,
  presence,
  record,
  secret,
  section,
  shown,
  string,
  type Field,
  type SectionOutput,
} from "./config/fields.ts";
export { grpcServer, httpServer } from "./config/servers.ts";
export {
  GRPC_CLIENT_UNSUPPORTED,
  grpcClientEntries,
  grpcClientProblems,
  grpcClientSettings,
  HTTP_CLIENT_UNSUPPORTED,
  httpClientEntries,
  httpClientProblems,
  httpClientSettings,
  isHttpUrl,
  type GrpcClientKeys,
  type HttpClientKeys,
} from "./config/clients.ts";
export { clientAuthenticators, type ClientAuthenticator } from "./sending/authenticator.ts";
export { sendingEntries, sendingSettings, type SendingKeys, type SendingSettings } from "./sending/config.ts";
export type { Send } from "./sending/delivery.ts";
export { LAYOUT_CHOICES, type LayoutChoice } from "./sending/profiles-layout.ts";
export { ITEM_NAMES } from "./sending/metrics.ts";
export { OtlpExporter, type OtlpCall, type OtlpExporterSettings, type OtlpProtocol } from "./sending/otlp-exporter.ts";
export { SENT, type SendOutcome } from "./sending/outcome.ts";
export { Sender } from "./sending/sender.ts";
export {
  queueStorages,
  type QueueStorage,
  type QueueStore,
  type StoredEntry,
  type StoredPayload,
} from "./sending/storage.ts";
export { ThrottledLog } from "./sending/throttled-log.ts";
export { USER_AGENT } from "./sending/user-agent.ts";
