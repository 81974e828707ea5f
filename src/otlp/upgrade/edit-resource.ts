import { Reader, WireType, Writer } from "#wire";
import { type AttributeValue, decodeAttribute, encodeAttribute } from "../attribute-value.ts";
import { StringTable } from "../string-table.ts";
import type { LossLog } from "./losses.ts";

/** Resource.attributes and .entity_refs; EntityRef.id_keys and .description_keys. */
const ATTRIBUTES = 1;
const ENTITY_REFS = 3;
const ID_KEYS = 3;
const DESCRIPTION_KEYS = 4;

/** The value of an attribute of an encoded Resource without references; undefined where it has none. */
export function resourceAttribute(resource: Uint8Array, key: string): AttributeValue {
  const reader = new Reader();
  reader.reset(resource, 0, resource.length);
  while (reader.nextOf(ATTRIBUTES)) {
    const attribute = decodeAttribute(resource, reader.start, reader.end, NO_STRINGS);
    if (attribute?.key === key) return attribute.value;
  }
  return undefined;
}

/**
 * A copy of an encoded Resource without the attributes that `drops` names and with those of `sets`. References to
 * entities whose keys are gone go too, and are counted.
 */
export function editResource(
  resource: Uint8Array,
  drops: (key: string) => boolean,
  sets: readonly (readonly [string, string])[],
  losses: LossLog,
): Uint8Array {
  const writer = new Writer(resource.length + 128);
  const setKeys = new Set(sets.map(([key]) => key));
  const dropped = new Set<string>();
  const fields = new Reader();
  fields.reset(resource, 0, resource.length);
  while (fields.next()) {
    const whole = resource.subarray(fields.fieldStart, fields.position);
    if (fields.field !== ATTRIBUTES || fields.wireType !== WireType.LEN) continue;
    const key = decodeAttribute(resource, fields.start, fields.end, NO_STRINGS)?.key ?? "";
    if (setKeys.has(key)) continue;
    if (drops(key)) dropped.add(key);
    else writer.raw(whole);
  }
  for (const [key, value] of sets) writer.raw(encodeAttribute(key, value));
  fields.reset(resource, 0, resource.length);
  while (fields.next()) {
    if (fields.field === ATTRIBUTES) continue;
    if (fields.field === ENTITY_REFS && namesAny(resource, fields.start, fields.end, dropped)) {
      losses.add("entity-refs");
    } else writer.raw(resource.subarray(fields.fieldStart, fields.position));
  }
  return writer.finish();
}

function namesAny(bytes: Uint8Array, start: number, end: number, keys: ReadonlySet<string>): boolean {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if ((reader.field === ID_KEYS || reader.field === DESCRIPTION_KEYS) && keys.has(reader.string())) return true;
  }
  return false;
}

const NO_STRINGS = new StringTable();
