import type { Owner, Rate } from "./rates.ts";

/** How a table is drawn. */
export interface TableLook {
  readonly maxRows: number;
  /** Lines are cut to so many characters; undefined for as long as they are. */
  readonly columns: number | undefined;
  /** What is counted: "samples" while all of it is profiles. */
  readonly unit: "samples" | "items";
}

const COLUMNS: readonly { readonly title: string; readonly of: (owner: Owner) => string; readonly width: number }[] = [
  { title: "NAMESPACE", of: (owner) => owner.namespace, width: 24 },
  { title: "POD", of: (owner) => owner.pod, width: 48 },
  { title: "CONTAINER", of: (owner) => owner.container, width: 24 },
  { title: "SERVICE", of: (owner) => owner.service, width: 32 },
];

/** The busiest `maxRows` of `rates` as lines of text, with a line for the rest and one for the sum. */
export function renderTable(rates: readonly Rate[], look: TableLook): string[] {
  const shown = rates.slice(0, look.maxRows);
  const rest = rates.slice(look.maxRows);
  const cells = shown.map(({ owner, perSecond }) => [
    ...COLUMNS.map(({ of, width }) => clipped(printable(of(owner)) || "-", width)),
    perSecond.toFixed(1),
  ]);
  if (rest.length > 0) cells.push([`(${rest.length} others)`, "", "", "", sum(rest).toFixed(1)]);
  const table = [[...COLUMNS.map(({ title }) => title), `${look.unit.toUpperCase()}/S`], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => (column === 4 ? cell.padStart(widths[4]!) : cell.padEnd(widths[column]!))).join("  "),
  );
  const named = rates.filter(({ owner }) => owner.pod !== "").length;
  lines.push("", `${rates.length} in all, ${named} with a pod's name, ${sum(rates).toFixed(1)} ${look.unit}/s`);
  return lines.map((line) => (look.columns === undefined ? line : line.slice(0, look.columns)).trimEnd());
}

function sum(rates: readonly Rate[]): number {
  return rates.reduce((total, { perSecond }) => total + perSecond, 0);
}

function clipped(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** Attributes come from outside: what a terminal would obey must not get there. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}
