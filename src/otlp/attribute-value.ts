import { Reader, WireType, Writer } from "#wire";

/**
 * The value of an attribute: `bigint` is OTLP's int, `number` its double, `undefined` a value that was never set.
 * Lists of key and value are maps.
 */
export type AttributeValue =
  string | boolean | bigint | number | Uint8Array | undefined | readonly AttributeValue[] | AttributeMap;
export interface AttributeMap extends ReadonlyMap<string, AttributeValue> {}

/** The strings that keys and values may refer to. A reference that leads nowhere gives what the table gives: nothing, or "". */
export interface ReferredStrings {
  text(index: number): string | undefined;
}

/** Resource.attributes, KeyValue.key and .value (resource.proto, common.proto). */
const ATTRIBUTES = 1;
const KEY = 1;
const VALUE = 2;
const KEY_STRINDEX = 3;

/** How deep lists may nest inside values. Deeper ones are cut off as `undefined`. */
const MAX_VALUE_DEPTH = 64;

/**
 * Encodes an attribute as one whole field of `Resource.attributes`, tag included: what `ResourceView.append` takes.
 * Key and strings are always literal, which every release of OTLP reads.
 */
export function encodeAttribute(key: string, value: AttributeValue): Uint8Array {
  const writer = new Writer(64);
  writeKeyValue(writer, ATTRIBUTES, key, value);
  return writer.finish();
}

/** Encodes a value as the content of an AnyValue message. */
export function encodeValue(value: AttributeValue): Uint8Array {
  const writer = new Writer(32);
  writeValueContent(writer, value);
  return writer.finish();
}

function writeKeyValue(writer: Writer, field: number, key: string, value: AttributeValue): void {
  writer.open(field);
  writer.string(KEY, key);
  writeValue(writer, VALUE, value);
  writer.close();
}

/** Writes `value` as an AnyValue in `field`. */
function writeValue(writer: Writer, field: number, value: AttributeValue): void {
  writer.open(field);
  writeValueContent(writer, value);
  writer.close();
}

function writeValueContent(writer: Writer, value: AttributeValue): void {
  if (typeof value === "string") writer.string(1, value);
  else if (typeof value === "boolean") writer.varint(2, value ? 1 : 0);
  else if (typeof value === "bigint") writer.varint64(3, value);
  else if (typeof value === "number") writer.double(4, value);
  else if (value instanceof Uint8Array) writer.bytes(7, value);
  else if (value instanceof Map) {
    writer.open(6);
    for (const [key, inner] of value as AttributeMap) writeKeyValue(writer, 1, key, inner);
    writer.close();
  } else if (value !== undefined) {
    writer.open(5);
    for (const inner of value as readonly AttributeValue[]) writeValue(writer, 1, inner);
    writer.close();
  }
}

/** A decoded KeyValue. */
export interface Attribute {
  readonly key: string;
  readonly value: AttributeValue;
}

/** Decodes the KeyValue at `bytes[start, end)`; undefined when it is malformed. Lost references are absent. */
export function decodeAttribute(
  bytes: Uint8Array,
  start: number,
  end: number,
  strings: ReferredStrings,
  depth = 0,
): Attribute | undefined {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  let key = "";
  let keyReference = 0;
  let value: AttributeValue;
  while (reader.next()) {
    if (reader.field === KEY && reader.wireType === WireType.LEN) key = reader.string();
    else if (reader.field === VALUE && reader.wireType === WireType.LEN) {
      value = decodeValue(bytes, reader.start, reader.end, strings, depth) ?? value;
    } else if (reader.field === KEY_STRINDEX && reader.wireType === WireType.VARINT) keyReference = reader.low;
  }
  if (key === "" && keyReference !== 0) key = strings.text(keyReference) ?? "";
  return reader.failed ? undefined : { key, value };
}

/**
 * Decodes the attributes in a field of a message: of a Resource (1) or an InstrumentationScope (3). In order; of a key that
 * stands twice the first. Malformed ones are left out.
 */
export function decodeAttributes(message: Uint8Array, field: number, strings: ReferredStrings): AttributeMap {
  const attributes = new Map<string, AttributeValue>();
  addAttributes(attributes, message, 0, message.length, field, strings, 0);
  return attributes;
}

/** Decodes the AnyValue at `bytes[start, end)`; undefined where it is not set or malformed. */
export function decodeValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  strings: ReferredStrings,
  depth = 0,
): AttributeValue {
  if (depth >= MAX_VALUE_DEPTH) return undefined;
  const reader = new Reader();
  reader.reset(bytes, start, end);
  let value: AttributeValue;
  while (reader.next()) {
    const { wireType } = reader;
    if (wireType === WireType.LEN) {
      if (reader.field === 1) value = reader.string();
      else if (reader.field === 5) value = decodeArray(bytes, reader.start, reader.end, strings, depth + 1);
      else if (reader.field === 6) value = decodeMap(bytes, reader.start, reader.end, strings, depth + 1);
      else if (reader.field === 7) value = bytes.slice(reader.start, reader.end);
    } else if (wireType === WireType.VARINT) {
      if (reader.field === 2) value = reader.low !== 0 || reader.high !== 0;
      else if (reader.field === 3) value = reader.int64();
      else if (reader.field === 8) value = reader.low === 0 ? "" : strings.text(reader.low);
    } else if (wireType === WireType.FIXED64 && reader.field === 4) value = reader.double();
  }
  return reader.failed ? undefined : value;
}

function decodeArray(
  bytes: Uint8Array,
  start: number,
  end: number,
  strings: ReferredStrings,
  depth: number,
): AttributeValue {
  const values: AttributeValue[] = [];
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.field !== 1 || reader.wireType !== WireType.LEN) continue;
    values.push(decodeValue(bytes, reader.start, reader.end, strings, depth));
  }
  return reader.failed ? undefined : values;
}

function decodeMap(
  bytes: Uint8Array,
  start: number,
  end: number,
  strings: ReferredStrings,
  depth: number,
): AttributeValue {
  const values = new Map<string, AttributeValue>();
  return addAttributes(values, bytes, start, end, 1, strings, depth) ? values : undefined;
}

/** Adds the KeyValues in `field` of the message at `bytes[start, end)`; false where the message is broken. */
function addAttributes(
  attributes: Map<string, AttributeValue>,
  bytes: Uint8Array,
  start: number,
  end: number,
  field: number,
  strings: ReferredStrings,
  depth: number,
): boolean {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.field !== field || reader.wireType !== WireType.LEN) continue;
    const pair = decodeAttribute(bytes, reader.start, reader.end, strings, depth);
    if (pair && !attributes.has(pair.key)) attributes.set(pair.key, pair.value);
  }
  return !reader.failed;
}
