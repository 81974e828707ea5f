/** gRPC's unary and server-streaming calls: bytes in, replies out. Why not grpc-js, nor `node:http2`: docs/decisions/0001-http2.md. */
import * as net from "node:net";
import * as tls from "node:tls";
import type { BufferPool } from "#wire";
import type { Clock, Counter, Logger, Timer } from "#telemetry";
import { answerError, type CallHost, GrpcCall, type GrpcConnection, type MethodHandler } from "./grpc-call.ts";
import { parseGrpcTimeout } from "./grpc-wire.ts";
import {
  encodeStateless,
  findHeader,
  type HeaderField,
  type ServerConnectionSettings,
  type Stream,
  type StreamReceiver,
} from "./http2/index.ts";
import { InflightBudget, listen, untilDeadline } from "./listener.ts";
import { RefusalCounters, type RefusalReason } from "./refusal-counters.ts";
import { type ConnectionHost, ServedConnection } from "./served-connection.ts";
import type { GrpcServerSettings, ServerKeepaliveSettings, TransportContext } from "./settings.ts";
import { FileWatcher, loadServerTls } from "./tls.ts";
import { type Compression, type GrpcHandler, GrpcStatus, type GrpcStreamHandler, type Server } from "./types.ts";

/** What may be sent before the server reads: 64 KiB would cost a round trip each 64 KiB (228 instead of 14 ms a MiB). */
const STREAM_WINDOW_BYTES = 4 << 20;
const CONNECTION_WINDOW_BYTES = 16 << 20;
/** Bytes held for calls under way, in largest messages. */
const BUDGET_MESSAGES = 64;
const HANDSHAKE_TIMEOUT_MS = 20_000;

const NOT_POST = encodeStateless([
  { name: ":status", value: "405" },
  { name: "allow", value: "POST" },
]);
const NOT_GRPC = encodeStateless([{ name: ":status", value: "415" }]);

const ENCODINGS: ReadonlyMap<string, Compression> = new Map([
  ["identity", "none"],
  ["gzip", "gzip"],
  ["deflate", "deflate"],
  ["zstd", "zstd"],
  ["snappy", "snappy"],
] as const);
const ACCEPTED_ENCODINGS = [...ENCODINGS.keys()].join(",");

/**
 * Makes a server for the given methods, by path (`/package.Service/Method`). It takes identity, gzip, deflate, zstd and
 * snappy (block or framed), answers what it can't take with the status that gRPC prescribes, and counts it in
 * `podflame_server_refused_requests`. The reply is sent as soon as the handler settles; a handler that rejects is a
 * bug, logged, and the client may try again.
 *
 * @param streams methods that are answered by any number of messages, by path
 */
export function createGrpcServer(
  settings: GrpcServerSettings,
  handlers: ReadonlyMap<string, GrpcHandler>,
  context: TransportContext,
  streams: ReadonlyMap<string, GrpcStreamHandler> = new Map(),
): Server {
  const methods = new Map<string, MethodHandler>();
  for (const [path, handle] of handlers) methods.set(path, { kind: "unary", handle });
  for (const [path, handle] of streams) methods.set(path, { kind: "stream", handle });
  return new GrpcServer(settings, methods, context);
}

class GrpcServer implements Server, CallHost, ConnectionHost {
  readonly buffers: BufferPool;
  readonly budget: InflightBudget;
  readonly maxMessageBytes: number;
  readonly http2: ServerConnectionSettings;
  readonly keepalive: ServerKeepaliveSettings;
  readonly clock: Clock;
  readonly #settings: GrpcServerSettings;
  readonly #handlers: ReadonlyMap<string, MethodHandler>;
  readonly #logger: Logger;
  readonly #refusals: RefusalCounters;
  readonly #failures: Counter;
  /** Sockets of all connections, also of those whose TLS handshake goes on. */
  readonly #sockets = new Set<net.Socket>();
  readonly #connections = new Set<ServedConnection>();
  readonly #calls = new Set<GrpcCall>();
  readonly #messageTimeoutMs: number;
  #sweep: Timer | undefined;
  #server: net.Server | undefined;
  #watcher: FileWatcher | undefined;
  #address: string;
  #closing = false;
  readonly #empty = Promise.withResolvers<void>();

  constructor(
    settings: GrpcServerSettings,
    handlers: ReadonlyMap<string, MethodHandler>,
    { telemetry, buffers, labels = {} }: TransportContext,
  ) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.clock = telemetry.clock;
    this.keepalive = settings.keepalive ?? {};
    this.http2 = {
      clock: telemetry.clock,
      streamWindowBytes: STREAM_WINDOW_BYTES,
      connectionWindowBytes: CONNECTION_WINDOW_BYTES,
      maxHeaderListBytes: settings.maxHeaderBytes ?? 64 << 10,
      maxConcurrentStreams: settings.maxConcurrentStreams ?? 1000,
    };
    this.#logger = telemetry.logger;
    this.#refusals = new RefusalCounters(telemetry.metrics, { ...labels, transport: "grpc" });
    this.#failures = this.#refusals.handlerFailures;
    this.buffers = buffers;
    this.maxMessageBytes = settings.maxMessageBytes ?? 4 << 20;
    this.budget = new InflightBudget(this.maxMessageBytes * BUDGET_MESSAGES);
    this.#messageTimeoutMs = settings.messageTimeoutMs ?? 60_000;
    this.#address = settings.endpoint;
  }

  get address(): string {
    return this.#address;
  }

  async listen(): Promise<void> {
    if (this.#closing) throw new Error(`${this.#settings.endpoint}: the server was closed before it listened`);
    const server = this.#createServer();
    server.on("connection", (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#address = await listen(server, this.#settings);
    this.#server = server;
    server.on("error", (error) => this.#logger.error("gRPC server", { endpoint: this.#address, error }));
    await this.#watcher?.start();
  }

  #createServer(): net.Server {
    // Half-open: a client that has ended its side still gets the GOAWAY.
    const options = { allowHalfOpen: true, noDelay: true };
    const settings = this.#settings.tls;
    if (!settings) return net.createServer(options, (socket) => this.#accept(socket));
    const server = tls.createServer({
      ...options,
      ...loadServerTls(settings),
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.on("secureConnection", (socket) => {
      if (socket.alpnProtocol === "h2") this.#accept(socket);
      else socket.destroy();
    });
    // A handshake that fails is that connection's end; nothing else is to be done about it.
    server.on("tlsClientError", () => undefined);
    if (settings.reloadIntervalMs !== undefined || settings.clientCaFileReload === true) {
      const files = [settings.certFile, settings.keyFile, settings.caFile, settings.clientCaFile];
      const context = { clock: this.clock, logger: this.#logger };
      this.#watcher = new FileWatcher(files, settings.reloadIntervalMs ?? 10_000, context, () =>
        server.setSecureContext(loadServerTls(settings)),
      );
    }
    return server;
  }

  #accept(socket: net.Socket): void {
    const connection = new ServedConnection(socket, this);
    this.#connections.add(connection);
    if (this.#closing) connection.keeper.drain();
  }

  disconnected(connection: ServedConnection): void {
    this.#connections.delete(connection);
    this.#settleIfEmpty();
  }

  headersTooLarge(): void {
    this.#refusals.count("header_too_large");
  }

  begin(connection: GrpcConnection, stream: Stream, fields: readonly HeaderField[]): StreamReceiver | undefined {
    const { http2 } = connection;
    if (findHeader(fields, ":method") !== "POST") {
      return this.#turnAway("method", () => http2.respond(stream, NOT_POST));
    }
    if (!isGrpc(findHeader(fields, "content-type"))) {
      return this.#turnAway("content_type", () => http2.respond(stream, NOT_GRPC));
    }
    const path = findHeader(fields, ":path") ?? "";
    const handler = this.#handlers.get(path);
    if (!handler) {
      const message = `unknown method ${path.slice(0, 200)}`;
      return this.#turnAway("path", () => answerError(http2, stream, { status: GrpcStatus.UNIMPLEMENTED, message }));
    }
    const named = findHeader(fields, "grpc-encoding");
    const encoding = named === undefined ? "none" : ENCODINGS.get(named);
    if (encoding === undefined) {
      const message = `grpc-encoding ${named!.slice(0, 80)} is not known here; accepted: ${ACCEPTED_ENCODINGS}`;
      const accepted = [{ name: "grpc-accept-encoding", value: ACCEPTED_ENCODINGS }];
      return this.#turnAway("encoding", () =>
        answerError(http2, stream, { status: GrpcStatus.UNIMPLEMENTED, message }, accepted),
      );
    }
    const timeout = findHeader(fields, "grpc-timeout");
    const timeoutMs = timeout === undefined ? Infinity : parseGrpcTimeout(timeout);
    if (timeoutMs === undefined) {
      const message = `grpc-timeout ${timeout!.slice(0, 40)} is malformed`;
      return this.#turnAway("timeout_header", () =>
        answerError(http2, stream, { status: GrpcStatus.INTERNAL, message }),
      );
    }
    const nowMs = this.clock.monotonicMs();
    const messageByMs = nowMs + this.#messageTimeoutMs;
    const deadlineMs = nowMs + timeoutMs;
    const call = new GrpcCall(this, stream, fields, connection, { path, handler, encoding, messageByMs, deadlineMs });
    this.#calls.add(call);
    this.#armSweep();
    return call;
  }

  #turnAway(reason: RefusalReason, answer: () => void): undefined {
    this.#refusals.count(reason);
    answer();
  }

  /**
   * One timer for all calls, instead of one or two a call: late by up to a second for deadlines, which the client keeps
   * itself, and a quarter of its length for the message timeout.
   */
  #armSweep(): void {
    if (this.#sweep || this.#calls.size === 0) return;
    this.#sweep = this.clock.timer(Math.min(1000, this.#messageTimeoutMs / 4), () => {
      this.#sweep = undefined;
      const nowMs = this.clock.monotonicMs();
      for (const call of this.#calls) call.expire(nowMs);
      this.#armSweep();
    });
  }

  refused(reason: RefusalReason): void {
    this.#refusals.count(reason);
  }

  handlerFailed(path: string, error: unknown): void {
    this.#failures.add();
    this.#logger.error("gRPC handler failed", { path, error, stack: error instanceof Error ? error.stack : undefined });
  }

  ended(call: GrpcCall): void {
    this.#calls.delete(call);
    if (this.#closing) this.#settleIfEmpty();
  }

  async close(deadline: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#watcher?.close();
    if (this.#server?.listening) this.#server.close();
    for (const { keeper } of this.#connections) keeper.drain();
    for (const call of this.#calls) call.wrapUp();
    this.#settleIfEmpty();
    await untilDeadline(this.#empty.promise, deadline);
    for (const socket of this.#sockets) socket.destroy();
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  /** Calls outlive their connection while their handler runs; both must be gone. */
  #settleIfEmpty(): void {
    if (this.#closing && this.#connections.size === 0 && this.#calls.size === 0) this.#empty.resolve();
  }
}

/** `application/grpc`, with any codec behind a plus sign, for bytes are all that is taken. */
function isGrpc(contentType: string | undefined): boolean {
  if (contentType === "application/grpc") return true;
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/i.test(contentType);
}
