import type { Command } from "commander";
import { Collector, loadConfiguration } from "#collector";
import { createLogger, systemClock } from "#telemetry";
import { clusterAccess, namingOverlay } from "./cluster-access.ts";
import { catalog } from "./components.ts";
import { presetFile } from "./install.ts";
import { durationOption, repeatable } from "./options.ts";
import { FatalReports, runCollector } from "./run-collector.ts";

interface AgentFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly keepPrivileges?: boolean;
  readonly shutdownTimeout: number;
}

export function define(command: Command): void {
  command
    .description("Sample this node, name what was sampled by container and pod, and send it to an OTLP gateway.")
    .option("--config <file>", "laid upon the preset; as `run` takes it", repeatable, [])
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option("--keep-privileges", "don't give up the rights that only the start needs")
    .option("--shutdown-timeout <duration>", "how long draining may take", durationOption, 30_000)
    .addHelpText(
      "after",
      `
Environment: OTEL_EXPORTER_OTLP_ENDPOINT (default localhost:4317), KUBERNETES_NODE_NAME (in a cluster, the node's name),
PODFLAME_SAMPLES_PER_SECOND (default 20).

Examples:
  sudo OTEL_EXPORTER_OTLP_ENDPOINT=https://gateway:4317 podflame agent
  sudo podflame agent --set receivers::profiling::samples_per_second=97
  podflame config print agent                    the configuration behind it

What it needs of the kernel: podflame doctor kernel, and docs/kernel.md.`,
    )
    .action((flags: AgentFlags) => agent(flags));
}

async function agent(flags: AgentFlags): Promise<void> {
  const access = clusterAccess();
  // What the user gives comes last.
  const configs = [presetFile("agent")!, `yaml:${namingOverlay(access)}`, ...flags.config];
  const fatal = new FatalReports();
  const collector = new Collector({
    load: () => loadConfiguration({ configs, sets: flags.set }, catalog),
    createLogger: ({ initialFields, ...logs }) => createLogger(logs).child(initialFields),
    clock: systemClock,
    shutdownDeadlineMs: flags.shutdownTimeout,
    onFatal: fatal.report,
  });
  await runCollector(collector, fatal, {
    beside: async () => {
      if (access === undefined) {
        collector.logger?.info(
          "neither a service account nor a kubeconfig is here: without another source of identity containers keep their ids for names",
        );
      }
      if (flags.keepPrivileges !== true) {
        const { dropPrivileges } = await import("#profiler");
        collector.logger?.info("privileges that are not needed any more are given up", { kept: dropPrivileges() });
      }
      return { stop: async () => undefined };
    },
  });
}
