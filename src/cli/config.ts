import { existsSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { describeProblem, loadConfiguration, printConfiguration, type LoadedConfiguration } from "#collector";
import { catalog } from "./components.ts";
import { ExitCode, Fault } from "./exit.ts";
import { presetFile, presetNames, presetOrSource } from "./install.ts";
import { repeatable } from "./options.ts";

interface ConfigFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
}

export function define(command: Command): void {
  command.description("Check or show configurations without running them.");
  withSources(command.command("validate").exitOverride(), "[FILE...]")
    .description("Find all problems of a configuration; several files are merged as `run` does.")
    .addHelpText(
      "after",
      `
Examples:
  podflame config validate otelcol.yaml
  podflame config validate base.yaml site.yaml --set processors::batch::timeout=2s

Each problem stands in a line of its own as file:line:column: path: message. Exit code 1 if there is any.`,
    )
    .action((files: string[], flags: ConfigFlags) => validate([...flags.config, ...files], flags.set));
  withSources(command.command("print").exitOverride(), "[PRESET|FILE...]")
    .description("Show a preset, or the effective configuration: merged, variables expanded, credentials hidden.")
    .addHelpText(
      "after",
      `
Presets: ${presetNames().join(", ")}

Examples:
  podflame config print up                       what "podflame up" runs
  podflame config print base.yaml site.yaml      what comes out of two files`,
    )
    .action((words: string[], flags: ConfigFlags) => print([...flags.config, ...words], flags.set));
}

function withSources(command: Command, words: string): Command {
  return command
    .argument(words, "files, or URIs as `run --config` takes them")
    .option("--config <file>", "the same, as `run` has it", repeatable, [])
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, []);
}

async function validate(sources: readonly string[], sets: readonly string[]): Promise<void> {
  const { configuration } = await loaded(sources, sets);
  const { pipelines } = configuration.service;
  process.stdout.write(`valid: ${pipelines.map(({ id }) => id).join(", ")}\n`);
}

async function print(words: readonly string[], sets: readonly string[]): Promise<void> {
  const only = words.length === 1 && sets.length === 0 ? words[0]! : undefined;
  const preset = only !== undefined && !existsSync(only) ? presetFile(only) : undefined;
  // A preset on its own is shown as it was written: its comments and variables are for people.
  const text = preset === undefined ? await printed(words, sets) : readFileSync(preset, "utf8");
  process.stdout.write(text);
}

async function printed(words: readonly string[], sets: readonly string[]): Promise<string> {
  return printConfiguration(await loaded(words.map(presetOrSource), sets), catalog);
}

async function loaded(sources: readonly string[], sets: readonly string[]): Promise<LoadedConfiguration> {
  if (sources.length === 0) {
    throw new Fault(ExitCode.USER, `name a file or a preset (${presetNames().join(", ")})`);
  }
  const result = await loadConfiguration({ configs: sources, sets }, catalog);
  for (const warning of result.warnings) process.stderr.write(`warning: ${describeProblem(warning)}\n`);
  return result;
}
