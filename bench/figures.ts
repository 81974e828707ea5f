/** Figures of benchmarks: their middle, their spread, and how they are shown. */

/** The middle value; of an even number of values the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that a share of all, 0 to 1, is at most; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  if (share === 0.5) return median(values);
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median with all values in brackets behind it; empty for none. */
export function medianOfAll(values: readonly number[]): string {
  if (values.length === 0) return "";
  const middle = short(median(values));
  return values.length === 1 ? middle : `${middle} (${values.map(short).join(" ")})`;
}

/** A Markdown table whose columns are as wide as their widest cell. */
export function markdownTable(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

/** Three significant digits, all digits before the point. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
