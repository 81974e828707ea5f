import type { GrpcServerSettings, HttpServerSettings } from "#transport";
import {
  checked,
  type ConfigIssue,
  defineConfig,
  FieldProblem,
  grpcServer,
  httpServer,
  mapped,
  optional,
  presence,
  section,
  shown,
  string,
} from "#collector";
import { SIGNAL_PATHS, type Signal } from "#otlp";

/** What a user writes under `otlp`. */
export interface OtlpReceiverConfig {
  /** Absent: no gRPC server. */
  readonly grpc: GrpcServerSettings | undefined;
  /** Absent: no HTTP server. */
  readonly http: HttpIntakeConfig | undefined;
}

/** The HTTP server and where it takes which signal. */
export interface HttpIntakeConfig {
  readonly server: HttpServerSettings;
  readonly paths: Readonly<Record<Signal, string>>;
}

const urlPath = (signal: Signal) => mapped(optional(string(checkPath), SIGNAL_PATHS[signal].http), withSlash);

function checkPath(path: string): void {
  if (path === "") throw new FieldProblem("must not be empty; remove the key for the default path");
  if (/[?#\s]/.test(path)) throw new FieldProblem(`expected the path of a URL, got ${shown(path)}`);
}

/** Upstream adds a missing slash. */
function withSlash(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

const http = checked(
  httpServer(
    { endpoint: "localhost:4318" },
    { traces_url_path: urlPath("traces"), metrics_url_path: urlPath("metrics"), logs_url_path: urlPath("logs") },
    (server, extra): HttpIntakeConfig => ({
      server,
      paths: {
        traces: extra.traces_url_path,
        metrics: extra.metrics_url_path,
        logs: extra.logs_url_path,
        profiles: SIGNAL_PATHS.profiles.http,
      },
    }),
  ),
  ({ paths }) => {
    const issues: ConfigIssue[] = [];
    const takenBy = new Map<string, string>();
    for (const [signal, path] of Object.entries(paths)) {
      const other = takenBy.get(path);
      if (other !== undefined) {
        issues.push({ path: [`${signal}_url_path`], message: `${shown(path)} is the path of ${other} already` });
      }
      takenBy.set(path, signal);
    }
    return issues;
  },
);

const protocols = checked(
  section({ grpc: presence(grpcServer({ endpoint: "localhost:4317" })), http: presence(http) }),
  (read) =>
    read.grpc || read.http ? [] : [{ path: [], message: `names no protocol; add "grpc:" or "http:" (or both)` }],
);

export const otlpReceiverConfig = defineConfig<OtlpReceiverConfig>(
  mapped(section({ protocols }), (read) => read.protocols),
);
