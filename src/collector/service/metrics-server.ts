import type { Server } from "node:http";
import { nodeHttp } from "#node-http";
import type { MetricRegistry } from "#telemetry";
import type { MetricsEndpoint } from "../config/telemetry.ts";

/** Serves a registry at `/metrics` in the Prometheus text format. */
export class MetricsServer {
  readonly #endpoint: MetricsEndpoint;
  readonly #registry: MetricRegistry;
  #server: Server | undefined;

  constructor(endpoint: MetricsEndpoint, registry: MetricRegistry) {
    this.#endpoint = endpoint;
    this.#registry = registry;
  }

  /** The port in effect, once listening. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /** @throws Error with a remedy where the address can't be had */
  async listen(): Promise<void> {
    const server = nodeHttp.createServer((request, response) => {
      const path = request.url?.split("?")[0];
      if (path !== "/metrics") return void response.writeHead(404).end("see /metrics\n");
      if (request.method !== "GET" && request.method !== "HEAD") return void response.writeHead(405).end();
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

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
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
