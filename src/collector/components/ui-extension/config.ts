import {
  defineConfig,
  durationMs,
  FieldProblem,
  integer,
  list,
  mapped,
  oneOf,
  optional,
  parsed,
  section,
  shown,
  string,
} from "#collector";

/** What a user writes under `ui`. */
export interface UiConfig {
  readonly host: string;
  readonly port: number;
  /** Id of the `store` exporter; undefined: the only one. */
  readonly store: string | undefined;
  /** Names that browsers may call this server by, besides addresses and localhost. */
  readonly allowedHosts: readonly string[];
  /** Folder of the page; undefined: the one of the installation. */
  readonly assets: string | undefined;
  readonly mode: UiMode;
  readonly queryTimeoutMs: number | undefined;
  readonly maxConcurrentQueries: number | undefined;
}

/** What the page says of where its samples come from. */
export interface UiMode {
  readonly kind: "live" | "recorded";
  readonly reason: string;
  readonly remedy: string;
}

const endpoint = parsed((text): { host: string; port: number } => {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw new FieldProblem(`expected host:port such as "127.0.0.1:4040", got ${shown(text)}`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
});

const hostName = string((text) => {
  if (!/^(?:\*|[a-z0-9.-]+)$/i.test(text))
    throw new FieldProblem(`expected a host's name without port, got ${shown(text)}`);
});

const mode = section({
  kind: optional(oneOf(["live", "recorded"]), "live"),
  reason: optional(string(), ""),
  remedy: optional(string(), ""),
});

const LIVE: UiMode = { kind: "live", reason: "", remedy: "" };

export const uiConfig = defineConfig<UiConfig>(
  mapped(
    section(
      {
        endpoint: optional(endpoint, { host: "127.0.0.1", port: 4040 }),
        store: optional(string()),
        allowed_hosts: optional(list(hostName), []),
        assets: optional(string()),
        mode: optional(mode, LIVE),
        query_timeout: optional(durationMs({ min: 100 })),
        max_concurrent_queries: optional(integer({ min: 1, max: 1000 })),
      },
      { tls: "the page is served without TLS here; put a proxy before it, or use kubectl port-forward" },
    ),
    (read) => ({
      ...read.endpoint,
      store: read.store,
      allowedHosts: read.allowed_hosts.map((name) => name.toLowerCase()),
      assets: read.assets,
      mode: read.mode,
      queryTimeoutMs: read.query_timeout,
      maxConcurrentQueries: read.max_concurrent_queries,
    }),
  ),
);
