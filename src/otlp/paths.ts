import { SIGNALS, type Signal } from "./signal.ts";

/** Where requests of a signal are sent (OTLP specification, "OTLP/gRPC" and "OTLP/HTTP Request"). */
export interface SignalPaths {
  /** Full gRPC method. */
  readonly grpc: string;
  /** Default path of OTLP/HTTP. */
  readonly http: string;
}

const COLLECTOR = "/opentelemetry.proto.collector";

/** Where current senders and receivers meet. */
export const SIGNAL_PATHS: Readonly<Record<Signal, SignalPaths>> = {
  traces: { grpc: `${COLLECTOR}.trace.v1.TraceService/Export`, http: "/v1/traces" },
  metrics: { grpc: `${COLLECTOR}.metrics.v1.MetricsService/Export`, http: "/v1/metrics" },
  logs: { grpc: `${COLLECTOR}.logs.v1.LogsService/Export`, http: "/v1/logs" },
  profiles: { grpc: `${COLLECTOR}.profiles.v1development.ProfilesService/Export`, http: "/v1development/profiles" },
};

/** Where profiles of proto 1.3 come in. Collectors 0.110–0.114 send them to the path of v1development over HTTP. */
export const EXPERIMENTAL_PROFILES_PATHS: SignalPaths = {
  grpc: `${COLLECTOR}.profiles.v1experimental.ProfilesService/Export`,
  http: "/v1experimental/profiles",
};

/** Metadata key and header that names the schema of a profiles request, and the value that stands for layout 1.10. */
export const PROFILES_DEVELOPMENT_VERSION_HEADER = "otlp-profiles-development-version";
export const PROFILES_DEVELOPMENT_VERSION = "1";

/** What a path of ours leads to. */
export interface Route {
  readonly signal: Signal;
  readonly profilesService?: "v1development" | "v1experimental";
}

const ROUTES = new Map<string, Route>();
for (const signal of SIGNALS) {
  const route: Route = signal === "profiles" ? { signal, profilesService: "v1development" } : { signal };
  ROUTES.set(SIGNAL_PATHS[signal].grpc, route).set(SIGNAL_PATHS[signal].http, route);
}
const experimental: Route = { signal: "profiles", profilesService: "v1experimental" };
ROUTES.set(EXPERIMENTAL_PROFILES_PATHS.grpc, experimental).set(EXPERIMENTAL_PROFILES_PATHS.http, experimental);

/** The signal behind a gRPC method or a default HTTP path; the same object each time. */
export function routeOf(path: string): Route | undefined {
  return ROUTES.get(path);
}
