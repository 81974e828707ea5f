/** A cell of a table: numbers stand at the right. */
export type Cell = string | number;

/** Rows with columns below each other, two spaces between them, no spaces at the end. */
export function tableLines(rows: readonly (readonly Cell[])[], indent = ""): string[] {
  const widths: number[] = [];
  const numeric: boolean[] = [];
  const texts = rows.map((row) =>
    row.map((cell, column) => {
      const text = typeof cell === "number" ? showCount(cell) : printable(cell);
      widths[column] = Math.max(widths[column] ?? 0, text.length);
      numeric[column] ||= typeof cell === "number";
      return text;
    }),
  );
  return texts.map((row) => {
    const cells = row.map((text, column) =>
      numeric[column] === true ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
    );
    return `${indent}${cells.join("  ")}`.trimEnd();
  });
}

/** An integer with commas between thousands; others rounded to one. */
export function showCount(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** A count and its noun: `1 profile`, `2 profiles`. */
export function counted(count: number, noun: string): string {
  return `${showCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes for people, in multiples of 1000 as `ls --si` has them. */
export function showBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.95 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** What the input says must not steer a terminal: control characters become U+FFFD. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\u{fffd}");
}
