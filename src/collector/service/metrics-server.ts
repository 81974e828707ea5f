import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { nodeHttp } from "#node-http";
import type { MetricRegistry } from "#telemetry";
import type { MetricsEndpoint } from "../config/telemetry.ts";
import type { DebugPages } from "./debug-pages.ts";

const DEBUG = "/debug/";
/** A sender beside us, in either family. */
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/**
 * Serves a registry at `/metrics` in the Prometheus text format, to whoever reaches it; and pages of JSON for those who
 * look for a fault at `/debug/NAME`, which tell more than numbers and therefore go to this machine alone.
 */
export class MetricsServer {
  readonly #endpoint: MetricsEndpoint;
  readonly #registry: MetricRegistry;
  readonly #pages: DebugPages;
  #server: Server | undefined;

  constructor(endpoint: MetricsEndpoint, registry: MetricRegistry, pages: DebugPages = new Map()) {
    this.#endpoint = endpoint;
    this.#registry = registry;
    this.#pages = pages;
  }

  /** The port in effect, once listening. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /** @throws Error with a remedy where the address can't be had */
  async listen(): Promise<void> {
    const server = nodeHttp.createServer((request, response) => {
      const path = request.url?.split("?")[0] ?? "";
      const page = path.startsWith(DEBUG) ? this.#pages.get(path.slice(DEBUG.length)) : undefined;
      if (path !== "/metrics" && page === undefined) return void response.writeHead(404).end(this.#knownPaths());
      if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405).end();
      if (page !== undefined) return this.#answerPage(page, request, response);
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
      response.end(this.#registry.render());
    });
    server.requestTimeout = 10_000;
    server.maxConnections = 100;
    const { host, port } = this.#endpoint;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(explained(error, `${host}:${port}`)));
      // An empty host means all addresses, as in Go.
      server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
    });
    server.removeAllListeners("error");
    server.on("error", () => undefined);
    // A process isn't kept alive by being observable.
    server.unref();
    this.#server = server;
  }

  /** A page of a web site may ask as well, by a name that leads here; it can't read the answer of a name that is ours. */
  #answerPage(page: () => unknown, request: IncomingMessage, response: ServerResponse): void {
    const isLocal = LOOPBACK.test(request.socket.remoteAddress ?? "") && isLocalHost(request.headers.host ?? "");
    if (!isLocal) {
      const remedy = "ask http://127.0.0.1 on the machine itself, in its pod with kubectl exec or port-forward";
      return void response.writeHead(403).end(`debug pages are for this machine alone: ${remedy}\n`);
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`${JSON.stringify(page(), null, 2)}\n`);
  }

  #knownPaths(): string {
    return `see ${["/metrics", ...[...this.#pages.keys()].map((name) => DEBUG + name)].join(", ")}\n`;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function isLocalHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host);
}

function explained(error: NodeJS.ErrnoException, address: string): Error {
  const remedy =
    "give another port with --set service::telemetry::metrics::address=HOST:PORT, " +
    "or none with --set service::telemetry::metrics::level=none";
  const what = error.code === "EADDRINUSE" ? "is taken by another process" : `can't be listened on (${error.message})`;
  return Object.assign(new Error(`own metrics: ${address} ${what}; ${remedy}`, { cause: error }), {
    code: error.code,
  });
}
