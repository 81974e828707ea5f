import type { IncomingHttpHeaders } from "node:http";
import type { CorsSettings } from "./settings.ts";

/** Accepted where `allowedHeaders` lists none; what the Collector's CORS library does. */
const DEFAULT_HEADERS = ["accept", "content-type", "x-requested-with"];
/** Need no permission (Fetch standard, "CORS-safelisted request-header"). */
const SAFELISTED = ["accept", "accept-language", "content-type", "content-language"];

/** Answers browsers' questions about cross-origin requests, as the Collector with the same settings. */
export class Cors {
  readonly #settings: CorsSettings;
  readonly #origins: readonly RegExp[];
  readonly #anyOrigin: boolean;
  readonly #anyHeader: boolean;
  readonly #headers: ReadonlySet<string>;

  constructor(settings: CorsSettings) {
    this.#settings = settings;
    this.#anyOrigin = settings.allowedOrigins.includes("*");
    this.#origins = settings.allowedOrigins.map(originPattern);
    const listed = (settings.allowedHeaders ?? []).map((name) => name.toLowerCase());
    this.#anyHeader = listed.includes("*");
    this.#headers = new Set(listed.length > 0 ? [...listed, ...SAFELISTED] : DEFAULT_HEADERS);
  }

  /** Headers to add to the reply to an actual request; none where its origin isn't allowed. */
  replyHeaders(headers: IncomingHttpHeaders): Record<string, string> {
    const origin = this.#originHeaders(headers.origin);
    const { exposedHeaders } = this.#settings;
    if (origin["access-control-allow-origin"] === undefined || !exposedHeaders?.length) return origin;
    return { ...origin, "access-control-expose-headers": exposedHeaders.join(", ") };
  }

  /** Headers of the answer to a preflight (204 in any case; what is missing means no). Undefined: it isn't one. */
  preflightHeaders(headers: IncomingHttpHeaders): Record<string, string> | undefined {
    const method = headers["access-control-request-method"];
    if (headers.origin === undefined || method === undefined) return undefined;
    const answer = this.#originHeaders(headers.origin);
    const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    const asked = (headers["access-control-request-headers"] ?? "").toLowerCase().split(",");
    const names = asked.map((name) => name.trim()).filter((name) => name !== "");
    const allowed =
      answer["access-control-allow-origin"] !== undefined &&
      method === "POST" &&
      (this.#anyHeader || names.every((name) => this.#headers.has(name)));
    if (!allowed) return { vary };
    const { maxAgeSeconds } = this.#settings;
    return {
      ...answer,
      vary,
      "access-control-allow-methods": "POST",
      ...(names.length > 0 && { "access-control-allow-headers": names.join(", ") }),
      ...(maxAgeSeconds && { "access-control-max-age": String(maxAgeSeconds) }),
    };
  }

  #originHeaders(origin: string | undefined): Record<string, string> {
    if (origin === undefined) return {};
    // With `*` browsers refuse credentials anyway.
    if (this.#anyOrigin) return { "access-control-allow-origin": "*" };
    if (!this.#origins.some((pattern) => pattern.test(origin.toLowerCase()))) return { vary: "Origin" };
    return {
      vary: "Origin",
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
    };
  }
}

function originPattern(origin: string): RegExp {
  const parts = origin
    .toLowerCase()
    .split("*")
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
