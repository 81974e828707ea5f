import type http from "node:http";
import https from "node:https";
import { nodeHttp } from "#node-http";
import type { Clock, MetricRegistry, Telemetry } from "#telemetry";
import type { ApiClient, ApiRequest, ApiResponse } from "./api-client.ts";
import type { ConnectionSettings } from "./connection.ts";
import type { ClientCertificate, Presented } from "./credentials.ts";
import { openEnvelope, statusFromJson, statusFromProtobuf } from "../decoding/envelope.ts";
import { ApiError, KubernetesConfigError, type ApiStatus } from "../errors.ts";
import { encodingOf } from "../decoding/media-types.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How long the head of an answer may take; servers themselves give up on a request after 60 s. */
const HEAD_TIMEOUT_MS = 65_000;
/** Of an error's body this much is read. */
const MAX_ERROR_BYTES = 64 << 10;
/** First version whose agents can go through a proxy by themselves (`proxyEnv`). */
const NODE_WITH_PROXY = [24, 5] as const;

/** What TLS says of a server's certificate that is of none of the authorities known. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** How an API client behaves besides where it connects. */
export interface HttpClientSettings {
  readonly qps: number;
  readonly burst: number;
  readonly userAgent: string;
}

/** `ApiClient` over HTTP/1.1 with kept connections: a watch holds one, everything else shares the others. */
export class HttpApiClient implements ApiClient {
  readonly server: string;
  readonly namespace: string | undefined;
  readonly #connection: ConnectionSettings;
  readonly #userAgent: string;
  readonly #bucket: TokenBucket;
  readonly #clock: Clock;
  readonly #metrics: MetricRegistry;
  #agent: http.Agent | undefined;
  /** What the server's certificate has to be of. */
  #authority: string | undefined;
  /** The certificate that the agent's connections were made with. */
  #certificate: ClientCertificate | undefined;
  #closed = false;

  constructor(connection: ConnectionSettings, settings: HttpClientSettings, telemetry: Telemetry) {
    if (connection.proxy) requireProxySupport();
    this.#connection = connection;
    this.#authority = connection.certificateAuthority;
    this.#userAgent = settings.userAgent;
    this.#clock = telemetry.clock;
    this.#metrics = telemetry.metrics;
    this.#bucket = new TokenBucket(telemetry.clock, settings.qps, settings.burst);
    const { origin, pathname } = connection.server;
    this.server = origin + pathname.replace(/\/$/, "");
    this.namespace = connection.namespace;
  }

  get(request: ApiRequest): Promise<ApiResponse> {
    return this.#exchange(request, undefined);
  }

  post(request: ApiRequest, object: unknown): Promise<ApiResponse> {
    return this.#exchange(request, JSON.stringify(object));
  }

  close(): void {
    this.#closed = true;
    this.#agent?.destroy();
  }

  /** @param posted undefined for a GET */
  async #exchange(request: ApiRequest, posted: string | undefined): Promise<ApiResponse> {
    for (let attempt = 1; ; attempt++) {
      if (!request.continuation) await this.#bucket.take(request.signal);
      const presented = await this.#connection.credentials.current(request.signal);
      const response = await this.#sendTrusting(request, posted, presented);
      const code = response.statusCode ?? 0;
      this.#count(request, String(code));
      if (code >= 200 && code < 300) {
        const serverTimeMs = Date.parse(response.headers.date ?? "");
        return {
          contentType: response.headers["content-type"] ?? "",
          body: response,
          serverTimeMs: Number.isNaN(serverTimeMs) ? undefined : serverTimeMs,
        };
      }
      const status = await errorStatus(response, this.#clock.nowMs());
      if (code === 401) this.#connection.credentials.refused();
      if (code !== 401 || attempt > 1) throw new ApiError(`${methodOf(posted)} ${this.server}${request.path}`, status);
    }
  }

  /** Sends it; once more where the cluster's authority was renewed since it was read. */
  async #sendTrusting(
    request: ApiRequest,
    posted: string | undefined,
    presented: Presented,
  ): Promise<http.IncomingMessage> {
    try {
      return await this.#send(request, posted, presented);
    } catch (error) {
      if (!UNTRUSTED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      // One that can't be read is as good as the one before.
      const authority = await this.#connection.renewAuthority?.().catch(() => undefined);
      if (authority === undefined || authority === this.#authority) throw error;
      this.#authority = authority;
      this.#dropAgent();
      return this.#send(request, posted, presented);
    }
  }

  #send(request: ApiRequest, posted: string | undefined, presented: Presented): Promise<http.IncomingMessage> {
    const { server, headers } = this.#connection;
    const query = new URLSearchParams(request.query).toString();
    const options: https.RequestOptions = {
      method: methodOf(posted),
      agent: this.#agentFor(presented.certificate),
      hostname: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port || (server.protocol === "https:" ? 443 : 80),
      path: server.pathname.replace(/\/$/, "") + request.path + (query && `?${query}`),
      headers: {
        "user-agent": this.#userAgent,
        accept: request.accept ?? "application/json",
        ...(posted !== undefined && { "content-type": "application/json" }),
        ...headers,
        ...(presented.authorization !== undefined && { authorization: presented.authorization }),
      } as http.OutgoingHttpHeaders,
      ...(request.signal && { signal: request.signal }),
    };
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error(`${this.server}: the client is closed`));
      const call = server.protocol === "https:" ? https.request(options) : nodeHttp.request(options);
      const timer = this.#clock.timer(HEAD_TIMEOUT_MS, () => {
        call.destroy(new Error(`no answer within ${HEAD_TIMEOUT_MS / 1000} s`));
      });
      let answered = false;
      call.once("response", (response) => {
        answered = true;
        timer.cancel();
        resolve(response);
      });
      // Stays, for a connection can fail after the head as well; whoever reads the body hears of that.
      call.on("error", (cause: NodeJS.ErrnoException) => {
        timer.cancel();
        if (request.signal?.aborted) return reject(request.signal.reason as Error);
        if (answered) return;
        // A kept connection that the server closed in the same moment: another one will do.
        if (call.reusedSocket && cause.code === "ECONNRESET") {
          return resolve(this.#send(request, posted, presented));
        }
        this.#count(request, "error");
        reject(this.#connectionError(cause));
      });
      call.end(posted);
    });
  }

  #agentFor(certificate: ClientCertificate | undefined): http.Agent {
    if (this.#agent && this.#certificate === certificate) return this.#agent;
    this.#dropAgent();
    const { server, insecureSkipVerify, tlsServerName, proxy } = this.#connection;
    const shared = {
      keepAlive: true,
      ...(proxy && { proxyEnv: { http_proxy: proxy.href, https_proxy: proxy.href } }),
    };
    this.#certificate = certificate;
    this.#agent =
      server.protocol === "http:"
        ? new nodeHttp.Agent(shared)
        : new https.Agent({
            ...shared,
            rejectUnauthorized: !insecureSkipVerify,
            ...(this.#authority !== undefined && { ca: this.#authority }),
            ...(tlsServerName !== undefined && { servername: tlsServerName }),
            ...certificate,
          });
    return this.#agent;
  }

  /** Connections in use go on with the old certificates until they end. */
  #dropAgent(): void {
    const old = this.#agent;
    this.#agent = undefined;
    if (old) closeIdle(old);
  }

  #count(request: ApiRequest, code: string): void {
    const help = "Requests to the API server by verb and HTTP status; `error` is no answer at all.";
    this.#metrics.counter("podflame_k8s_requests", { help }, { verb: request.verb ?? "get", code }).add();
  }

  #connectionError(cause: NodeJS.ErrnoException): Error {
    const { proxy } = this.#connection;
    // Node puts the proxy's address into its errors, and a password may be part of it.
    const via = proxy ? ` through the proxy ${proxy.host}` : "";
    const what = proxy?.password ? (cause.code ?? "the proxy refused") : cause.message;
    return Object.assign(new Error(`cannot reach ${this.server}${via}: ${what}`), {
      code: cause.code,
      ...(!proxy?.password && { cause }),
    });
  }
}

function methodOf(posted: string | undefined): "GET" | "POST" {
  return posted === undefined ? "GET" : "POST";
}

function requireProxySupport(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantedMajor, wantedMinor] = NODE_WITH_PROXY;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  const remedy = `use Node ${wantedMajor}.${wantedMinor} or newer, or leave proxy-url out`;
  throw new KubernetesConfigError(`Node ${process.versions.node} cannot use a proxy`, "proxy-url", remedy);
}

function closeIdle(agent: http.Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** What the body of an error says; without a Status in it, the HTTP status alone. */
async function errorStatus(response: http.IncomingMessage, nowMs: number): Promise<ApiStatus> {
  const body = await readStart(response);
  const headerDelayMs = retryAfterMs(response.headers["retry-after"], nowMs);
  const code = response.statusCode ?? 0;
  const said = statusOf(body, response.headers["content-type"] ?? "");
  return {
    code,
    reason: said?.reason ?? "",
    message: said?.message || response.statusMessage || "",
    retryAfterMs: headerDelayMs ?? said?.retryAfterMs,
  };
}

function statusOf(body: Buffer, contentType: string): ApiStatus | undefined {
  if (encodingOf(contentType) === "protobuf") {
    const envelope = openEnvelope(body, 0, body.length);
    return envelope && statusFromProtobuf(body, envelope.start, envelope.end);
  }
  const text = body.toString();
  try {
    return statusFromJson(JSON.parse(text));
  } catch {
    // Proxies and the server's own filters answer in plain text, sometimes with a page.
    const line = contentType.startsWith("text/plain") ? text.trim().split("\n", 1)[0]! : "";
    return { code: 0, reason: "", message: line.slice(0, 300), retryAfterMs: undefined };
  }
}

async function readStart(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The head has told enough.
  }
  return Buffer.concat(chunks);
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isFinite(at) ? Math.max(0, at - nowMs) : undefined;
}
