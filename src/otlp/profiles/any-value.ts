import { Reader, WireType } from "#wire";
import type { StringTable } from "./tables.ts";

/** How deep lists may nest inside a value; deeper ones are told as empty. */
const MAX_DEPTH = 64;

/** A decoded AnyValue that keeps what it was: the member of the oneof, and lists with all their entries. */
export type TypedValue =
  | { readonly kind: "empty" }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "array"; readonly value: readonly TypedValue[] }
  | { readonly kind: "kvlist"; readonly value: readonly KeyedValue[] };

export interface KeyedValue {
  readonly key: string;
  readonly value: TypedValue;
}

const NOTHING: TypedValue = { kind: "empty" };

/**
 * Decodes the content of an AnyValue, references to strings resolved: one that points nowhere is empty, 0 is the empty
 * string. Broken bytes are empty.
 */
export function decodeAnyValue(bytes: Uint8Array, strings: StringTable, depth = 0): TypedValue {
  if (depth >= MAX_DEPTH) return NOTHING;
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  let value = NOTHING;
  let elements: TypedValue[] = [];
  let pairs: KeyedValue[] = [];
  while (reader.next()) {
    const { field, wireType } = reader;
    if (wireType === WireType.LEN) {
      const content = bytes.subarray(reader.start, reader.end);
      if (field === 1) value = { kind: "string", value: reader.string() };
      else if (field === 5) {
        // Pieces of one list are the list; any other member of the oneof takes the place of what was before.
        if (value.kind !== "array") value = { kind: "array", value: (elements = []) };
        addElements(content, strings, depth + 1, elements);
      } else if (field === 6) {
        if (value.kind !== "kvlist") value = { kind: "kvlist", value: (pairs = []) };
        addKeyValues(content, 1, strings, depth + 1, pairs);
      } else if (field === 7) value = { kind: "bytes", value: content };
    } else if (wireType === WireType.VARINT) {
      if (field === 2) value = { kind: "bool", value: reader.low !== 0 || reader.high !== 0 };
      else if (field === 3) value = { kind: "int", value: reader.int64() };
      else if (field === 8) value = referred(reader.low, strings);
    } else if (wireType === WireType.FIXED64 && field === 4) value = { kind: "double", value: reader.double() };
  }
  return reader.failed ? NOTHING : value;
}

/** Decodes all KeyValues of a message that are in one field: attributes of a resource (1) or a scope (3). */
export function decodeKeyValues(bytes: Uint8Array, field: number, strings: StringTable): readonly KeyedValue[] {
  const pairs: KeyedValue[] = [];
  addKeyValues(bytes, field, strings, 0, pairs);
  return pairs;
}

function addKeyValues(
  bytes: Uint8Array,
  field: number,
  strings: StringTable,
  depth: number,
  pairs: KeyedValue[],
): void {
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  while (reader.next()) {
    if (reader.field !== field || reader.wireType !== WireType.LEN) continue;
    pairs.push(decodeKeyValue(bytes.subarray(reader.start, reader.end), strings, depth));
  }
}

/** A literal key goes before a reference, as both must not be set. */
function decodeKeyValue(bytes: Uint8Array, strings: StringTable, depth: number): KeyedValue {
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  let key = "";
  let reference = 0;
  let value = NOTHING;
  while (reader.next()) {
    if (reader.field === 1 && reader.wireType === WireType.LEN) key = reader.string();
    else if (reader.field === 2 && reader.wireType === WireType.LEN) {
      value = decodeAnyValue(bytes.subarray(reader.start, reader.end), strings, depth);
    } else if (reader.field === 3 && reader.wireType === WireType.VARINT) reference = reader.low;
  }
  return { key: key === "" ? strings.text(reference) : key, value };
}

/** Adds the elements of an ArrayValue to a list. */
function addElements(bytes: Uint8Array, strings: StringTable, depth: number, list: TypedValue[]): void {
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  while (reader.next()) {
    if (reader.field !== 1 || reader.wireType !== WireType.LEN) continue;
    list.push(decodeAnyValue(bytes.subarray(reader.start, reader.end), strings, depth));
  }
}

function referred(index: number, strings: StringTable): TypedValue {
  if (index === 0) return { kind: "string", value: "" };
  return index > 0 && index < strings.length ? { kind: "string", value: strings.text(index) } : NOTHING;
}
