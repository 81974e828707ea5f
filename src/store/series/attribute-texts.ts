import type { Profiles } from "#otlp";

type KeyedValues = ReturnType<Profiles["decodeKeyValues"]>;

/**
 * What can be selected by: text, numbers and truth values as text, lists as the JSON of their texts; the rest is left out.
 * The first of a key wins, over all `lists`.
 */
export function attributeTexts(...lists: readonly KeyedValues[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { key, value } of lists.flat()) {
    if (key === "" || texts.has(key)) continue;
    if (value.kind === "string" || value.kind === "int" || value.kind === "bool" || value.kind === "double") {
      texts.set(key, String(value.value));
    } else if (value.kind === "array") {
      texts.set(key, JSON.stringify(value.value.flatMap((entry) => (entry.kind === "string" ? [entry.value] : []))));
    }
  }
  return texts;
}
