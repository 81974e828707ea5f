/**
 * Server sections in the Collector's words (configgrpc, confighttp, confignet), read into settings of `#transport`.
 * Keys about buffers inside Go's libraries are accepted and mean nothing here; keys that would change what a user
 * sees and that don't exist yet are errors.
 */
import { parseHostPort } from "#transport";
import type { Compression, CorsSettings, GrpcServerSettings, HttpServerSettings } from "#transport";
import type { ConfigIssue } from "../component.ts";
import {
  boolean,
  checked,
  durationMs,
  type Field,
  FieldProblem,
  integer,
  list,
  mapped,
  oneOf,
  optional,
  parsed,
  section,
  type SectionOutput,
  shown,
  string,
} from "./fields.ts";
import { headerFields } from "./headers.ts";
import { serverTls } from "./tls.ts";

const UNSUPPORTED = {
  auth: `"auth" is not supported by podflame yet; use tls with client_ca_file`,
  middlewares: `"middlewares" is not supported by podflame yet; remove it`,
  dialer: `"dialer" has no meaning for a server; remove it`,
};

const TRANSPORTS = ["tcp", "tcp4", "tcp6", "unix"] as const;

/** Checks what neither field can alone: an endpoint is `host:port` unless the transport is a socket file. */
function endpointProblems(read: { endpoint: string; transport: (typeof TRANSPORTS)[number] }): ConfigIssue[] {
  if (read.transport === "unix" || parseHostPort(read.endpoint)) return [];
  return [{ path: ["endpoint"], message: `expected host:port such as "0.0.0.0:4317", got ${shown(read.endpoint)}` }];
}

const listenEntries = (endpoint: string) => ({
  endpoint: optional(string(), endpoint),
  transport: optional(oneOf(TRANSPORTS), "tcp"),
  tls: optional(serverTls()),
});

const KEEPALIVE = section({
  server_parameters: optional(
    section({
      max_connection_idle: optional(durationMs({ min: 0 })),
      max_connection_age: optional(durationMs({ min: 0 })),
      max_connection_age_grace: optional(durationMs({ min: 0 })),
      time: optional(durationMs({ min: 0 })),
      timeout: optional(durationMs({ min: 0 })),
    }),
  ),
  enforcement_policy: optional(
    section({
      min_time: optional(durationMs({ min: 0 })),
      permit_without_stream: optional(boolean(), false),
    }),
  ),
});

const grpcServerEntries = (endpoint: string) => ({
  ...listenEntries(endpoint),
  max_recv_msg_size_mib: optional(integer({ min: 0, max: 2047 }), 0),
  max_concurrent_streams: optional(integer({ min: 0, max: 2 ** 32 - 1 }), 0),
  keepalive: optional(KEEPALIVE),
  // Buffers inside grpc-go.
  read_buffer_size: optional(integer()),
  write_buffer_size: optional(integer()),
  // Nothing downstream reads request metadata yet.
  include_metadata: optional(boolean()),
});

/** A gRPC server's section (configgrpc.ServerConfig). */
export function grpcServer(defaults: { readonly endpoint: string }): Field<GrpcServerSettings> {
  return mapped(checked(section(grpcServerEntries(defaults.endpoint), UNSUPPORTED), endpointProblems), grpcSettings);
}

function grpcSettings(read: SectionOutput<ReturnType<typeof grpcServerEntries>>): GrpcServerSettings {
  const parameters = read.keepalive?.server_parameters;
  const enforcement = read.keepalive?.enforcement_policy;
  return {
    endpoint: read.endpoint,
    transport: read.transport,
    tls: read.tls,
    // 0 means the default, as upstream.
    maxMessageBytes: read.max_recv_msg_size_mib === 0 ? undefined : read.max_recv_msg_size_mib * 2 ** 20,
    maxConcurrentStreams: read.max_concurrent_streams === 0 ? undefined : read.max_concurrent_streams,
    keepalive: {
      maxConnectionIdleMs: parameters?.max_connection_idle,
      maxConnectionAgeMs: parameters?.max_connection_age,
      maxConnectionAgeGraceMs: parameters?.max_connection_age_grace,
      timeMs: parameters?.time,
      timeoutMs: parameters?.timeout,
      enforcementMinTimeMs: enforcement?.min_time,
      permitWithoutStream: enforcement?.permit_without_stream,
    },
  };
}

/** Names as in `compression_algorithms`; the empty one is "no Content-Encoding". lz4 can't be had without native code. */
const ALGORITHMS = ["", "gzip", "zstd", "zlib", "snappy", "deflate", "x-snappy-framed"] as const;

function algorithm(): Field<Compression> {
  return parsed((text) => {
    if (text === "lz4") throw new FieldProblem(`"lz4" is not supported by podflame yet; remove it from the list`);
    const known = ALGORITHMS.find((name) => name === text);
    if (known === undefined) throw new FieldProblem(`expected one of ${ALGORITHMS.join(", ")}, got ${shown(text)}`);
    return known === "" ? "none" : known;
  });
}

const CORS = section({
  allowed_origins: optional(list(string(checkOrigin)), []),
  allowed_headers: optional(list(string())),
  exposed_headers: optional(list(string())),
  max_age: optional(integer({ min: 0 })),
});

function checkOrigin(origin: string): void {
  if (origin.split("*").length > 2) throw new FieldProblem(`an origin holds at most one "*", got ${shown(origin)}`);
}

const httpServerEntries = (endpoint: string) => ({
  ...listenEntries(endpoint),
  cors: optional(CORS),
  max_request_body_size: optional(integer({ min: 0 }), 0),
  compression_algorithms: optional(list(algorithm())),
  response_headers: optional(headerFields()),
  read_timeout: optional(durationMs({ min: 0 })),
  read_header_timeout: optional(durationMs({ min: 0 })),
  write_timeout: optional(durationMs({ min: 0 })),
  keepalive: optional(section({ enabled: optional(boolean(), true), idle_timeout: optional(durationMs({ min: 0 })) })),
  // Older spellings of the section above.
  idle_timeout: optional(durationMs({ min: 0 })),
  keep_alives_enabled: optional(boolean()),
  include_metadata: optional(boolean()),
});

type HttpServerKeys = SectionOutput<ReturnType<typeof httpServerEntries>>;
type NoEntries = Readonly<Record<never, Field<unknown>>>;

/**
 * An HTTP server's section (confighttp.ServerConfig), with the component's own keys beside it: `extra` lists them and
 * `convert` gets the settings and what `extra` read.
 */
export function httpServer(defaults: { readonly endpoint: string }): Field<HttpServerSettings>;
export function httpServer<E extends Readonly<Record<string, Field<unknown>>>, T>(
  defaults: { readonly endpoint: string },
  extra: E,
  convert: (settings: HttpServerSettings, extra: SectionOutput<E>) => T,
): Field<T>;
export function httpServer<E extends Readonly<Record<string, Field<unknown>>>, T>(
  defaults: { readonly endpoint: string },
  extra: E | NoEntries = {},
  convert?: (settings: HttpServerSettings, extra: SectionOutput<E>) => T,
): Field<T | HttpServerSettings> {
  const entries: Readonly<Record<string, Field<unknown>>> = { ...httpServerEntries(defaults.endpoint), ...extra };
  return mapped(
    checked(section(entries, UNSUPPORTED), (read) => endpointProblems(read as HttpServerKeys)),
    (read) => {
      const settings = httpSettings(read as HttpServerKeys);
      return convert ? convert(settings, read as SectionOutput<E>) : settings;
    },
  );
}

function httpSettings(read: HttpServerKeys): HttpServerSettings {
  return {
    endpoint: read.endpoint,
    transport: read.transport,
    tls: read.tls,
    maxBodyBytes: read.max_request_body_size === 0 ? undefined : read.max_request_body_size,
    compressionAlgorithms: read.compression_algorithms,
    responseHeaders: read.response_headers,
    readTimeoutMs: read.read_timeout,
    readHeaderTimeoutMs: read.read_header_timeout,
    writeTimeoutMs: read.write_timeout,
    idleTimeoutMs: read.keepalive?.idle_timeout ?? read.idle_timeout,
    keepAlivesEnabled: read.keepalive?.enabled ?? read.keep_alives_enabled,
    cors: corsSettings(read.cors),
  };
}

function corsSettings(read: SectionOutput<{ cors: typeof CORS }>["cors"] | undefined): CorsSettings | undefined {
  // Without origins there is no CORS, whatever else is given; as upstream.
  if (!read || read.allowed_origins.length === 0) return undefined;
  return {
    allowedOrigins: read.allowed_origins,
    allowedHeaders: read.allowed_headers,
    exposedHeaders: read.exposed_headers,
    maxAgeSeconds: read.max_age,
  };
}
