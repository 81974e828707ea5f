/**
 * The command line. Each command is a file of its own that is read only when it's the one that was asked for; a file
 * exports `define`, which gives the command its options, help and action.
 */
import { Command, CommanderError } from "commander";
import { ConfigError, StartError } from "#collector";
import { ExitCode, Fault } from "./exit.ts";
import { ROOT } from "./install.ts";
import { kernelFault } from "./kernel-fault.ts";
import { VERSION } from "#telemetry";

interface CommandFile {
  define(command: Command): void;
}

const COMMANDS: readonly { name: string; summary: string; load: () => Promise<CommandFile> }[] = [
  { name: "up", summary: "live flame graphs of this machine, on a page", load: () => import("./up.ts") },
  { name: "agent", summary: "sample this node and send what is found to a gateway", load: () => import("./agent.ts") },
  {
    name: "gateway",
    summary: "take profiles in, name them, keep them and show them",
    load: () => import("./gateway.ts"),
  },
  { name: "view", summary: "look at files with profiles on a page", load: () => import("./view.ts") },
  { name: "run", summary: "run the pipelines of a configuration", load: () => import("./run.ts") },
  { name: "record", summary: "record profiles of this machine into a file", load: () => import("./record.ts") },
  { name: "config", summary: "check or show configurations", load: () => import("./config.ts") },
  { name: "inspect", summary: "show what is in files with profiles", load: () => import("./inspect.ts") },
  { name: "convert", summary: "convert profiles between layouts and formats", load: () => import("./convert.ts") },
  { name: "doctor", summary: "find out what is wrong here, and what to do", load: () => import("./doctor.ts") },
  { name: "explain", summary: "say which pod a resource is of, and why", load: () => import("./explain.ts") },
  { name: "rbac", summary: "show the rights that a configuration takes", load: () => import("./rbac.ts") },
  {
    name: "components",
    summary: "list what can stand in a configuration",
    load: () => import("./list-components.ts"),
  },
];

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("podflame")
    .description(
      "Kubernetes-aware continuous profiling: samples nodes with eBPF, speaks OTLP, names the pod behind every container.id.",
    )
    .version(VERSION)
    .exitOverride()
    // What stands behind a command's name is that command's, and behind a command of a command again.
    .enablePositionalOptions()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText(
      "after",
      `
Examples:
  sudo podflame up                               live flame graphs of this machine, by container, on a page
  podflame view cpu.pprof                        a file of profiles on the same page
  sudo podflame record -o machine.html           ten seconds of this machine as a flame graph
  podflame run --config otelcol.yaml             run the Collector configuration that you have
  podflame inspect profiles.pb                   see what a file of profiles holds, whatever its layout
  podflame config validate otelcol.yaml          find out what podflame thinks of it

Exit codes: 0 done; 1 input or configuration at fault; 2 something needed is missing here; 3 a bug in podflame.`,
    );
  const wanted = argv.find((word) => !word.startsWith("-"));
  const asksForHelp = wanted === "help" ? argv[argv.indexOf(wanted) + 1] : wanted;
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).description(`${summary}.`).exitOverride();
    if (name === asksForHelp) (await load()).define(command);
  }
  await program.parseAsync([...argv], { from: "user" });
}

/** Tells the user what happened and how the process ends. */
function concluded(caught: unknown): ExitCode {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  if (caught instanceof CommanderError) return caught.exitCode === 0 ? ExitCode.DONE : ExitCode.USER;
  if (caught instanceof ConfigError) {
    say(caught.message);
    return ExitCode.USER;
  }
  if (caught instanceof Fault) {
    say(`podflame: ${caught.message}`);
    return caught.exitCode;
  }
  if (caught instanceof StartError) {
    const kernel = kernelFault(caught.cause);
    say(`podflame: ${kernel?.message ?? caught.message}`);
    const code = (caught.cause as NodeJS.ErrnoException | undefined)?.code;
    return kernel !== undefined || code === "EACCES" || code === "EPERM" ? ExitCode.MISSING : ExitCode.USER;
  }
  say(
    `podflame: this is a bug in podflame, please report it\n${caught instanceof Error ? caught.stack : String(caught)}`,
  );
  return ExitCode.BUG;
}

// A reader that has had enough (podflame … | head) is not an error. What runs is stopped as by a signal.
process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  process.stdout.on("error", () => undefined);
  if (error.code !== "EPIPE") throw error;
  if (process.listenerCount("SIGTERM") === 0) process.exit(ExitCode.DONE);
  process.emit("SIGTERM", "SIGTERM");
});

// Presets name files of the installation by it.
process.env["PODFLAME_ROOT"] ??= ROOT;

try {
  await main(process.argv.slice(2));
  process.exit();
} catch (caught) {
  process.exit(concluded(caught));
}
