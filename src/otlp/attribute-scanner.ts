import { Reader, WireType } from "#wire";
import type { StringTable } from "./string-table.ts";

/** What an attribute's value is. The numbers are the fields of AnyValue (common.proto); references count as STRING. */
export const AttributeKind = {
  ABSENT: -1,
  EMPTY: 0,
  STRING: 1,
  BOOL: 2,
  INT: 3,
  DOUBLE: 4,
  ARRAY: 5,
  KVLIST: 6,
  BYTES: 7,
} as const;
export type AttributeKind = (typeof AttributeKind)[keyof typeof AttributeKind];

/** KeyValue. */
const KEY = 1;
const VALUE = 2;
const KEY_STRINDEX = 3;
/** AnyValue. */
const STRING_VALUE_STRINDEX = 8;

/** The wire type of each field of AnyValue, by number. */
const VALUE_WIRE_TYPES: readonly WireType[] = [
  WireType.LEN,
  WireType.LEN,
  WireType.VARINT,
  WireType.VARINT,
  WireType.FIXED64,
  WireType.LEN,
  WireType.LEN,
  WireType.LEN,
  WireType.VARINT,
];

/**
 * Reads one KeyValue in place: where its key and its value are, literal or behind a reference into the string table.
 * Allocates nothing. One object is used for one attribute after the other.
 */
export class AttributeScanner {
  readonly #strings: StringTable;
  readonly #pair = new Reader();
  readonly #value = new Reader();

  /** The key's bytes; an empty range where the attribute has none. */
  keyStart = 0;
  keyEnd = 0;
  kind: AttributeKind = AttributeKind.EMPTY;
  /** STRING, BYTES, ARRAY, KVLIST: the content. Numbers: the AnyValue field with its tag. */
  valueStart = 0;
  valueEnd = 0;
  /** References that pointed outside the string table, since the owner set it to 0. What they stood for is absent. */
  unresolved = 0;

  constructor(strings: StringTable) {
    this.#strings = strings;
  }

  /** Reads the KeyValue whose content is `bytes[start, end)`. False when it is malformed. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    const pair = this.#pair;
    let keyReference = 0;
    this.keyStart = this.keyEnd = start;
    this.kind = AttributeKind.EMPTY;
    this.valueStart = this.valueEnd = start;
    pair.reset(bytes, start, end);
    while (pair.next()) {
      if (pair.field === KEY) {
        if (pair.wireType !== WireType.LEN) return false;
        this.keyStart = pair.start;
        this.keyEnd = pair.end;
      } else if (pair.field === VALUE) {
        if (pair.wireType !== WireType.LEN || !this.#scanValue(bytes, pair.start, pair.end)) return false;
      } else if (pair.field === KEY_STRINDEX) {
        if (pair.wireType !== WireType.VARINT) return false;
        keyReference = pair.low;
      }
    }
    // Key and reference exclude each other; where both stand nevertheless, the literal counts.
    if (keyReference !== 0 && this.keyStart === this.keyEnd && this.#resolve(keyReference)) {
      this.keyStart = this.#strings.start;
      this.keyEnd = this.#strings.end;
    }
    return !pair.failed;
  }

  /** AnyValue is a oneof: the last field counts. */
  #scanValue(bytes: Uint8Array, start: number, end: number): boolean {
    const value = this.#value;
    value.reset(bytes, start, end);
    while (value.next()) {
      const { field } = value;
      if (field > STRING_VALUE_STRINDEX) continue;
      if (value.wireType !== VALUE_WIRE_TYPES[field]) return false;
      if (value.wireType === WireType.LEN) {
        this.kind = field as AttributeKind;
        this.valueStart = value.start;
        this.valueEnd = value.end;
      } else if (field !== STRING_VALUE_STRINDEX) {
        this.kind = field as AttributeKind;
        this.valueStart = value.fieldStart;
        this.valueEnd = value.end;
      } else if (value.low === 0) {
        // Index 0 is the empty string in every table.
        this.kind = AttributeKind.STRING;
        this.valueStart = this.valueEnd = start;
      } else if (this.#resolve(value.low)) {
        this.kind = AttributeKind.STRING;
        this.valueStart = this.#strings.start;
        this.valueEnd = this.#strings.end;
      } else this.kind = AttributeKind.EMPTY;
    }
    return !value.failed;
  }

  #resolve(index: number): boolean {
    if (this.#strings.locate(index)) return true;
    this.unresolved++;
    return false;
  }
}
