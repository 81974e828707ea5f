import type { EnumSchema, SchemaText } from "./schema.ts";

/** logs.proto and logs_service.proto of opentelemetry-proto 1.11. */
export const LOGS: SchemaText = {
  ExportLogsServiceRequest: `
    1 resource_logs ResourceLogs*`,
  ResourceLogs: `
    1 resource Resource
    2 scope_logs ScopeLogs*
    3 schema_url string`,
  ScopeLogs: `
    1 scope InstrumentationScope
    2 log_records LogRecord*
    3 schema_url string`,
  LogRecord: `
    1 time_unix_nano fixed64
    2 severity_number SeverityNumber
    3 severity_text string
    5 body AnyValue
    6 attributes KeyValue*
    7 dropped_attributes_count uint32
    8 flags fixed32
    9 trace_id traceId
    10 span_id spanId
    11 observed_time_unix_nano fixed64
    12 event_name string`,
};

/** SEVERITY_NUMBER_TRACE is 1, TRACE2 2, …, FATAL4 24. */
function severityNumbers(): EnumSchema {
  const values: Record<string, number> = { SEVERITY_NUMBER_UNSPECIFIED: 0 };
  ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].forEach((name, index) => {
    for (let step = 1; step <= 4; step++) {
      values[`SEVERITY_NUMBER_${name}${step === 1 ? "" : step}`] = index * 4 + step;
    }
  });
  return values;
}

export const LOGS_ENUMS: Readonly<Record<string, EnumSchema>> = { SeverityNumber: severityNumbers() };
