/**
 * Extension `health_check`: a page for probes. Start with `health-check-extension.ts`.
 */
import type { ExtensionFactory } from "#collector";
import { healthCheckConfig, type HealthCheckConfig } from "./config.ts";
import { HealthCheckExtension } from "./health-check-extension.ts";

export const healthCheckExtensionFactory: ExtensionFactory<HealthCheckConfig> = {
  kind: "extension",
  type: "health_check",
  stability: {},
  config: healthCheckConfig,
  create: (context, config) => new HealthCheckExtension(context, config),
};
