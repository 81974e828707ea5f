import { decodeText, ParseError } from "#wire";

/** Parses JSON text; what is wrong is told with its position. */
export function parseJson(bytes: Uint8Array): { readonly value: unknown } | ParseError {
  try {
    const text = decodeText(bytes, 0, bytes.length);
    return { value: JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) };
  } catch (error) {
    return new ParseError(error instanceof Error ? error.message : String(error), "JSON");
  }
}

/** Bytes among which a request of OTLP has a control character that JSON has none of. */
const JSON_HEAD_BYTES = 128;

/**
 * Whether bytes begin as a JSON object does. A brace behind white space is not enough: a request of OTLP whose first
 * message has 123 bytes begins with a line feed and a brace too, and one behind its length with a brace. But the tag of
 * field 2 (scopes of a resource, value of an attribute, dictionary) is a control character, and stands near.
 */
export function beginsAsJson(bytes: Uint8Array): boolean {
  const brace = pastSpace(bytes, bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
  if (bytes[brace] !== 0x7b) return false;
  const next = bytes[pastSpace(bytes, brace + 1)];
  if (next !== undefined && next !== 0x22 && next !== 0x7d) return false;
  return bytes.subarray(0, JSON_HEAD_BYTES).every((byte) => byte >= 0x20 || isJsonSpace(byte));
}

/** White space of RFC 8259, section 2. */
export function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function pastSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isJsonSpace(bytes[at])) at++;
  return at;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Text of a property, empty where it is none. */
export function textOf(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}

/** A property that is a finite number, else undefined. */
export function numberOf(object: JsonObject, key: string): number | undefined {
  const value = object[key];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
