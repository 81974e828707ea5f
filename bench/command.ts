/** What the command lines of benchmarks have in common: options, words on standard error, the end. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { missingPeers, type PeerProgram } from "../test/peers/locations.ts";

/** Options that make no sense; the message says which. */
export class UsageError extends Error {}

/** A number of at least `min`. Throws `UsageError`. */
export function numberOption(name: string, text: string, min = 0): number {
  const value = Number(text);
  if (text === "" || !(value >= min)) throw new UsageError(`--${name} ${text}: not a number from ${min} on`);
  return value;
}

/** The words of a list with commas, all of them known. Throws `UsageError`. */
export function wordsOption<W extends string>(name: string, text: string, known: readonly W[]): ReadonlySet<W> {
  const words = text.split(",").map((given) => {
    const word = known.find((each) => each === given);
    if (word === undefined) throw new UsageError(`--${name} ${given}: not one of ${known.join(", ")}`);
    return word;
  });
  return new Set(words);
}

/** Whether `--peer` asks for the Collector, the only one there is. Throws `UsageError`. */
export function withCollector(peer: string | undefined): boolean {
  if (peer !== undefined && peer !== "otelcol") throw new UsageError(`--peer ${peer}: only otelcol`);
  return peer !== undefined;
}

/** Whether all peers are built; tells people which aren't, and the remedy. */
export function hasPeers(wanted: readonly PeerProgram[]): boolean {
  const missing = missingPeers(wanted);
  if (missing.length > 0) process.stderr.write(`missing here:\n${missing.map((line) => `  ${line}\n`).join("")}`);
  return missing.length === 0;
}

/** Tells people what goes on, on standard error. */
export function progress(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
}

/** Where and when results come from, as the head of their JSON document. */
export function provenance(benchmark: string): object {
  return {
    benchmark,
    date: new Date().toISOString(),
    command: `npm run bench -- ${benchmark} ${process.argv.slice(2).join(" ")}`.trim(),
    machine: { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version },
  };
}

/** Writes the table and, below it, the JSON document to standard output; the document to a file as well if one is named. */
export function printResults(table: string, document: object, file: string | undefined): void {
  const json = `${JSON.stringify(document)}\n`;
  if (file !== undefined) writeFileSync(file, json);
  process.stdout.write(`${table}\n\n${json}`);
}

/**
 * Runs a benchmark as this process: its exit code is what `main` resolves with (0 or 1; 2 where something is missing
 * here), 1 for options that make no sense, 3 where `main` failed otherwise.
 */
export async function runBenchmark(name: string, main: () => Promise<number>): Promise<void> {
  // Children and the API server are ended with the process; a second signal does not cut that short.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  try {
    process.exitCode = await main();
  } catch (error) {
    // Of parseArgs are TypeErrors with a code.
    const expected = error instanceof UsageError || (error instanceof TypeError && "code" in error);
    process.stderr.write(
      `bench ${name}: ${error instanceof Error ? (expected ? error.message : error.stack) : String(error)}\n`,
    );
    process.exitCode = expected ? 1 : 3;
  }
}
