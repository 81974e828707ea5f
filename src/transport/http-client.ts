/** POSTs over HTTP/1.1 on `node:http` and `node:https`, over connections that are kept. */
import { createHash } from "node:crypto";
import type * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { nodeHttp } from "#node-http";
import type { BufferPool, MessageBuffer } from "#wire";
import type { Clock } from "#telemetry";
import { createDeflater, type Deflater } from "./compression.ts";
import { MAX_REPLY_BYTES } from "./grpc-wire.ts";
import type { HttpClientSettings, TransportContext } from "./settings.ts";
import { loadClientTls } from "./tls.ts";
import type { CallOptions, CallResult, Client } from "./types.ts";

/** How long changed certificate files may go unnoticed. */
const TLS_FRESH_MS = 10_000;

/**
 * Makes a client. `call`'s path is appended to the endpoint's, or is a URL itself. Compresses with gzip, deflate and
 * zlib (both the zlib format), zstd, snappy (one block) or x-snappy-framed; `Content-Type` comes with `call`'s headers.
 * Redirects are not followed: they are answers like others. Honors `Retry-After` in either form.
 *
 * @throws Error when the endpoint is no URL or the certificates can't be used
 */
export function createHttpClient(settings: HttpClientSettings, context: TransportContext): Client {
  return new HttpClient(settings, context);
}

class HttpClient implements Client {
  readonly #settings: HttpClientSettings;
  readonly #clock: Clock;
  readonly #deflater: Deflater | undefined;
  readonly #headers: http.OutgoingHttpHeaders;
  readonly #agents = new Map<string, { agent: http.Agent; madeMs: number; material: string }>();

  constructor(settings: HttpClientSettings, { telemetry, buffers }: TransportContext) {
    if (settings.endpoint !== "" && !URL.canParse(settings.endpoint)) {
      throw new Error(`${settings.endpoint}: expected a URL such as http://gateway:4318`);
    }
    if (settings.tls) loadClientTls(settings.tls);
    this.#settings = settings;
    this.#clock = telemetry.clock;
    this.#deflater = deflaterOf(settings, buffers);
    this.#headers = {
      ...(settings.userAgent !== undefined && { "user-agent": settings.userAgent }),
      ...(this.#deflater && { "content-encoding": settings.compression }),
      ...Object.fromEntries(Object.entries(settings.headers ?? {}).map(([name, value]) => [name, value.reveal()])),
    };
  }

  async call(path: string, message: MessageBuffer, options: CallOptions): Promise<CallResult> {
    const url = this.#url(path);
    message.retain();
    if (!this.#deflater) return this.#send(url, message, options);
    try {
      const body = await this.#deflater.deflate(message.bytes);
      return await this.#send(url, body, options);
    } finally {
      message.release();
    }
  }

  #url(path: string): URL {
    if (/^https?:\/\//i.test(path)) return new URL(path);
    const url = new URL(this.#settings.endpoint);
    url.pathname = `${url.pathname.replace(/\/$/, "")}${path}`;
    return url;
  }

  /** Takes over the reference to `body`. */
  #send(url: URL, body: MessageBuffer, options: CallOptions): Promise<CallResult> {
    let request: http.ClientRequest;
    try {
      request = (url.protocol === "https:" ? https : nodeHttp).request(url, {
        method: "POST",
        agent: this.#agent(url),
        headers: { ...this.#headers, ...options.headers, "content-length": body.bytes.length },
      });
    } catch (error) {
      // Certificates that were there at the start and aren't now.
      body.release();
      const cause = error as Error;
      return Promise.resolve({ message: `can't send to ${url.host}: ${cause.message}`, cause });
    }
    // After this event neither request nor socket read the body.
    request.once("close", () => body.release());
    const outcome = this.#outcome(url, request, options);
    request.end(body.bytes);
    return outcome;
  }

  #outcome(url: URL, request: http.ClientRequest, options: CallOptions): Promise<CallResult> {
    return new Promise((resolve) => {
      const settle = (result: CallResult): void => {
        timer.cancel();
        options.signal?.removeEventListener("abort", aborted);
        resolve(result);
      };
      const aborted = (): void => {
        settle({ message: "canceled by the sender" });
        request.destroy();
      };
      const timer = this.#clock.timer(options.timeoutMs, () => {
        settle({ message: `no answer within ${options.timeoutMs} ms` });
        request.destroy();
      });
      request.once("error", (cause: NodeJS.ErrnoException) => {
        const what = cause.message === "" ? (cause.code ?? "error") : cause.message;
        settle({ message: `can't send to ${url.host}: ${what}`, cause });
      });
      request.once("response", (response) => this.#read(response, settle));
      if (options.signal?.aborted) aborted();
      else options.signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  #read(response: http.IncomingMessage, settle: (result: CallResult) => void): void {
    const pieces: Uint8Array[] = [];
    let size = 0;
    const done = (cause?: Error): void => {
      const status = response.statusCode!;
      const retryAfterMs = parseRetryAfter(response.headers["retry-after"], this.#clock.nowMs());
      settle({
        httpStatus: status,
        message: `HTTP ${status} ${response.statusMessage ?? ""}`.trim(),
        ...(size > 0 && size <= MAX_REPLY_BYTES && { body: Buffer.concat(pieces) }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
        ...(cause && { cause }),
      });
    };
    response.on("data", (piece: Uint8Array) => {
      size += piece.length;
      if (size <= MAX_REPLY_BYTES) pieces.push(piece);
      else response.destroy();
    });
    response.once("end", () => done());
    // The status counts, also where the body was cut off.
    response.once("error", (error: Error) => done(error));
    response.once("close", () => done());
  }

  /** The agent of a URL's scheme; a new one when the certificate files have changed. */
  #agent(url: URL): http.Agent {
    const nowMs = this.#clock.monotonicMs();
    // Loopback is never sent through a proxy of the environment, as in Go; so it has an agent of its own.
    const key = `${url.protocol}${isLoopback(url.hostname) ? "loopback" : ""}`;
    const known = this.#agents.get(key);
    if (known && (url.protocol === "http:" || nowMs - known.madeMs < TLS_FRESH_MS)) return known.agent;
    const tls = url.protocol === "https:" ? loadClientTls(this.#settings.tls ?? {}) : {};
    const material = createHash("sha256").update(JSON.stringify(tls)).digest("base64");
    if (known?.material === material) {
      known.madeMs = nowMs;
      return known.agent;
    }
    const agent = this.#makeAgent(url, tls);
    this.#agents.set(key, { agent, madeMs: nowMs, material });
    if (known) retire(known.agent);
    return agent;
  }

  #makeAgent(url: URL, tls: https.AgentOptions): http.Agent {
    const { maxConnections, maxIdleConnections, idleTimeoutMs, disableKeepAlives, proxyUrl } = this.#settings;
    const fromEnvironment = isLoopback(url.hostname) ? undefined : process.env;
    const proxyEnv = proxyUrl === undefined ? fromEnvironment : { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl };
    const options: http.AgentOptions = {
      keepAlive: disableKeepAlives !== true,
      maxSockets: maxConnections || Infinity,
      maxFreeSockets: maxIdleConnections || 100,
      // On an idle socket the agent ends it; on a busy one nobody listens.
      timeout: idleTimeoutMs || 90_000,
      ...(proxyEnv && { proxyEnv }),
    };
    return url.protocol === "https:" ? new https.Agent({ ...options, ...tls }) : new nodeHttp.Agent(options);
  }

  close(): Promise<void> {
    for (const { agent } of this.#agents.values()) agent.destroy();
    this.#agents.clear();
    return Promise.resolve();
  }
}

/** Requests under way go on; connections with the old certificate are not used again. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

function deflaterOf(settings: HttpClientSettings, buffers: BufferPool): Deflater | undefined {
  const { compression = "none", compressionLevel: level } = settings;
  return compression === "none" ? undefined : createDeflater({ compression, level }, buffers);
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Reads `Retry-After` (RFC 9110, 10.2.3) into milliseconds from now; undefined where it is neither form. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
