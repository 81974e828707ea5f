import { ParseError } from "#wire";

/** Parses bytes that must be one JSON object. */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | ParseError {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    return new ParseError(`not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new ParseError("not a JSON object");
  return value as Readonly<Record<string, unknown>>;
}
