import { Reader, WireType, Writer } from "#wire";
import type { StringTable } from "../profiles/tables.ts";
import type { LossLog } from "./losses.ts";

/** Messages that references to strings occur in, and their fields with such messages (common.proto, resource.proto). */
type Kind = "resource" | "scope" | "keyValue" | "anyValue" | "arrayValue" | "keyValueList";
const CHILDREN: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  resource: { 1: "keyValue" },
  scope: { 3: "keyValue" },
  keyValue: { 2: "anyValue" },
  anyValue: { 5: "arrayValue", 6: "keyValueList" },
  arrayValue: { 1: "anyValue" },
  keyValueList: { 1: "keyValue" },
};

/** KeyValue.key, .key_strindex; AnyValue.string_value, .string_value_strindex. */
const KEY = 1;
const KEY_STRINDEX = 3;
const STRING_VALUE = 1;
const STRING_VALUE_STRINDEX = 8;
const TAG_OF_KEY_STRINDEX = KEY_STRINDEX << 3;
const TAG_OF_VALUE_STRINDEX = STRING_VALUE_STRINDEX << 3;

/**
 * Bytes that references may become in one request: a million of them may stand for the same long string. Beyond that
 * they are left out and counted, as those to nothing.
 */
const MAX_RESOLVED_BYTES = 64 << 20;

/** How deep values may nest; what is deeper is copied as it is. */
const MAX_DEPTH = 64;

/**
 * Puts the text where 1.10 has references into the string table (`key_strindex`, `string_value_strindex`): receivers
 * other than the newest collectors read only literals. A literal key beside a reference wins; a reference to nothing
 * is left out and counted. Broken bytes come back as they are.
 */
export class ReferenceResolver {
  readonly #strings: StringTable;
  readonly #losses: LossLog;
  readonly #writer = new Writer(512);
  #left = MAX_RESOLVED_BYTES;

  constructor(strings: StringTable, losses: LossLog) {
    this.#strings = strings;
    this.#losses = losses;
  }

  /** An encoded Resource, InstrumentationScope or AnyValue without references; the same bytes if it has none. */
  resolve(bytes: Uint8Array, kind: "resource" | "scope" | "anyValue"): Uint8Array {
    if (!bytes.includes(TAG_OF_KEY_STRINDEX) && !bytes.includes(TAG_OF_VALUE_STRINDEX)) return bytes;
    this.#writer.reset();
    if (!this.#rewrite(bytes, 0, bytes.length, kind, 0)) return bytes;
    return this.#writer.finish();
  }

  /** False where the bytes are broken. */
  #rewrite(bytes: Uint8Array, start: number, end: number, kind: Kind, depth: number): boolean {
    const writer = this.#writer;
    const reader = new Reader();
    let literal = false;
    let reference = 0;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      const child = reader.wireType === WireType.LEN && depth < MAX_DEPTH ? CHILDREN[kind][reader.field] : undefined;
      if (child !== undefined) {
        writer.open(reader.field);
        if (!this.#rewrite(bytes, reader.start, reader.end, child, depth + 1)) return false;
        writer.close();
      } else if (kind === "keyValue" && reader.field === KEY_STRINDEX) reference = reader.low;
      else if (kind === "anyValue" && reader.field === STRING_VALUE_STRINDEX) this.#string(STRING_VALUE, reader.low);
      else {
        if (kind === "keyValue" && reader.field === KEY && reader.end > reader.start) literal = true;
        writer.raw(bytes.subarray(reader.fieldStart, reader.position));
      }
    }
    if (!literal && reference !== 0) this.#string(KEY, reference);
    return !reader.failed;
  }

  #string(field: number, index: number): void {
    const known = index >= 0 && index < this.#strings.length;
    this.#left -= this.#strings.size(index);
    if (known && this.#left >= 0) this.#writer.bytes(field, this.#strings.bytes(index));
    else this.#losses.add("string-reference");
  }
}
