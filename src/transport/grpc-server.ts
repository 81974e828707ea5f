/** gRPC's unary calls on `node:http2`: bytes in, reply out. Why not grpc-js: docs/decisions/0001-http2.md. */
import * as http2 from "node:http2";
import * as net from "node:net";
import type { BufferPool } from "#wire";
import type { Clock, Counter, Logger, Timer } from "#telemetry";
import { plainAddress } from "./address.ts";
import { answerError, answerHeaders, type CallHost, GrpcCall, type GrpcConnection } from "./grpc-call.ts";
import { parseGrpcTimeout } from "./grpc-wire.ts";
import { InflightBudget, listen, untilDeadline } from "./listener.ts";
import { RefusalCounters, type RefusalReason } from "./refusal-counters.ts";
import { ConnectionKeeper } from "./server-keepalive.ts";
import type { GrpcServerSettings, TransportContext } from "./settings.ts";
import { FileWatcher, loadServerTls } from "./tls.ts";
import { type Compression, type GrpcHandler, GrpcStatus, type Server } from "./types.ts";

/** What may be sent before the server reads: 64 KiB would cost a round trip each 64 KiB (228 instead of 14 ms a MiB). */
const STREAM_WINDOW_BYTES = 4 << 20;
const SESSION_WINDOW_BYTES = 16 << 20;
/** Bytes held for calls under way, in largest messages. */
const BUDGET_MESSAGES = 64;

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
 */
export function createGrpcServer(
  settings: GrpcServerSettings,
  handlers: ReadonlyMap<string, GrpcHandler>,
  context: TransportContext,
): Server {
  return new GrpcServer(settings, handlers, context);
}

class GrpcServer implements Server, CallHost {
  readonly buffers: BufferPool;
  readonly budget: InflightBudget;
  readonly maxMessageBytes: number;
  readonly #settings: GrpcServerSettings;
  readonly #handlers: ReadonlyMap<string, GrpcHandler>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #refusals: RefusalCounters;
  readonly #failures: Counter;
  readonly #connections = new Map<http2.Http2Session, GrpcConnection>();
  readonly #calls = new Set<GrpcCall>();
  readonly #messageTimeoutMs: number;
  #sweep: Timer | undefined;
  #server: http2.Http2Server | http2.Http2SecureServer | undefined;
  #watcher: FileWatcher | undefined;
  #address: string;
  #closing = false;
  readonly #empty = Promise.withResolvers<void>();

  constructor(
    settings: GrpcServerSettings,
    handlers: ReadonlyMap<string, GrpcHandler>,
    { telemetry, buffers, labels = {} }: TransportContext,
  ) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#clock = telemetry.clock;
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
    // The session hides its socket; the event before its own tells which it is.
    let socket: net.Socket;
    const connected = this.#settings.tls ? "secureConnection" : "connection";
    server.prependListener(connected, (opened: net.Socket) => (socket = opened));
    server.on("session", (session) => this.#accept(session, socket));
    server.on("stream", (stream: http2.ServerHttp2Stream, headers) => this.#call(stream, headers));
    // Errors of one connection are that connection's end; nothing else is to be done about them.
    server.on("sessionError", () => undefined);
    this.#address = await listen(server, this.#settings);
    this.#server = server;
    server.on("error", (error) => this.#logger.error("gRPC server", { endpoint: this.#address, error }));
    await this.#watcher?.start();
  }

  #createServer(): http2.Http2Server | http2.Http2SecureServer {
    const options: http2.ServerOptions = {
      settings: {
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxConcurrentStreams: this.#settings.maxConcurrentStreams ?? 1000,
        maxHeaderListSize: this.#settings.maxHeaderBytes ?? 64 << 10,
        enablePush: false,
      },
      // Node counts what waits to be sent, and refuses streams beyond it; the default of 10 MB is less than the window.
      maxSessionMemory: 64,
    };
    const tls = this.#settings.tls;
    if (!tls) return http2.createServer(options);
    const server = http2.createSecureServer({
      ...options,
      ...loadServerTls(tls),
      ALPNProtocols: ["h2"],
      handshakeTimeout: 20_000,
    });
    if (tls.reloadIntervalMs !== undefined || tls.clientCaFileReload === true) {
      const files = [tls.certFile, tls.keyFile, tls.caFile, tls.clientCaFile];
      const context = { clock: this.#clock, logger: this.#logger };
      this.#watcher = new FileWatcher(files, tls.reloadIntervalMs ?? 10_000, context, () =>
        server.setSecureContext(loadServerTls(tls)),
      );
    }
    return server;
  }

  #accept(session: http2.ServerHttp2Session, socket: net.Socket): void {
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    const keeper = new ConnectionKeeper(session, socket, this.#settings.keepalive ?? {}, this.#clock);
    const peerAddress = plainAddress(socket.remoteAddress);
    this.#connections.set(session, { peerAddress, attachments: new Map(), keeper });
    session.once("close", () => {
      this.#connections.delete(session);
      this.#settleIfEmpty();
    });
    if (this.#closing) keeper.drain();
  }

  #call(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const connection = this.#connections.get(stream.session!);
    if (!connection) return;
    const path = headers[":path"] ?? "";
    if (headers[":method"] !== "POST") {
      return this.#turnAway(stream, "method", () => answerHeaders(stream, { ":status": 405, allow: "POST" }));
    }
    if (!isGrpc(headers["content-type"])) {
      return this.#turnAway(stream, "content_type", () => answerHeaders(stream, { ":status": 415 }));
    }
    const handler = this.#handlers.get(path);
    if (!handler) {
      const message = `unknown method ${path.slice(0, 200)}`;
      return this.#turnAway(stream, "path", () => answerError(stream, { status: GrpcStatus.UNIMPLEMENTED, message }));
    }
    const named = headers["grpc-encoding"];
    const encoding = named === undefined ? "none" : ENCODINGS.get(String(named));
    if (encoding === undefined) {
      const message = `grpc-encoding ${String(named).slice(0, 80)} is not known here; accepted: ${ACCEPTED_ENCODINGS}`;
      return this.#turnAway(stream, "encoding", () =>
        answerError(
          stream,
          { status: GrpcStatus.UNIMPLEMENTED, message },
          { "grpc-accept-encoding": ACCEPTED_ENCODINGS },
        ),
      );
    }
    const timeout = headers["grpc-timeout"];
    const timeoutMs = timeout === undefined ? Infinity : parseGrpcTimeout(String(timeout));
    if (timeoutMs === undefined) {
      const message = `grpc-timeout ${String(timeout).slice(0, 40)} is malformed`;
      return this.#turnAway(stream, "timeout_header", () =>
        answerError(stream, { status: GrpcStatus.INTERNAL, message }),
      );
    }
    const nowMs = this.#clock.monotonicMs();
    const messageByMs = nowMs + this.#messageTimeoutMs;
    const deadlineMs = nowMs + timeoutMs;
    this.#calls.add(
      new GrpcCall(this, stream, headers, connection, { path, handler, encoding, messageByMs, deadlineMs }),
    );
    this.#armSweep();
  }

  #turnAway(stream: http2.ServerHttp2Stream, reason: RefusalReason, answer: () => void): void {
    stream.on("error", () => undefined);
    this.#refusals.count(reason);
    answer();
  }

  /**
   * One timer for all calls, instead of one or two a call: late by up to a second for deadlines, which the client keeps
   * itself, and a quarter of its length for the message timeout.
   */
  #armSweep(): void {
    if (this.#sweep || this.#calls.size === 0) return;
    this.#sweep = this.#clock.timer(Math.min(1000, this.#messageTimeoutMs / 4), () => {
      this.#sweep = undefined;
      const nowMs = this.#clock.monotonicMs();
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
    // Only net's part: http2's own close ends sessions by a GOAWAY that refuses calls already on their way.
    if (this.#server?.listening) net.Server.prototype.close.call(this.#server);
    for (const { keeper } of this.#connections.values()) keeper.drain();
    this.#settleIfEmpty();
    await untilDeadline(this.#empty.promise, deadline);
    for (const { keeper } of this.#connections.values()) keeper.sever();
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
