/**
 * Client sections in the Collector's words (configgrpc, confighttp), read into settings of `#transport`. An exporter
 * spreads the entries beside its own keys and converts what they read:
 *
 *     mapped(
 *       checked(section({ ...grpcClientEntries(), timeout: … }, GRPC_CLIENT_UNSUPPORTED), grpcClientProblems),
 *       (read) => ({ client: grpcClientSettings(read), … }),
 *     )
 */
import { parseTarget } from "#transport";
import type { Compression, GrpcClientSettings, HttpClientSettings } from "#transport";
import type { ConfigIssue } from "../component.ts";
import {
  boolean,
  durationMs,
  type Field,
  FieldProblem,
  integer,
  oneOf,
  optional,
  parsed,
  section,
  type SectionOutput,
  shown,
  string,
} from "./fields.ts";
import { headerFields } from "./headers.ts";
import { clientTls, DEFAULT_CLIENT_TLS } from "./tls.ts";

/** Keys of configgrpc.ClientConfig that exist upstream only, with what to tell; second argument of `section`. */
export const GRPC_CLIENT_UNSUPPORTED = {
  auth: `"auth" is not supported by podflame yet; give the credential in headers`,
  middlewares: `"middlewares" is not supported by podflame yet; remove it`,
};

/** The same for confighttp.ClientConfig. */
export const HTTP_CLIENT_UNSUPPORTED = {
  ...GRPC_CLIENT_UNSUPPORTED,
  cookies: `"cookies" is not supported by podflame yet; remove it`,
};

/** `none` and the empty string mean the same. */
function compression(known: readonly Compression[]): Field<Compression> {
  return parsed((text) => {
    if (text === "" || text === "none") return "none";
    const word = known.find((name) => name === text);
    if (word === undefined) throw new FieldProblem(`expected one of none, ${known.join(", ")}, got ${shown(text)}`);
    return word;
  });
}

const COMPRESSION_PARAMS = section({ level: optional(integer({ min: -1, max: 22 }), -1) });

const sendEntries = (known: readonly Compression[]) => ({
  endpoint: string(),
  compression: optional(compression(known), "gzip"),
  compression_params: optional(COMPRESSION_PARAMS),
  tls: optional(clientTls(), DEFAULT_CLIENT_TLS),
  headers: optional(headerFields(), {}),
  // Buffers inside Go's libraries.
  read_buffer_size: optional(integer()),
  write_buffer_size: optional(integer()),
});

/** Keys of a gRPC client (configgrpc.ClientConfig), with the defaults that the otlp exporter gives them. */
export const grpcClientEntries = () => ({
  ...sendEntries(["gzip", "zstd", "snappy", "deflate"]),
  keepalive: optional(
    section({
      time: optional(durationMs({ min: 0 })),
      timeout: optional(durationMs({ min: 0 })),
      permit_without_stream: optional(boolean(), false),
    }),
  ),
  wait_for_ready: optional(boolean(), false),
  balancer_name: optional(oneOf(["round_robin", "pick_first"]), "round_robin"),
  authority: optional(string()),
});

/** What `grpcClientEntries` read. */
export type GrpcClientKeys = SectionOutput<ReturnType<typeof grpcClientEntries>>;

/** Problems that no key shows alone; for `checked`. */
export function grpcClientProblems(read: GrpcClientKeys): ConfigIssue[] {
  const issues = levelProblems(read.compression, read.compression_params?.level);
  if (!parseTarget(read.endpoint)) {
    issues.push({
      path: ["endpoint"],
      message: `expected host:port such as "gateway:4317" or unix:///path, got ${shown(read.endpoint)}`,
    });
  }
  return issues;
}

/** Settings of a gRPC client. The exporter adds `userAgent`. */
export function grpcClientSettings(read: GrpcClientKeys): GrpcClientSettings {
  const https = parseTarget(read.endpoint)?.https ?? false;
  return {
    endpoint: read.endpoint,
    compression: read.compression,
    compressionLevel: levelOf(read.compression_params),
    // A URL that says https wins over `insecure`, as upstream.
    tls: read.tls.plainText && !https ? undefined : read.tls.settings,
    headers: read.headers,
    keepalive: {
      timeMs: read.keepalive?.time ?? 10_000,
      timeoutMs: read.keepalive?.timeout ?? 10_000,
      permitWithoutStream: read.keepalive?.permit_without_stream ?? false,
    },
    authority: read.authority,
    balancer: read.balancer_name,
    waitForReady: read.wait_for_ready,
  };
}

/**
 * Keys of an HTTP client (confighttp.ClientConfig), with the defaults that the otlphttp exporter gives them. `timeout`
 * is read here and given per call by the exporter.
 */
export const httpClientEntries = () => ({
  ...sendEntries(["gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed"]),
  endpoint: optional(string(), ""),
  timeout: optional(durationMs({ min: 0 }), 30_000),
  proxy_url: optional(string(checkUrl)),
  max_idle_conns: optional(integer({ min: 0 })),
  max_idle_conns_per_host: optional(integer({ min: 0 })),
  max_conns_per_host: optional(integer({ min: 0 })),
  idle_conn_timeout: optional(durationMs({ min: 0 })),
  disable_keep_alives: optional(boolean(), false),
  keepalive: optional(
    section({
      enabled: optional(boolean(), true),
      idle_conn_timeout: optional(durationMs({ min: 0 })),
      max_idle_conns: optional(integer({ min: 0 })),
      max_idle_conns_per_host: optional(integer({ min: 0 })),
    }),
  ),
  // HTTP/1.1 is what every OTLP server speaks, and what podflame sends.
  force_attempt_http2: optional(boolean()),
  http2_read_idle_timeout: optional(durationMs({ min: 0 })),
  http2_ping_timeout: optional(durationMs({ min: 0 })),
});

function checkUrl(text: string): void {
  if (text !== "" && !isHttpUrl(text))
    throw new FieldProblem(`expected a URL such as "http://proxy:3128", got ${shown(text)}`);
}

/** What `httpClientEntries` read. */
export type HttpClientKeys = SectionOutput<ReturnType<typeof httpClientEntries>>;

/** Problems that no key shows alone; for `checked`. An empty endpoint is the exporter's to judge. */
export function httpClientProblems(read: HttpClientKeys): ConfigIssue[] {
  const issues = levelProblems(read.compression, read.compression_params?.level);
  if (read.endpoint !== "" && !isHttpUrl(read.endpoint)) {
    issues.push({
      path: ["endpoint"],
      message: `expected a URL such as "http://gateway:4318", got ${shown(read.endpoint)}`,
    });
  }
  return issues;
}

/** Whether a text is an `http://` or `https://` URL. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/[^/]/i.test(text);
}

/** Settings of an HTTP client. The exporter adds `userAgent` and knows the paths. */
export function httpClientSettings(read: HttpClientKeys): HttpClientSettings {
  return {
    endpoint: read.endpoint,
    compression: read.compression,
    compressionLevel: levelOf(read.compression_params),
    tls: read.tls.settings,
    headers: read.headers,
    maxIdleConnections:
      read.keepalive?.max_idle_conns_per_host ??
      read.keepalive?.max_idle_conns ??
      read.max_idle_conns_per_host ??
      read.max_idle_conns,
    maxConnections: read.max_conns_per_host,
    idleTimeoutMs: read.keepalive?.idle_conn_timeout ?? read.idle_conn_timeout,
    proxyUrl: read.proxy_url === "" ? undefined : read.proxy_url,
    disableKeepAlives: read.disable_keep_alives || read.keepalive?.enabled === false,
  };
}

/** -1 is "the default", as in Go's compress packages. 0 is absent, for nobody asks for "gzip, but don't". */
function levelOf(read: { readonly level: number } | undefined): number | undefined {
  return read === undefined || read.level <= 0 ? undefined : read.level;
}

function levelProblems(algorithm: Compression, level = -1): ConfigIssue[] {
  if (level <= 0 || algorithm === "none") return [];
  const max = algorithm === "zstd" ? 22 : algorithm === "snappy" || algorithm === "x-snappy-framed" ? 0 : 9;
  if (level <= max) return [];
  const message =
    max === 0 ? `${algorithm} has no levels; remove it` : `${algorithm} has levels 1 to ${max}, got ${level}`;
  return [{ path: ["compression_params", "level"], message }];
}
