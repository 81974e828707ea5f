import type { EnumSchema, SchemaText } from "./schema.ts";

/** metrics.proto and metrics_service.proto of opentelemetry-proto 1.11. */
export const METRICS: SchemaText = {
  ExportMetricsServiceRequest: `
    1 resource_metrics ResourceMetrics*`,
  ResourceMetrics: `
    1 resource Resource
    2 scope_metrics ScopeMetrics*
    3 schema_url string`,
  ScopeMetrics: `
    1 scope InstrumentationScope
    2 metrics Metric*
    3 schema_url string`,
  Metric: `
    1 name string
    2 description string
    3 unit string
    5 gauge Gauge|
    7 sum Sum|
    9 histogram Histogram|
    10 exponential_histogram ExponentialHistogram|
    11 summary Summary|
    12 metadata KeyValue*`,
  Gauge: `
    1 data_points NumberDataPoint*`,
  Sum: `
    1 data_points NumberDataPoint*
    2 aggregation_temporality AggregationTemporality
    3 is_monotonic bool`,
  Histogram: `
    1 data_points HistogramDataPoint*
    2 aggregation_temporality AggregationTemporality`,
  ExponentialHistogram: `
    1 data_points ExponentialHistogramDataPoint*
    2 aggregation_temporality AggregationTemporality`,
  Summary: `
    1 data_points SummaryDataPoint*`,
  NumberDataPoint: `
    2 start_time_unix_nano fixed64
    3 time_unix_nano fixed64
    4 as_double double|
    5 exemplars Exemplar*
    6 as_int sfixed64|
    7 attributes KeyValue*
    8 flags uint32`,
  HistogramDataPoint: `
    2 start_time_unix_nano fixed64
    3 time_unix_nano fixed64
    4 count fixed64
    5 sum double?
    6 bucket_counts fixed64*
    7 explicit_bounds double*
    8 exemplars Exemplar*
    9 attributes KeyValue*
    10 flags uint32
    11 min double?
    12 max double?`,
  ExponentialHistogramDataPoint: `
    1 attributes KeyValue*
    2 start_time_unix_nano fixed64
    3 time_unix_nano fixed64
    4 count fixed64
    5 sum double?
    6 scale sint32
    7 zero_count fixed64
    8 positive Buckets
    9 negative Buckets
    10 flags uint32
    11 exemplars Exemplar*
    12 min double?
    13 max double?
    14 zero_threshold double`,
  Buckets: `
    1 offset sint32
    2 bucket_counts uint64*`,
  SummaryDataPoint: `
    2 start_time_unix_nano fixed64
    3 time_unix_nano fixed64
    4 count fixed64
    5 sum double
    6 quantile_values ValueAtQuantile*
    7 attributes KeyValue*
    8 flags uint32`,
  ValueAtQuantile: `
    1 quantile double
    2 value double`,
  Exemplar: `
    2 time_unix_nano fixed64
    3 as_double double|
    4 span_id spanId
    5 trace_id traceId
    6 as_int sfixed64|
    7 filtered_attributes KeyValue*`,
};

export const METRICS_ENUMS: Readonly<Record<string, EnumSchema>> = {
  AggregationTemporality: {
    AGGREGATION_TEMPORALITY_UNSPECIFIED: 0,
    AGGREGATION_TEMPORALITY_DELTA: 1,
    AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
  },
};
