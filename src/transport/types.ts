import type { MessageBuffer } from "#wire";

/** gRPC status codes (gRPC core, "Status codes and their use in gRPC"). */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** Content codings that servers take and clients can send; which ones where is said at the server and the client. */
export type Compression = "none" | "gzip" | "deflate" | "zlib" | "zstd" | "snappy" | "x-snappy-framed";

/** One call or POST, body complete and decompressed. */
export interface UnaryRequest {
  /** Path, e.g. `/opentelemetry.proto.collector.trace.v1.TraceService/Export` or `/v1/traces`. */
  readonly path: string;
  /** The message. The server holds the reference and releases it when the handler has settled; retain to keep it. */
  readonly message: MessageBuffer;
  /** Bytes that came over the wire, before decompression. */
  readonly wireBytes: number;
  /** A request header in lower case; repeated ones joined by ", " (HTTP) or as given (gRPC). */
  header(name: string): string | undefined;
  /** Facts of the connection, the same object for each request of it. */
  readonly connection: Connection;
}

/** Facts of a connection. */
export interface Connection {
  /** Address of the peer without port; IPv4 in its plain form also where the socket is dual-stack. */
  readonly peerAddress: string;
  /** For whoever wants to keep something per connection; collected with it. */
  readonly attachments: Map<symbol, unknown>;
}

/** What a gRPC handler answers. */
export interface GrpcReply {
  readonly status: GrpcStatus;
  /** For people; percent-encoded by the server. */
  readonly message?: string;
  /** Reply message with status OK; absent means a message of zero bytes. */
  readonly body?: Uint8Array;
  /** With another status: sent as google.rpc.RetryInfo in `grpc-status-details-bin`. */
  readonly retryAfterMs?: number;
}

/** What an HTTP handler answers. */
export interface HttpReply {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: Uint8Array | string;
  /** Sent as `Retry-After` in whole seconds, rounded up. */
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export type GrpcHandler = (request: UnaryRequest) => Promise<GrpcReply>;

/** Where the handler of a server-streaming call puts its messages. */
export interface MessageSink {
  /**
   * Sends one message, and resolves with true when there is room for the next: when the kernel has this one, which a client
   * that doesn't read puts off. With false where the client has gone, and nothing more will reach it. One at a time; the bytes
   * must not change until then.
   */
  send(message: Uint8Array): Promise<boolean>;
  /** Aborts when the client has gone, its deadline has passed, or the server closes: time for the handler to settle. */
  readonly signal: AbortSignal;
}

/** Handles a call that is answered by any number of messages. What it resolves with ends the call; `body` isn't sent. */
export type GrpcStreamHandler = (request: UnaryRequest, messages: MessageSink) => Promise<GrpcReply>;
export type HttpHandler = (request: UnaryRequest) => Promise<HttpReply>;

/** A listening server. `address` is known after `listen`. */
export interface Server {
  listen(): Promise<void>;
  /** Host and port in effect, e.g. `127.0.0.1:4317`; tells the port when 0 was asked for. */
  readonly address: string;
  /**
   * Takes no new requests, lets those under way finish (GOAWAY, `Connection: close`), and cuts what is left when
   * `deadline` aborts. May be called before `listen` and twice.
   */
  close(deadline: AbortSignal): Promise<void>;
}

/** The outcome of a client call that got an answer, or that failed before one. Never thrown. */
export interface CallResult {
  /** gRPC: its status. HTTP: undefined where an HTTP status came. */
  readonly grpcStatus?: GrpcStatus;
  /** HTTP status, or undefined where the connection failed first. */
  readonly httpStatus?: number;
  readonly message: string;
  /** Reply body (OTLP partial success is read from it). Valid until the caller's next await. */
  readonly body?: Uint8Array;
  /** What the server asked for: RetryInfo or Retry-After. */
  readonly retryAfterMs?: number;
  readonly cause?: Error;
}

/** One endpoint, some connections. */
export interface Client {
  /**
   * Sends a message and resolves with the outcome. The client holds its own reference to `message` until the
   * transport no longer reads it.
   */
  call(path: string, message: MessageBuffer, options: CallOptions): Promise<CallResult>;
  close(): Promise<void>;
}

/** A client that takes answers of many messages as well. */
export interface StreamingClient extends Client {
  /**
   * Sends a message and hands over each message of the answer, as it comes; resolves when the stream has ended, with how.
   * Never rejects. Nothing is buffered but the message that is just coming: who takes long is waited for.
   */
  stream(path: string, message: MessageBuffer, options: StreamOptions): Promise<CallResult>;
}

export interface StreamOptions {
  /** Time for a connection; the stream itself has no end. */
  readonly connectTimeoutMs: number;
  /** Ends a stream on which nothing came for that long, with UNAVAILABLE. Absent: never. */
  readonly maxSilenceMs?: number;
  /** Longest message that is taken. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** As in `CallOptions`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Takes a message, whose bytes are valid during the call. What it throws ends the stream, as `cause`. */
  readonly onMessage: (message: Uint8Array) => void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  /** Lower-case names. Sent beside the client's own; for gRPC as metadata. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}
