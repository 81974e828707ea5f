import type { BufferPool } from "#wire";
import type { Labels, Telemetry } from "#telemetry";
import type { Compression } from "./types.ts";

/** A credential as whoever configured it keeps it; revealed only where it is used. */
export interface Sealed {
  reveal(): string;
}

/** What servers and clients are given beside their settings. */
export interface TransportContext {
  /** Its metrics and logs; the clock runs every timeout. */
  readonly telemetry: Telemetry;
  /** Where message buffers come from. */
  readonly buffers: BufferPool;
  /** Put on the metrics of this server or client, e.g. `{ receiver: "otlp" }`. */
  readonly labels?: Labels;
}

/** TLS versions that can be bounds. Node's OpenSSL doesn't negotiate anything older by default. */
export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3";

/** Certificates as files or PEM text. Files are read again when they change. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly caPem?: string | undefined;
  readonly certFile?: string | undefined;
  readonly certPem?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyPem?: Sealed | undefined;
  /** Trust this machine's CAs beside `caFile`/`caPem`. Clients without either of those trust them anyway. */
  readonly includeSystemCas?: boolean | undefined;
  /** Default 1.2. */
  readonly minVersion?: TlsVersion | undefined;
  /** Default: the newest there is. */
  readonly maxVersion?: TlsVersion | undefined;
  /** IANA names (`TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`), for TLS up to 1.2. Default: Node's list. */
  readonly cipherSuites?: readonly string[] | undefined;
  /** Look for changed files at most this often. Absent: never after the start. */
  readonly reloadIntervalMs?: number | undefined;
}

export interface ServerTlsSettings extends TlsFiles {
  /** CA of client certificates; its presence makes a valid client certificate mandatory (mTLS). */
  readonly clientCaFile?: string | undefined;
  /** Read `clientCaFile` again too when it changes. Default: only certificate and key are. */
  readonly clientCaFileReload?: boolean | undefined;
}

export interface ClientTlsSettings extends TlsFiles {
  /** Don't verify the server's certificate. */
  readonly insecureSkipVerify?: boolean | undefined;
  /** Name to ask for (SNI) and to verify, instead of the endpoint's host. */
  readonly serverName?: string | undefined;
}

/** What any server needs to listen. */
export interface ListenSettings {
  /** `host:port`, `:port` for all interfaces, `[::1]:port`; a path when `transport` is `unix`. Port 0 takes any. */
  readonly endpoint: string;
  readonly transport?: "tcp" | "tcp4" | "tcp6" | "unix" | undefined;
  /** Absent: plain text. */
  readonly tls?: ServerTlsSettings | undefined;
  /** Largest header block accepted, in bytes as HPACK and HTTP/1 count them. Default 64 KiB. */
  readonly maxHeaderBytes?: number | undefined;
}

/** gRPC over HTTP/2, with prior knowledge or ALPN. */
export interface GrpcServerSettings extends ListenSettings {
  /** Largest message, on the wire and inflated. Default 4 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** Calls in flight on one connection. Default 1000. */
  readonly maxConcurrentStreams?: number | undefined;
  /** A call whose message isn't complete after this ends with DEADLINE_EXCEEDED. Default 60 s. */
  readonly messageTimeoutMs?: number | undefined;
  readonly keepalive?: ServerKeepaliveSettings | undefined;
}

/** grpc-go's `keepalive.ServerParameters` and `EnforcementPolicy`; absent or 0 means grpc-go's default. */
export interface ServerKeepaliveSettings {
  /** GOAWAY after so long without a call. Default never. */
  readonly maxConnectionIdleMs?: number | undefined;
  /** GOAWAY at this age, ±10 %. Default never. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** How long calls may go on after that. Default without end. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
  /** Ping a connection that said nothing for so long. Default 2 h. */
  readonly timeMs?: number | undefined;
  /** Close it when the ping isn't answered within this. Default 20 s. */
  readonly timeoutMs?: number | undefined;
  /** Clients that ping more often are sent away (ENHANCE_YOUR_CALM). Default 5 min. */
  readonly enforcementMinTimeMs?: number | undefined;
  /** Take pings while no call is in flight. Default false. */
  readonly permitWithoutStream?: boolean | undefined;
}

/** HTTP/1.1 POSTs. */
export interface HttpServerSettings extends ListenSettings {
  /** Largest body, on the wire and inflated. Default 20 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Content codings accepted; others are answered with 400. Default all that there are. */
  readonly compressionAlgorithms?: readonly Compression[] | undefined;
  /** Whole request, body included; 0 means 60 s, for without a limit slow bodies hold buffers. Default 60 s. */
  readonly readTimeoutMs?: number | undefined;
  /** Request line and headers. Default 60 s. */
  readonly readHeaderTimeoutMs?: number | undefined;
  /** From the end of the headers to the end of the reply; 0 for none. Default 30 s. */
  readonly writeTimeoutMs?: number | undefined;
  /** Between requests of a connection. Default 60 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** Default true. */
  readonly keepAlivesEnabled?: boolean | undefined;
  /** Added to every reply. */
  readonly responseHeaders?: Readonly<Record<string, Sealed>> | undefined;
  /** Absent: no CORS headers, preflights are refused like any other method. */
  readonly cors?: CorsSettings | undefined;
}

export interface CorsSettings {
  /** Origins, each with at most one `*`. */
  readonly allowedOrigins: readonly string[];
  /** Request headers beside the safelisted ones; `*` for any. */
  readonly allowedHeaders?: readonly string[] | undefined;
  readonly exposedHeaders?: readonly string[] | undefined;
  /** How long browsers may keep the answer to a preflight, seconds. Absent or 0: header not sent. */
  readonly maxAgeSeconds?: number | undefined;
}

/** What any client is given about what it sends. */
export interface SendSettings {
  /** Default none. */
  readonly compression?: Compression | undefined;
  /** gzip, deflate and zlib: 1 to 9, default 6. zstd: 1 to 22, default 3. */
  readonly compressionLevel?: number | undefined;
  /** Sent with every call; lower-case names. */
  readonly headers?: Readonly<Record<string, Sealed>> | undefined;
  readonly userAgent?: string | undefined;
  /** Absent: plain text. */
  readonly tls?: ClientTlsSettings | undefined;
}

export interface GrpcClientSettings extends SendSettings {
  /** `host:port`, `dns:///host:port`, `unix:path`, `unix:///path`; a prefix `http://` or `https://` is dropped. */
  readonly endpoint: string;
  /** Pings, as grpc-go's `keepalive.ClientParameters`. Absent: none. */
  readonly keepalive?: ClientKeepaliveSettings | undefined;
  /** `:authority` instead of the endpoint's host and port. */
  readonly authority?: string | undefined;
  /** `pick_first`: one connection to the first address that answers. `round_robin`: one to each. Default pick_first. */
  readonly balancer?: "pick_first" | "round_robin" | undefined;
  /** Calls wait for a connection until their deadline, instead of failing while the back-off runs. Default false. */
  readonly waitForReady?: boolean | undefined;
  /** Time for one connection attempt, TLS included. Default 20 s, as gRPC's connection back-off document. */
  readonly connectTimeoutMs?: number | undefined;
}

export interface ClientKeepaliveSettings {
  /** Ping after so long without anything received; at least 10 s, as in grpc-go. */
  readonly timeMs?: number | undefined;
  /** Close when the ping isn't answered within this. Default 20 s. */
  readonly timeoutMs?: number | undefined;
  /** Ping also while no call is in flight. Default false. */
  readonly permitWithoutStream?: boolean | undefined;
}

export interface HttpClientSettings extends SendSettings {
  /** Base URL; a call's path is appended to its own. `call` takes a full URL as path as well. */
  readonly endpoint: string;
  /** Idle connections kept. Default 100. */
  readonly maxIdleConnections?: number | undefined;
  /** Connections at once; 0 for no limit. Default none. */
  readonly maxConnections?: number | undefined;
  /** An idle connection is closed after this. Default 90 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** A connection for each request. Default false. */
  readonly disableKeepAlives?: boolean | undefined;
  /** Proxy for this client. Default: HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment, but never for loopback. */
  readonly proxyUrl?: string | undefined;
}
