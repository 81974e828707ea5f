import type { Command } from "commander";
import type { ComponentKind, Stability } from "#collector";
import { SIGNALS, type Signal } from "#otlp";
import { catalog } from "./components.ts";

interface ListedComponent {
  readonly kind: ComponentKind;
  readonly type: string;
  readonly aliases: readonly string[];
  /** By signal; empty for extensions. */
  readonly stability: Readonly<Partial<Record<Signal, Stability>>>;
}

export function define(command: Command): void {
  command
    .description("List what can stand in a configuration, with stability by signal.")
    .option("--json", "one JSON document: {kind, type, aliases, stability} each")
    .addHelpText(
      "after",
      `
Examples:
  podflame components
  podflame components --json | jq -r '.[] | select(.kind == "exporter") | .type'`,
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const components = await listComponents();
      process.stdout.write(json ? `${JSON.stringify(components, null, 2)}\n` : table(components));
    });
}

async function listComponents(): Promise<ListedComponent[]> {
  const factories = await Promise.all(catalog.entries.map((entry) => entry.load()));
  return factories.map(({ kind, type, aliases = [], stability }) => ({ kind, type, aliases, stability }));
}

function table(components: readonly ListedComponent[]): string {
  const rows = components.map(({ kind, type, aliases, stability }) => [
    kind,
    [type, ...aliases].join(", "),
    ...SIGNALS.map((signal) => stability[signal] ?? "-"),
  ]);
  const all = [["KIND", "TYPE, ALIASES", ...SIGNALS.map((signal) => signal.toUpperCase())], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
