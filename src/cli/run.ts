import type { Command } from "commander";
import { Collector, loadConfiguration, readFeatureGates } from "#collector";
import { createLogger, systemClock } from "#telemetry";
import { catalog } from "./components.ts";
import { ExitCode, Fault } from "./exit.ts";
import { durationOption, repeatable } from "./options.ts";
import { FatalReports, runCollector } from "./run-collector.ts";

interface RunFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly featureGates: readonly string[];
  readonly shutdownTimeout: number;
}

export function define(command: Command): void {
  command
    .description("Run the pipelines of an OpenTelemetry Collector configuration.")
    .option(
      "--config <file>",
      "file, file:PATH, env:NAME or yaml:TEXT; later ones are laid upon earlier ones",
      repeatable,
      [],
    )
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option("--feature-gates <list>", "as the Collector's; none changes anything here", repeatable, [])
    .option("--shutdown-timeout <duration>", "how long draining may take", durationOption, 30_000)
    .addHelpText(
      "after",
      `
Examples:
  podflame run --config otelcol.yaml
  podflame run --config base.yaml --config site.yaml --set processors::batch::timeout=2s
  podflame run --config otelcol.yaml --set service.telemetry.logs.level=debug

SIGTERM or Ctrl-C: intake ends, pipelines drain. A second one ends at once.
SIGHUP or a changed file: the configuration is read again and takes effect if it's valid.`,
    )
    .action((flags: RunFlags) => run(flags));
}

async function run(flags: RunFlags): Promise<void> {
  if (flags.config.length === 0) {
    throw new Fault(ExitCode.USER, "run needs a configuration: podflame run --config FILE (or try: podflame up)");
  }
  const gates = readFeatureGates(flags.featureGates);
  if (gates.problems.length > 0) throw new Fault(ExitCode.USER, gates.problems.join("\n"));
  const fatal = new FatalReports();
  const collector = new Collector({
    load: () => loadConfiguration({ configs: flags.config, sets: flags.set }, catalog),
    createLogger: ({ initialFields, ...logs }) => createLogger(logs).child(initialFields),
    clock: systemClock,
    shutdownDeadlineMs: flags.shutdownTimeout,
    onFatal: fatal.report,
    featureGates: gates.gates,
  });
  await runCollector(collector, fatal, {
    beside: async () => {
      for (const warning of gates.warnings) collector.logger?.warn(warning);
      return { stop: async () => undefined };
    },
  });
}
