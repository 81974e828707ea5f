import type { Command } from "commander";
import { Collector, loadConfiguration } from "#collector";
import { createLogger, systemClock } from "#telemetry";
import { clusterAccess, namingOverlay, servingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { presetFile } from "./install.ts";
import { durationOption, repeatable } from "./options.ts";
import { hostPortOption, type HostPort, shownAddress } from "./ports.ts";
import { FatalReports, runCollector } from "./run-collector.ts";

interface GatewayFlags {
  readonly data?: string;
  readonly listen?: HostPort;
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly shutdownTimeout: number;
}

export function define(command: Command): void {
  command
    .description("Take profiles in by OTLP, name them by pod, keep them, and answer questions about them.")
    .option("--data <dir>", "folder that profiles are kept in (default: $PODFLAME_DATA, /var/lib/podflame)")
    .option("--listen <host:port>", "the page and the API are there (default: 127.0.0.1:4040)", hostPortOption)
    .option("--config <file>", "laid upon the preset; as `run` takes it", repeatable, [])
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option("--shutdown-timeout <duration>", "how long draining may take", durationOption, 30_000)
    .addHelpText(
      "after",
      `
Environment: PODFLAME_DATA, PODFLAME_LISTEN (address for OTLP and health, default 127.0.0.1), PODFLAME_UI (host:port of
the page and the API), PODFLAME_IDENTITY and PODFLAME_IDENTITY_TOKEN_FILE (host:port where agents ask who is who, default
127.0.0.1:4319, and the token that they must have).

Examples:
  podflame gateway --data /srv/podflame
  podflame gateway --set exporters::store::durability=fsync
  podflame config print gateway                  the configuration behind it

What the store keeps for how long, and what is lost when: docs/store.md. The API: docs/query.md.`,
    )
    .action((flags: GatewayFlags) => gateway(flags));
}

async function gateway({ data, listen, config, set, shutdownTimeout }: GatewayFlags): Promise<void> {
  const access = clusterAccess();
  if (data !== undefined) process.env["PODFLAME_DATA"] = data;
  if (listen !== undefined) process.env["PODFLAME_UI"] = shownAddress(listen);
  // What the user gives comes last.
  const overlays = [namingOverlay(access), servingOverlay(access)].map((yaml) => `yaml:${yaml}`);
  const configs = [presetFile("gateway")!, ...overlays, ...config];
  const fatal = new FatalReports();
  const collector = new Collector({
    load: () => loadConfiguration({ configs, sets: set }, catalog),
    createLogger: ({ initialFields, ...logs }) => createLogger(logs).child(initialFields),
    clock: systemClock,
    shutdownDeadlineMs: shutdownTimeout,
    onFatal: fatal.report,
  });
  await runCollector(collector, fatal, {
    beside: async () => {
      if (access === undefined) {
        collector.logger?.info(
          "neither a service account nor a kubeconfig is here: names are those that come with the data",
        );
      }
      return { stop: async () => undefined };
    },
  });
}
