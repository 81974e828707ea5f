/** The four kinds of telemetry, and where OTLP 1.11 takes them. */
export const SIGNALS = ["traces", "metrics", "logs", "profiles"] as const;
export type Signal = (typeof SIGNALS)[number];

/** How a request travels. */
export const TRANSPORTS = ["grpc", "http/protobuf", "http/json"] as const;
export type Transport = (typeof TRANSPORTS)[number];

const PACKAGE = "opentelemetry.proto.collector";

/** Written out here rather than taken from podflame, which is what is tested. */
export const PATHS: Readonly<Record<Signal, { readonly service: string; readonly http: string }>> = {
  traces: { service: `${PACKAGE}.trace.v1.TraceService`, http: "/v1/traces" },
  metrics: { service: `${PACKAGE}.metrics.v1.MetricsService`, http: "/v1/metrics" },
  logs: { service: `${PACKAGE}.logs.v1.LogsService`, http: "/v1/logs" },
  profiles: { service: `${PACKAGE}.profiles.v1development.ProfilesService`, http: "/v1development/profiles" },
};
