import type { Command } from "commander";
import type { KernelCheck } from "#profiler";
import { ExitCode } from "./exit.ts";
import { tableLines } from "./inspect/text-table.ts";

export function define(command: Command): void {
  command.description("Find out what is wrong here, and what to do.").action(() => command.help({ error: true }));
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
