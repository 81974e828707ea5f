import type { Command } from "commander";
import { type Layout, loadTranscoder } from "#otlp";
import { ExitCode } from "./exit.ts";
import { layoutOption, RELEASES } from "./input/layout-option.ts";
import { loadProfiles } from "./input/load-profiles.ts";
import { readInput, type InputProblem } from "./input/read-input.ts";
import { FileReport } from "./inspect/file-report.ts";

interface InspectFlags {
  readonly json?: boolean;
  readonly layout?: Layout;
}

export function define(command: Command): void {
  command
    .description("Show what is in files with profiles: layout, resources, types, top functions, tables, oddities.")
    .argument("<files...>", "OTLP profiles of any layout or a profile of other tools; - is standard input")
    .option("--json", "the whole content, one JSON document a line for each request")
    .option(
      "--layout <release>",
      `take OTLP for this layout, whatever it looks like: ${RELEASES.join(", ")}`,
      layoutOption,
    )
    .addHelpText(
      "after",
      `
Files may be compressed (gzip, zstd) and hold one request or many: gRPC frames, lengths of 4 bytes or varints before
each, lines of OTLP/JSON, captured HTTP/1.1 requests. What it is is found out from the bytes.

Examples:
  podflame inspect profiles.pb                   layout and content of a request
  podflame inspect capture.grpc dump.json.zst    several files, whatever they are
  podflame inspect --json profiles.pb | jq .summary
  curl -s http://localhost:6060/debug/pprof/profile?seconds=5 | podflame inspect -

Exit codes: 0 everything was read; 1 something was not, standard error says what and why.`,
    )
    .action((files: string[], flags: InspectFlags) => inspect(files, flags));
}

/** Tells of each file in turn. What cannot be read is told on standard error, the rest is shown nevertheless. */
async function inspect(files: readonly string[], flags: InspectFlags): Promise<void> {
  let problems = 0;
  const complain = ({ place, message }: InputProblem): void => {
    problems++;
    process.stderr.write(`podflame: ${place}: ${message}\n`);
  };
  for (const [index, file] of files.entries()) {
    if (flags.json === true) await printJson(file, flags, complain);
    else {
      if (index > 0) await print("\n");
      await printReport(file, flags, complain);
    }
  }
  if (problems > 0) process.exitCode = ExitCode.USER;
}

async function printReport(
  file: string,
  flags: InspectFlags,
  complain: (problem: InputProblem) => void,
): Promise<void> {
  const report = new FileReport(file);
  for await (const part of readInput(file)) {
    const loaded = part.kind === "problem" ? part : await loadProfiles(part, flags);
    if (loaded.kind === "problem") {
      complain(loaded);
      report.addProblem();
    } else report.add(loaded);
  }
  if (!report.empty) await print(`${report.lines().join("\n")}\n`);
}

/** A line for each request, also for those that are refused: what they say is why. */
async function printJson(file: string, flags: InspectFlags, complain: (problem: InputProblem) => void): Promise<void> {
  const { describeProfiles, describeRefusal } = await loadTranscoder();
  for await (const part of readInput(file)) {
    const loaded = part.kind === "problem" ? part : await loadProfiles(part, flags);
    if (loaded.kind === "problem") {
      complain(loaded);
      if (loaded.refusal) await print(`${JSON.stringify(describeRefusal(loaded.refusal))}\n`);
    } else {
      const detection = loaded.source.kind === "otlp" ? loaded.source.detection : undefined;
      await print(`${JSON.stringify(describeProfiles(loaded.model, detection))}\n`);
    }
  }
}

/** Writes to standard output, waiting for a slow reader. */
async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
