import type { DecodedMessage, DecodedValue } from "#otlp";
import type { BoundedText } from "./bounded-text.ts";
import { isMessage, messagesOf, showAnyValue, showScalar, showTime } from "./values.ts";

/** Enumerations that people meet, by the name of their field; their numbers are places in the list. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  kind: ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"],
  code: ["Unset", "Ok", "Error"],
  aggregationTemporality: ["Unspecified", "Delta", "Cumulative"],
};
const ATTRIBUTES = new Set(["attributes", "filteredAttributes", "metadata"]);
const MAX_DEPTH = 12;

/** Writes a span, metric or log record field by field, its messages indented below it. */
export function describeRecord(text: BoundedText, depth: number, record: DecodedMessage): void {
  for (const [name, value] of Object.entries(record)) {
    if (text.full) return;
    if (ATTRIBUTES.has(name)) describeAttributes(text, depth, value);
    else describeField(text, depth, name, value);
  }
}

function describeAttributes(text: BoundedText, depth: number, attributes: DecodedValue): void {
  for (const pair of messagesOf(attributes)) {
    text.line(depth, `-> ${showScalar(pair["key"])}: ${showAnyValue(pair["value"])}`);
  }
}

function describeField(text: BoundedText, depth: number, name: string, value: DecodedValue): void {
  if (name === "body") text.line(depth, `body: ${showAnyValue(value)}`);
  else if (typeof value === "bigint" && name.endsWith("UnixNano")) text.line(depth, `${name}: ${showTime(value)}`);
  else if (typeof value === "number" && WORDS[name]) text.line(depth, `${name}: ${WORDS[name][value] ?? value}`);
  else if (isMessage(value)) {
    text.line(depth, name);
    if (depth < MAX_DEPTH) describeRecord(text, depth + 1, value);
  } else if (Array.isArray(value) && isMessage((value as readonly DecodedValue[])[0])) {
    for (const [index, inner] of messagesOf(value).entries()) {
      if (text.full) return;
      text.line(depth, `${name} #${index}`);
      if (depth < MAX_DEPTH) describeRecord(text, depth + 1, inner);
    }
  } else text.line(depth, `${name}: ${showScalar(value)}`);
}
