import { ParseError } from "#wire";

/** Something that looks like a number with more digits than a double holds exactly, outside of quotes or in them. */
const LONG_NUMBER = /[[:,\s]-?\d{16}/;

/**
 * Parses bytes that must be one JSON object in UTF-8. Integers beyond 2^53 come as strings of their digits, so that
 * 64-bit numbers survive.
 */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | ParseError {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // A reviver makes parsing several times slower, so only where it is needed.
    value = LONG_NUMBER.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    return new ParseError(`not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new ParseError("not a JSON object");
  return value as Readonly<Record<string, unknown>>;
}

/** The reviver's third argument (ECMAScript proposal "JSON.parse source text access") holds the number as written. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return context?.source !== undefined && /^-?\d+$/.test(context.source) ? context.source : value;
}
