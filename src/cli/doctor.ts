import type { Command } from "commander";
import type { KernelCheck } from "#profiler";
import { ExitCode } from "./exit.ts";
import { tableLines } from "./inspect/text-table.ts";
import { repeatable } from "./options.ts";

interface DoctorFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .description(
      "Find out what is wrong here, and what to do: the configuration, whether its rules can name pods, the API server\n" +
        "with each right that is needed, the node, what is seen of containers, the kernel, and what a collector that runs\n" +
        "couldn't name. Changes nothing.",
    )
    // `doctor kernel --json` is for the latter.
    .enablePositionalOptions()
    .option(
      "--config <file>",
      "file or preset; several are merged as `run` does (default: the agent's)",
      repeatable,
      [],
    )
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option("--json", "one JSON document: {topic, what, state, detail, remedy} each")
    .addHelpText(
      "after",
      `
Examples:
  sudo podflame doctor                           would the agent work here?
  podflame doctor --config otelcol.yaml
  podflame doctor --json | jq -r '.[] | select(.state == "problem") | .remedy'

Exit codes: 0 nothing is wrong (there may be notes); 1 the configuration is at fault; 2 something is missing here.
docs/doctor.md says what each check looks at.`,
    )
    .action((flags: DoctorFlags) => doctor(flags));
  command
    .command("kernel")
    .exitOverride()
    .description("Check what sampling needs of the kernel and of this user's privileges. Changes nothing.")
    .option("--json", "one JSON document: {what, ok, detail, remedy} each")
    .addHelpText(
      "after",
      `
Examples:
  sudo podflame doctor kernel
  podflame doctor kernel --json | jq -r '.[] | select(.ok | not) | .remedy'

Exit codes: 0 this machine can be sampled; 2 something is missing. docs/kernel.md says what each point is for.`,
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { checkKernel } = await import("#profiler");
      const checks = checkKernel();
      process.stdout.write(json === true ? `${JSON.stringify(checks, null, 2)}\n` : `${report(checks).join("\n")}\n`);
      if (checks.some(({ ok }) => !ok)) process.exitCode = ExitCode.MISSING;
    });
}

async function doctor({ config: configs, set: sets, json }: DoctorFlags): Promise<void> {
  const { examine } = await import("./doctor/examine.ts");
  const { checksAsJson, exitCodeOf, reportLines } = await import("./doctor/check.ts");
  const checks = await examine({ configs, sets });
  process.stdout.write(json === true ? checksAsJson(checks) : `${reportLines(checks).join("\n")}\n`);
  process.exitCode = exitCodeOf(checks);
}

/** A line for each check; below those that failed, or could be better, what to do. */
function report(checks: readonly KernelCheck[]): string[] {
  const lines = tableLines(checks.map((check) => [stateOf(check), check.what, check.detail]));
  return [
    ...lines.flatMap((line, at) => {
      const { remedy } = checks[at]!;
      return remedy === undefined ? [line] : [line, `         → ${remedy}`];
    }),
    "",
    checks.every(({ ok }) => ok) ? "This machine can be sampled." : "This machine can't be sampled as this user.",
  ];
}

/** What is only better to have is a note: sampling works without it. */
function stateOf({ ok, remedy }: KernelCheck): string {
  if (!ok) return "PROBLEM";
  return remedy === undefined ? "ok" : "note";
}
