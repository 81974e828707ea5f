/** POSTs over HTTP/1.1 on `node:http`: bytes in, reply out. Browsers may be let in with CORS. */
import type * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import { nodeHttp } from "#node-http";
import type { BufferPool } from "#wire";
import type { Clock, Logger, Timer } from "#telemetry";
import { plainAddress } from "./address.ts";
import { Cors } from "./cors.ts";
import { type HttpErrorBody, HttpExchange, type HttpHost } from "./http-exchange.ts";
import { InflightBudget, listen, untilDeadline } from "./listener.ts";
import { RefusalCounters, type RefusalReason } from "./refusal-counters.ts";
import type { HttpServerSettings, TransportContext } from "./settings.ts";
import { FileWatcher, loadServerTls } from "./tls.ts";
import type { Compression, Connection, HttpHandler, Server } from "./types.ts";

/** Bytes held for requests under way, in largest bodies. */
const BUDGET_BODIES = 16;

/** The names that Content-Encoding may have, by what they are called in settings. */
const ENCODINGS: readonly Compression[] = ["gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed"];

/**
 * Makes a server for the given paths. It takes gzip, deflate and zlib (both the zlib format), zstd, snappy (block or
 * framed) and x-snappy-framed; what it can't take is answered as the Collector does (404, 405, 400 for an unknown
 * encoding, 413) and counted in `podflame_server_refused_requests`.
 *
 * @param errorBody makes the body of the server's own errors; plain text without it
 */
export function createHttpServer(
  settings: HttpServerSettings,
  handlers: ReadonlyMap<string, HttpHandler>,
  context: TransportContext,
  errorBody?: HttpErrorBody,
): Server {
  return new HttpServer(settings, handlers, context, errorBody);
}

class HttpServer implements Server, HttpHost {
  readonly buffers: BufferPool;
  readonly budget: InflightBudget;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  readonly writeTimeoutMs: number;
  readonly encodings: ReadonlyMap<string, Compression>;
  readonly cors: Cors | undefined;
  readonly errorBody: HttpErrorBody | undefined;
  readonly replyHeaders: Readonly<Record<string, string>>;
  readonly #settings: HttpServerSettings;
  readonly #handlers: ReadonlyMap<string, HttpHandler>;
  readonly #logger: Logger;
  readonly #refusals: RefusalCounters;
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #exchanges = new Set<HttpExchange>();
  #server: http.Server | undefined;
  #watcher: FileWatcher | undefined;
  #sweep: Timer | undefined;
  #address: string;
  #open = 0;
  #closing = false;
  readonly #empty = Promise.withResolvers<void>();

  constructor(
    settings: HttpServerSettings,
    handlers: ReadonlyMap<string, HttpHandler>,
    { telemetry, buffers, labels = {} }: TransportContext,
    errorBody: HttpErrorBody | undefined,
  ) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.#logger = telemetry.logger;
    this.#refusals = new RefusalCounters(telemetry.metrics, { ...labels, transport: "http" });
    this.#address = settings.endpoint;
    this.buffers = buffers;
    this.clock = telemetry.clock;
    this.maxBodyBytes = settings.maxBodyBytes ?? 20 << 20;
    this.budget = new InflightBudget(this.maxBodyBytes * BUDGET_BODIES);
    this.writeTimeoutMs = settings.writeTimeoutMs ?? 30_000;
    const allowed = settings.compressionAlgorithms ?? ENCODINGS;
    this.encodings = new Map<string, Compression>([
      ["", "none"],
      ["identity", "none"],
      ...ENCODINGS.filter((name) => allowed.includes(name)).map((name) => [name, name] as const),
    ]);
    this.cors = settings.cors && new Cors(settings.cors);
    this.errorBody = errorBody;
    this.replyHeaders = Object.fromEntries(
      Object.entries(settings.responseHeaders ?? {}).map(([name, value]) => [name, value.reveal()]),
    );
  }

  get address(): string {
    return this.#address;
  }

  get closing(): boolean {
    return this.#closing;
  }

  async listen(): Promise<void> {
    if (this.#closing) throw new Error(`${this.#settings.endpoint}: the server was closed before it listened`);
    const server = this.#createServer();
    server.on("request", (request, response) => this.#request(request, response, false));
    server.on("checkContinue", (request, response) => this.#request(request, response, true));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.#clientError(error, socket));
    server.on("connection", (socket: Socket) => {
      this.#open++;
      socket.once("close", () => {
        this.#open--;
        this.#settleIfEmpty();
      });
    });
    this.#address = await listen(server, this.#settings);
    this.#server = server;
    server.on("error", (error) => this.#logger.error("HTTP server", { endpoint: this.#address, error }));
    await this.#watcher?.start();
  }

  #createServer(): http.Server {
    // Without a limit on the whole request, slow bodies would hold their buffers for ever.
    const requestTimeout = this.#settings.readTimeoutMs || 60_000;
    const options: http.ServerOptions = {
      maxHeaderSize: this.#settings.maxHeaderBytes ?? 64 << 10,
      requestTimeout,
      headersTimeout: Math.min(this.#settings.readHeaderTimeoutMs || 60_000, requestTimeout),
      connectionsCheckingInterval: Math.min(30_000, Math.max(10, Math.round(requestTimeout / 4))),
      keepAliveTimeout: this.#settings.idleTimeoutMs || 60_000,
      noDelay: true,
    };
    const tls = this.#settings.tls;
    if (!tls) return this.#limited(nodeHttp.createServer(options));
    const server = https.createServer({ ...options, ...loadServerTls(tls), handshakeTimeout: 20_000 });
    if (tls.reloadIntervalMs !== undefined || tls.clientCaFileReload === true) {
      const files = [tls.certFile, tls.keyFile, tls.caFile, tls.clientCaFile];
      const context = { clock: this.clock, logger: this.#logger };
      this.#watcher = new FileWatcher(files, tls.reloadIntervalMs ?? 10_000, context, () =>
        server.setSecureContext(loadServerTls(tls)),
      );
    }
    return this.#limited(server);
  }

  #limited(server: http.Server): http.Server {
    if (this.#settings.keepAlivesEnabled === false) server.maxRequestsPerSocket = 1;
    return server;
  }

  #request(request: http.IncomingMessage, response: http.ServerResponse, expectsContinue: boolean): void {
    const path = pathOf(request.url ?? "");
    const handler = this.#handlers.get(path);
    const exchange = new HttpExchange(this, request, response, this.#connectionOf(request.socket), path, handler);
    this.#exchanges.add(exchange);
    exchange.begin(expectsContinue);
    this.#armSweep();
  }

  #connectionOf(socket: Socket): Connection {
    let connection = this.#connections.get(socket);
    if (!connection) {
      connection = { peerAddress: plainAddress(socket.remoteAddress), attachments: new Map() };
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  /** What Node's parser refuses, or its timeouts end: no request object exists, so the answer is written by hand. */
  #clientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const [reason, status] = clientErrorStatus(error.code);
    if (reason === undefined) {
      socket.destroy();
      return;
    }
    // Once a connection: what else it sends is refused again by the parser.
    if (!socket.writable) return;
    this.#refusals.count(reason);
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
  }

  #armSweep(): void {
    if (this.#sweep || this.#exchanges.size === 0 || this.writeTimeoutMs === 0) return;
    this.#sweep = this.clock.timer(Math.min(1000, this.writeTimeoutMs / 4), () => {
      this.#sweep = undefined;
      const nowMs = this.clock.monotonicMs();
      for (const exchange of this.#exchanges) exchange.expire(nowMs);
      this.#armSweep();
    });
  }

  refused(reason: RefusalReason): void {
    this.#refusals.count(reason);
  }

  handlerFailed(path: string, error: unknown): void {
    this.#refusals.handlerFailures.add();
    this.#logger.error("HTTP handler failed", { path, error, stack: error instanceof Error ? error.stack : undefined });
  }

  ended(exchange: HttpExchange): void {
    this.#exchanges.delete(exchange);
    if (this.#closing) this.#settleIfEmpty();
  }

  async close(deadline: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#watcher?.close();
    if (this.#server?.listening) this.#server.close();
    this.#server?.closeIdleConnections();
    this.#settleIfEmpty();
    await untilDeadline(this.#empty.promise, deadline);
    this.#server?.closeAllConnections();
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #settleIfEmpty(): void {
    if (this.#closing && this.#open === 0 && this.#exchanges.size === 0) this.#empty.resolve();
  }
}

function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

function clientErrorStatus(code: string | undefined): [RefusalReason | undefined, string] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return ["slow", "408 Request Timeout"];
  if (code === "HPE_HEADER_OVERFLOW") return ["header_too_large", "431 Request Header Fields Too Large"];
  // Resets and failed TLS handshakes come this way too; there is nobody to answer then.
  return code?.startsWith("HPE_") ? ["framing", "400 Bad Request"] : [undefined, ""];
}
