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
