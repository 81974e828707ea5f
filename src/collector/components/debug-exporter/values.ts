import type { AttributeMap, AttributeValue, DecodedMessage, DecodedValue } from "#otlp";

/** The messages of a repeated field; empty where it is absent. */
export function messagesOf(value: DecodedValue): readonly DecodedMessage[] {
  return Array.isArray(value) ? (value as readonly DecodedMessage[]) : [];
}

/** A single message; an empty one where it is absent. */
export function messageOf(value: DecodedValue): DecodedMessage {
  return isMessage(value) ? value : {};
}

export function isMessage(value: DecodedValue): value is DecodedMessage {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** A number of whatever width; 0 where it is absent. Exact below 2^53. */
export function numberOf(value: DecodedValue): number {
  return typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : 0;
}

/** An attribute's value on one line: text as it is, lists and maps in brackets, bytes in hexadecimal. */
export function showAttribute(value: AttributeValue): string {
  if (value === undefined) return "(unset)";
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Map) {
    return `{${[...(value as AttributeMap)].map(([key, inner]) => `${key}: ${showAttribute(inner)}`).join(", ")}}`;
  }
  if (Array.isArray(value)) return `[${(value as readonly AttributeValue[]).map(showAttribute).join(", ")}]`;
  return String(value as string | number | bigint | boolean);
}

/** A decoded AnyValue on one line, in the same form. */
export function showAnyValue(any: DecodedValue): string {
  const [kind, value] = Object.entries(messageOf(any))[0] ?? [];
  switch (kind) {
    case undefined:
      return "(unset)";
    case "arrayValue":
      return `[${messagesOf(messageOf(value)["values"]).map(showAnyValue).join(", ")}]`;
    case "kvlistValue": {
      const pairs = messagesOf(messageOf(value)["values"]);
      return `{${pairs.map((pair) => `${showScalar(pair["key"])}: ${showAnyValue(pair["value"])}`).join(", ")}}`;
    }
    default:
      return showScalar(value);
  }
}

/** A field that is no message, on one line. */
export function showScalar(value: DecodedValue): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return `[${(value as readonly DecodedValue[]).map(showScalar).join(", ")}]`;
  return value === undefined || typeof value === "object" ? "" : String(value);
}

/** Nanoseconds since the Unix epoch as UTC, to the nanosecond. */
export function showTime(unixNano: bigint): string {
  const seconds = unixNano / 1_000_000_000n;
  // Dates end in the year 275760.
  if (seconds > 8_640_000_000_000n) return `${unixNano} ns`;
  const fraction = String(unixNano % 1_000_000_000n).padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
