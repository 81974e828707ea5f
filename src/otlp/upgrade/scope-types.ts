import { Reader, WireType, Writer } from "#wire";
import { type AttributeValue, encodeValue } from "../attribute-value.ts";
import { LegacyKey } from "./legacy-names.ts";

/** InstrumentationScope.attributes. */
const SCOPE_ATTRIBUTES = 3;

/**
 * An encoded scope that tells which type of its profiles to show first, and the position that each had before that one
 * came first; what it tells already stays.
 */
export function scopeWithTypes(scope: Uint8Array, defaultType: string, order: readonly number[]): Uint8Array {
  const writer = new Writer(scope.length + 128);
  writer.raw(scope);
  if (defaultType !== "" && !hasAttribute(scope, LegacyKey.DEFAULT_TYPE)) {
    writeAttribute(writer, LegacyKey.DEFAULT_TYPE, defaultType);
  }
  if (order.length > 0 && !hasAttribute(scope, LegacyKey.TYPE_ORDER)) {
    writeAttribute(writer, LegacyKey.TYPE_ORDER, order.map(BigInt));
  }
  return writer.length === scope.length ? scope : writer.finish();
}

function writeAttribute(writer: Writer, key: string, value: AttributeValue): void {
  writer.open(SCOPE_ATTRIBUTES);
  writer.string(1, key);
  writer.bytes(2, encodeValue(value));
  writer.close();
}

function hasAttribute(scope: Uint8Array, key: string): boolean {
  const fields = new Reader();
  const attribute = new Reader();
  fields.reset(scope, 0, scope.length);
  while (fields.nextOf(SCOPE_ATTRIBUTES)) {
    attribute.reset(scope, fields.start, fields.end);
    while (attribute.next()) {
      if (attribute.field === 1 && attribute.wireType === WireType.LEN && attribute.string() === key) return true;
    }
  }
  return false;
}
