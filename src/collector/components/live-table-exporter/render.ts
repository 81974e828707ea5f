import type { Rate } from "./rates.ts";

/** How a table is drawn. */
export interface TableLook {
  readonly maxRows: number;
  /** Lines fit into so many characters; undefined for as long as they are. */
  readonly columns: number | undefined;
  /** What is counted: "samples" while all of it is profiles. */
  readonly unit: "samples" | "items";
}

interface Column {
  readonly title: string;
  readonly of: (rate: Rate) => string;
  /** Characters at most; undefined for numbers, which are never cut. */
  readonly width?: number;
  /** Left out where no row has it. */
  readonly optional?: boolean;
}

/** Columns are not made narrower than that. */
const NARROWEST = 8;
const GAP = "  ";

function columnsFor(unit: TableLook["unit"]): readonly Column[] {
  return [
    { title: "NAMESPACE", of: ({ owner }) => owner.namespace, width: 24, optional: true },
    { title: "POD", of: ({ owner }) => owner.pod, width: 48, optional: true },
    { title: "CONTAINER", of: ({ owner }) => owner.container, width: 24, optional: true },
    { title: "SERVICE", of: ({ owner, program }) => owner.service || program, width: 32 },
    { title: `${unit.toUpperCase()}/S`, of: ({ perSecond }) => perSecond.toFixed(1) },
    { title: "CORES", of: ({ cores }) => (cores > 0 ? cores.toFixed(2) : ""), optional: true },
    { title: "HOTTEST", of: ({ hottest }) => hottest, width: 60, optional: true },
  ];
}

/** The busiest `maxRows` of `rates` as lines of text, with a line for the rest and one for the sum. */
export function renderTable(rates: readonly Rate[], look: TableLook): string[] {
  const shown = rates.slice(0, look.maxRows);
  const rest = rates.slice(look.maxRows);
  const columns = columnsFor(look.unit).filter(
    ({ of, optional }) => optional !== true || shown.some((rate) => of(rate)),
  );
  const cells = shown.map((rate) => columns.map(({ of }) => printable(of(rate)) || "-"));
  if (rest.length > 0) cells.push(restRow(rest, columns));
  const table = [columns.map(({ title }) => title), ...cells];
  const widths = fitted(columns, table, look.columns);
  const lines = table.map((row) =>
    row
      .map((cell, at) => (columns[at]!.width === undefined ? cell.padStart(widths[at]!) : clipped(cell, widths[at]!)))
      .join(GAP),
  );
  lines.push("", summary(rates, look.unit));
  return lines.map((line) => (look.columns === undefined ? line : line.slice(0, look.columns)).trimEnd());
}

/** What doesn't fit, in one row: its first cell tells how many, its numbers are sums. */
function restRow(rest: readonly Rate[], columns: readonly Column[]): string[] {
  const sum: Rate = {
    owner: { namespace: "", pod: "", container: "", service: "", named: false },
    perSecond: total(rest, "perSecond"),
    cores: total(rest, "cores"),
    hottest: "",
    program: "",
  };
  return columns.map(({ of }, at) => (at === 0 ? `(${rest.length} others)` : of(sum)));
}

function summary(rates: readonly Rate[], unit: TableLook["unit"]): string {
  const named = rates.filter(({ owner }) => owner.named).length;
  const cores = total(rates, "cores");
  return (
    `${rates.length} in all, ${named} with a pod's name, ${total(rates, "perSecond").toFixed(1)} ${unit}/s` +
    (cores > 0 ? `, ${cores.toFixed(2)} cores` : "")
  );
}

/** Widths of all columns; on a terminal the widest give way until a line fits, or nothing can be cut any more. */
function fitted(columns: readonly Column[], table: readonly string[][], available: number | undefined): number[] {
  const widths = columns.map(({ width }, at) =>
    Math.min(width ?? Infinity, Math.max(...table.map((row) => row[at]!.length))),
  );
  const used = (): number => widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
  while (available !== undefined && used() > available) {
    let widest = -1;
    for (const [at, { width }] of columns.entries()) {
      if (width !== undefined && widths[at]! > NARROWEST && (widest < 0 || widths[at]! > widths[widest]!)) widest = at;
    }
    if (widest < 0) break;
    widths[widest]!--;
  }
  return widths;
}

function total(rates: readonly Rate[], of: "perSecond" | "cores"): number {
  return rates.reduce((sum, rate) => sum + rate[of], 0);
}

/** Cut or filled to the width. */
function clipped(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Attributes come from outside: what a terminal would obey must not get there. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}
