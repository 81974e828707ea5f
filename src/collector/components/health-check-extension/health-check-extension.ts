import type { Server } from "node:http";
import { nodeHttp } from "#node-http";
import { SERVICE_STATUS, type Component, type ComponentContext, type ServiceStatus } from "#collector";
import type { HealthCheckConfig } from "./config.ts";

/**
 * Answers 200 while the service is ready and 503 while it starts or stops, with the body of the Collector's extension,
 * which probes and people already read.
 */
export class HealthCheckExtension implements Component {
  readonly #context: ComponentContext;
  readonly #config: HealthCheckConfig;
  readonly #status: ServiceStatus;
  #server: Server | undefined;

  constructor(context: ComponentContext, config: HealthCheckConfig) {
    this.#context = context;
    this.#config = config;
    // The service puts its status there before it makes components; alone in a test there is none.
    this.#status = context.host.service<ServiceStatus>(SERVICE_STATUS, () => ({
      state: "starting",
      readySinceMs: undefined,
    }));
  }

  /** The port in effect, once started. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  async start(): Promise<void> {
    const { host, port, path } = this.#config;
    const server = nodeHttp.createServer((request, response) => {
      if (request.url?.split("?")[0] !== path) return void response.writeHead(404).end();
      const { code, body } = this.#answer();
      response.writeHead(code, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
    server.requestTimeout = 10_000;
    server.maxConnections = 100;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const what = error.code === "EADDRINUSE" ? "is taken by another process" : error.message;
        const message = `endpoint ${host}:${port} ${what}; choose another endpoint`;
        reject(Object.assign(new Error(message, { cause: error }), { code: error.code }));
      });
      server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
    });
    server.removeAllListeners("error");
    server.on("error", (error) => this.#context.telemetry.logger.warn("health check server", { error }));
    this.#server = server;
  }

  async shutdown(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #answer(): { code: number; body: Readonly<Record<string, string>> } {
    const { state, readySinceMs } = this.#status;
    if (state !== "ready" || readySinceMs === undefined) {
      return { code: 503, body: { status: "Server not available", upSince: "0001-01-01T00:00:00Z", uptime: "" } };
    }
    const uptime = goDuration(this.#context.telemetry.clock.nowMs() - readySinceMs);
    return { code: 200, body: { status: "Server available", upSince: new Date(readySinceMs).toISOString(), uptime } };
  }
}

/** Milliseconds as Go prints a duration, e.g. `1h2m3.5s`. */
function goDuration(ms: number): string {
  if (ms <= 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = (ms % 60_000) / 1000;
  return `${hours > 0 ? `${hours}h` : ""}${ms >= 60_000 ? `${minutes}m` : ""}${seconds}s`;
}
