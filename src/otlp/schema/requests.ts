import type { Signal } from "../signal.ts";
import { COMMON } from "./common.ts";
import { LOGS, LOGS_ENUMS } from "./logs.ts";
import { METRICS, METRICS_ENUMS } from "./metrics.ts";
import { PROFILES_D10 } from "./profiles-d10.ts";
import { SchemaRegistry, type MessageSchema } from "./schema.ts";
import { TRACES, TRACES_ENUMS } from "./traces.ts";

/** Every message of OTLP 1.11 by its name; profiles in layout D10. A further layout is a registry of its own. */
export const OTLP_SCHEMA = new SchemaRegistry([COMMON, TRACES, METRICS, LOGS, PROFILES_D10], {
  ...TRACES_ENUMS,
  ...METRICS_ENUMS,
  ...LOGS_ENUMS,
});

const REQUESTS: Readonly<Record<Signal, string>> = {
  traces: "ExportTraceServiceRequest",
  metrics: "ExportMetricsServiceRequest",
  logs: "ExportLogsServiceRequest",
  profiles: "ExportProfilesServiceRequest",
};

/** The export request of a signal. */
export function requestSchema(signal: Signal): MessageSchema {
  return OTLP_SCHEMA.message(REQUESTS[signal]);
}
