import type { EnumSchema, SchemaText } from "./schema.ts";

/** trace.proto and trace_service.proto of opentelemetry-proto 1.11. */
export const TRACES: SchemaText = {
  ExportTraceServiceRequest: `
    1 resource_spans ResourceSpans*`,
  ResourceSpans: `
    1 resource Resource
    2 scope_spans ScopeSpans*
    3 schema_url string`,
  ScopeSpans: `
    1 scope InstrumentationScope
    2 spans Span*
    3 schema_url string`,
  Span: `
    1 trace_id traceId
    2 span_id spanId
    3 trace_state string
    4 parent_span_id spanId
    5 name string
    6 kind SpanKind
    7 start_time_unix_nano fixed64
    8 end_time_unix_nano fixed64
    9 attributes KeyValue*
    10 dropped_attributes_count uint32
    11 events SpanEvent*
    12 dropped_events_count uint32
    13 links SpanLink*
    14 dropped_links_count uint32
    15 status SpanStatus
    16 flags fixed32`,
  SpanEvent: `
    1 time_unix_nano fixed64
    2 name string
    3 attributes KeyValue*
    4 dropped_attributes_count uint32`,
  SpanLink: `
    1 trace_id traceId
    2 span_id spanId
    3 trace_state string
    4 attributes KeyValue*
    5 dropped_attributes_count uint32
    6 flags fixed32`,
  SpanStatus: `
    2 message string
    3 code StatusCode`,
};

export const TRACES_ENUMS: Readonly<Record<string, EnumSchema>> = {
  SpanKind: {
    SPAN_KIND_UNSPECIFIED: 0,
    SPAN_KIND_INTERNAL: 1,
    SPAN_KIND_SERVER: 2,
    SPAN_KIND_CLIENT: 3,
    SPAN_KIND_PRODUCER: 4,
    SPAN_KIND_CONSUMER: 5,
  },
  StatusCode: { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 },
};
