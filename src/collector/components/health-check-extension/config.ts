import { defineConfig, FieldProblem, mapped, optional, parsed, section, shown, string } from "#collector";

/** What a user writes under `health_check`. */
export interface HealthCheckConfig {
  readonly host: string;
  readonly port: number;
  /** Path of the page, beginning with a slash. */
  readonly path: string;
}

const endpoint = parsed((text): { host: string; port: number } => {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw new FieldProblem(`expected host:port such as "127.0.0.1:13133", got ${shown(text)}`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
});

const path = string((text) => {
  if (!text.startsWith("/")) throw new FieldProblem(`must begin with "/", got ${shown(text)}`);
});

export const healthCheckConfig = defineConfig<HealthCheckConfig>(
  mapped(
    section(
      { endpoint: optional(endpoint, { host: "127.0.0.1", port: 13133 }), path: optional(path, "/") },
      {
        check_collector_pipeline: "upstream removed the check behind it; remove the key",
        tls: "the page is served without TLS here; bind it to loopback or the pod's network",
        response_body: "the answer is upstream's JSON; remove the key",
      },
    ),
    ({ endpoint: { host, port }, path: page }) => ({ host, port, path: page }),
  ),
);
