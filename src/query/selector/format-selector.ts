import type { Selector } from "#store";

/** The text that `parseSelector` reads as this selector. Nothing for one that selects everything. */
export function formatSelector(selector: Selector): string {
  if (selector.length === 0) return "";
  return `{${selector.map(({ name, op, value }) => `${name}${op}${quoted(value)}`).join(", ")}}`;
}

function quoted(value: string): string {
  const escaped = value.replace(/["\\\n\r\t]/g, (character) => ESCAPED[character]!);
  return `"${escaped}"`;
}

const ESCAPED: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
