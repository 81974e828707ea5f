import type { AttributeMap, AttributeValue, Dictionary } from "#otlp";
import { decodeText, Reader, WireType, Writer } from "#wire";

/** How deep lists may nest inside values; deeper ones are cut off as `undefined`. */
const MAX_DEPTH = 64;

/** The value of an attribute of profiles, samples, locations and mappings. */
export function attributeValue({ attributes, strings }: Dictionary, index: number): AttributeValue {
  return decodeAnyValue(attributes.values.bytes(index), strings, 0);
}

/** The key of an attribute. */
export function attributeKey({ attributes, strings }: Dictionary, index: number): string {
  return strings.text(attributes.key[index] ?? 0);
}

/** Attributes of a Resource message; the first of a key wins. */
export function resourceAttributes(message: Uint8Array, strings: Dictionary["strings"]): Map<string, AttributeValue> {
  return keyValues(message, 1, strings, 0);
}

/** Attributes of an InstrumentationScope message; the first of a key wins. */
export function scopeAttributes(message: Uint8Array, strings: Dictionary["strings"]): Map<string, AttributeValue> {
  return keyValues(message, 3, strings, 0);
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

function decodeAnyValue(bytes: Uint8Array, strings: Dictionary["strings"], depth: number): AttributeValue {
  if (depth >= MAX_DEPTH) return undefined;
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  let value: AttributeValue;
  while (reader.next()) {
    const { field, wireType } = reader;
    if (wireType === WireType.LEN) {
      const content = bytes.subarray(reader.start, reader.end);
      if (field === 1) value = decodeText(content, 0, content.length);
      else if (field === 5) value = arrayValues(content, strings, depth + 1);
      else if (field === 6) value = keyValues(content, 1, strings, depth + 1);
      else if (field === 7) value = content;
    } else if (wireType === WireType.VARINT) {
      if (field === 2) value = reader.low !== 0 || reader.high !== 0;
      else if (field === 3) value = reader.int64();
      else if (field === 8) value = strings.text(reader.low);
    } else if (wireType === WireType.FIXED64 && field === 4) value = reader.double();
  }
  return reader.failed ? undefined : value;
}

function arrayValues(bytes: Uint8Array, strings: Dictionary["strings"], depth: number): AttributeValue[] {
  const values: AttributeValue[] = [];
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  while (reader.nextOf(1)) values.push(decodeAnyValue(bytes.subarray(reader.start, reader.end), strings, depth));
  return values;
}

/** KeyValues in `field` of a message. A literal key is preferred over a reference, as everywhere in podflame. */
function keyValues(
  bytes: Uint8Array,
  field: number,
  strings: Dictionary["strings"],
  depth: number,
): Map<string, AttributeValue> {
  const found = new Map<string, AttributeValue>();
  const outer = new Reader();
  const inner = new Reader();
  outer.reset(bytes, 0, bytes.length);
  while (outer.nextOf(field)) {
    inner.reset(bytes, outer.start, outer.end);
    let key = "";
    let reference = 0;
    let value: AttributeValue;
    while (inner.next()) {
      if (inner.field === 1 && inner.wireType === WireType.LEN) key = inner.string();
      else if (inner.field === 2 && inner.wireType === WireType.LEN) {
        value = decodeAnyValue(bytes.subarray(inner.start, inner.end), strings, depth);
      } else if (inner.field === 3 && inner.wireType === WireType.VARINT) reference = inner.low;
    }
    if (key === "") key = strings.text(reference);
    if (!inner.failed && !found.has(key)) found.set(key, value);
  }
  return found;
}
