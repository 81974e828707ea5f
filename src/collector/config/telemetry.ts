import type { LogLevel, LogSettings } from "#telemetry";
import type { ConfigIssue } from "../component.ts";
import {
  anything,
  boolean,
  checked,
  defineConfig,
  FieldProblem,
  integer,
  list,
  mapped,
  oneOf,
  optional,
  parsed,
  record,
  section,
  shown,
  string,
} from "./fields.ts";

/** `service::telemetry`: how the process tells of itself. */
export interface TelemetryConfig {
  readonly logs: Pick<LogSettings, "level"> &
    Partial<Pick<LogSettings, "encoding">> & { readonly initialFields: Readonly<Record<string, unknown>> };
  readonly metrics: {
    /** Where Prometheus may scrape; empty where metrics are off. */
    readonly endpoints: readonly MetricsEndpoint[];
  };
  /** Attributes of the process itself, shown as `target_info`. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface MetricsEndpoint {
  readonly host: string;
  readonly port: number;
}

/** As upstream: loopback only. */
const DEFAULT_ENDPOINT: MetricsEndpoint = { host: "127.0.0.1", port: 8888 };

const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  dpanic: "error",
  panic: "error",
  fatal: "error",
};

const logLevel = parsed((text): LogLevel => {
  const level = LEVELS[text.toLowerCase()];
  if (level === undefined) throw new FieldProblem(`expected one of debug, info, warn, error, got ${shown(text)}`);
  return level;
});

const standardError = list(
  string((path) => {
    if (path !== "stderr")
      throw new FieldProblem(`logs go to standard error here: expected stderr, got ${shown(path)}`);
  }),
);

/** Upstream's switches for its logger's fine points, which have no counterpart here: taken and without effect. */
const WITHOUT_EFFECT = {
  development: optional(boolean()),
  disable_caller: optional(boolean()),
  disable_stacktrace: optional(boolean()),
  disable_zap_resource: optional(boolean()),
  sampling: optional(anything()),
};

const logs = mapped(
  section(
    {
      level: optional(logLevel, "info" as LogLevel),
      encoding: optional(oneOf(["console", "json"])),
      initial_fields: optional(record(anything()), {}),
      output_paths: optional(standardError),
      error_output_paths: optional(standardError),
      ...WITHOUT_EFFECT,
    },
    { processors: "logs aren't exported over OTLP here; they go to standard error" },
  ),
  ({ level, encoding, initial_fields: initialFields }) => ({
    level,
    initialFields,
    ...(encoding === undefined ? {} : { encoding }),
  }),
);

const prometheus = section({
  host: optional(string(), "localhost"),
  port: optional(integer({ min: 0, max: 65535 }), 8888),
  // How upstream's exporter spells names; here they are always as without units and scope, with _total.
  without_scope_info: optional(boolean()),
  without_type_suffix: optional(boolean()),
  without_units: optional(boolean()),
  with_resource_constant_labels: optional(anything()),
  translation_strategy: optional(string()),
});

const reader = checked(
  section(
    {
      pull: optional(section({ exporter: section({ prometheus: optional(prometheus) }) })),
    },
    { periodic: "metrics aren't pushed here; use a pull reader and scrape it" },
  ),
  (value): readonly ConfigIssue[] =>
    value.pull?.exporter.prometheus ? [] : [{ path: [], message: "expected pull: {exporter: {prometheus: {…}}}" }],
);

const metricsAddress = parsed((text): MetricsEndpoint => {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new FieldProblem(`expected host:port such as "127.0.0.1:8888", got ${shown(text)}`);
  return { host: match[1] ?? match[2] ?? "", port };
});

const metrics = mapped(
  section({
    level: optional(oneOf(["none", "basic", "normal", "detailed", "None", "Basic", "Normal", "Detailed"]), "normal"),
    address: optional(metricsAddress),
    readers: optional(list(reader)),
    views: optional(anything()),
  }),
  ({ level, address, readers }) => {
    if (level.toLowerCase() === "none") return { endpoints: [] };
    const pulled = readers?.flatMap(({ pull }) => (pull?.exporter.prometheus ? [pull.exporter.prometheus] : []));
    return { endpoints: pulled?.map(({ host, port }) => ({ host, port })) ?? [address ?? DEFAULT_ENDPOINT] };
  },
);

const schema = section(
  {
    logs: optional(logs, { level: "info" as LogLevel, initialFields: {} }),
    metrics: optional(metrics, { endpoints: [DEFAULT_ENDPOINT] }),
    resource: optional(record(optional(string(), "")), {}),
  },
  { traces: "podflame makes no traces of itself; remove the key" },
);

/** Reads `service::telemetry`. */
export const telemetryConfig = defineConfig<TelemetryConfig>(schema);

/** What holds where nothing is said. */
export const DEFAULT_TELEMETRY: TelemetryConfig = {
  logs: { level: "info", initialFields: {} },
  metrics: { endpoints: [DEFAULT_ENDPOINT] },
  resource: {},
};
