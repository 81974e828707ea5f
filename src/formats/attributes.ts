import { type AttributeMap, type AttributeValue, decodeAttributes, decodeValue, type Dictionary } from "#otlp";
import { Writer } from "#wire";

/** The value of an attribute of profiles, samples, locations and mappings. */
export function attributeValue({ attributes, strings }: Dictionary, index: number): AttributeValue {
  const value = attributes.values.bytes(index);
  return decodeValue(value, 0, value.length, strings);
}

/** The key of an attribute. */
export function attributeKey({ attributes, strings }: Dictionary, index: number): string {
  return strings.text(attributes.key[index] ?? 0);
}

/** Attributes of a Resource message; the first of a key wins. */
export function resourceAttributes(message: Uint8Array, strings: Dictionary["strings"]): AttributeMap {
  return decodeAttributes(message, 1, strings);
}

/** Attributes of an InstrumentationScope message; the first of a key wins. */
export function scopeAttributes(message: Uint8Array, strings: Dictionary["strings"]): AttributeMap {
  return decodeAttributes(message, 3, strings);
}

/** Encodes an InstrumentationScope message without a name. `encodeValue` makes the values. */
export function encodeScope(attributes: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const writer = new Writer(64);
  for (const [key, value] of attributes) {
    writer.open(3);
    writer.string(1, key);
    writer.bytes(2, value);
    writer.close();
  }
  return writer.finish();
}

/** A value as text: strings as they are, numbers in decimal, bytes in hex, lists as JSON; not set is empty. */
export function valueText(value: AttributeValue): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return hexOf(value);
  if (typeof value === "object") return JSON.stringify(plain(value));
  return String(value);
}

/** Whether a value is a list. `Array.isArray` doesn't tell for readonly ones. */
export function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function plain(value: AttributeValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return hexOf(value);
  if (value instanceof Map) {
    return Object.fromEntries([...(value as AttributeMap)].map(([key, inner]) => [key, plain(inner)]));
  }
  return isList(value) ? value.map(plain) : value;
}
