import { type Signal, SIGNALS } from "#otlp";
import type { HttpClientSettings } from "#transport";
import {
  checked,
  type ConfigIssue,
  defineConfig,
  FieldProblem,
  HTTP_CLIENT_UNSUPPORTED,
  httpClientEntries,
  httpClientProblems,
  httpClientSettings,
  isHttpUrl,
  LAYOUT_CHOICES,
  type LayoutChoice,
  mapped,
  oneOf,
  oneOfReleases,
  optional,
  type OtlpExporterSettings,
  section,
  sendingEntries,
  sendingSettings,
  shown,
  string,
  USER_AGENT,
} from "#collector";

/** How requests are written: as the bytes that came in, or as OTLP/JSON. */
export type Encoding = "proto" | "json";

/** What an `otlp_http` exporter works with. */
export interface OtlpHttpExporterConfig extends OtlpExporterSettings {
  readonly client: HttpClientSettings;
  readonly encoding: Encoding;
  /** Full URLs of single signals; the others go to the standard path behind `client.endpoint`. */
  readonly endpoints: Readonly<Partial<Record<Signal, string>>>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

const url = () =>
  optional(
    string((text) => {
      if (!isHttpUrl(text)) {
        throw new FieldProblem(`expected a URL such as "http://gateway:4318/v1/traces", got ${shown(text)}`);
      }
    }),
  );

const entries = {
  ...httpClientEntries(),
  ...sendingEntries(DEFAULT_TIMEOUT_MS),
  traces_endpoint: url(),
  metrics_endpoint: url(),
  logs_endpoint: url(),
  profiles_endpoint: url(),
  encoding: optional(oneOf(["proto", "json"]), "proto"),
  layout: optional(oneOfReleases(LAYOUT_CHOICES), "as_received"),
  auth: optional(section({ authenticator: string() })),
};

export const otlpHttpExporterConfig = defineConfig<OtlpHttpExporterConfig>(
  mapped(
    checked(section(entries, HTTP_CLIENT_UNSUPPORTED), (read) => [
      ...httpClientProblems(read),
      ...jsonLayoutProblems(read.encoding, read.layout),
      ...missingEndpoint(
        read.endpoint,
        SIGNALS.map((signal) => read[`${signal}_endpoint`]),
      ),
    ]),
    (read) => ({
      client: { ...httpClientSettings(read), userAgent: USER_AGENT },
      sending: sendingSettings(read),
      layout: read.layout,
      encoding: read.encoding,
      endpoints: Object.fromEntries(
        SIGNALS.map((signal) => [signal, read[`${signal}_endpoint`]]).filter(([, endpoint]) => endpoint !== undefined),
      ) as Partial<Record<Signal, string>>,
      authenticator: read.auth?.authenticator,
    }),
  ),
);

function missingEndpoint(endpoint: string, ofSignals: readonly (string | undefined)[]): ConfigIssue[] {
  if (endpoint !== "" || ofSignals.some((one) => one !== undefined)) return [];
  return [{ path: ["endpoint"], message: "is missing: give endpoint, or traces_endpoint and its like" }];
}

function jsonLayoutProblems(encoding: Encoding, layout: LayoutChoice): ConfigIssue[] {
  if (encoding === "proto" || layout === "as_received" || layout === "1.10") return [];
  return [{ path: ["layout"], message: `with encoding json profiles can only be sent as 1.10, got ${layout}` }];
}
