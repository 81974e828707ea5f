import { WireType, type Reader } from "#wire";
import type { Int32Column, Int64Column } from "./columns.ts";

/**
 * Appends the current field's numbers to a column, be it packed or a single one; int32 and what is indexes. A number
 * that does not fit is cut as protobuf does, or -1 where `wide` (layout E has 64-bit indexes). False when broken.
 */
export function pushInts(reader: Reader, column: Int32Column, wide: boolean): boolean {
  if (reader.wireType === WireType.VARINT) {
    column.push(wide && reader.high !== 0 ? -1 : reader.low);
    return true;
  }
  const { bytes, end } = reader;
  for (let at = reader.start; at < end;) {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      column.push(byte);
      at++;
      continue;
    }
    at = reader.packedVarint(at);
    if (at < 0) return false;
    column.push(wide && reader.high !== 0 ? -1 : reader.low);
  }
  return true;
}

/** Appends 64-bit numbers: varints or fixed, packed or a single one. `fixed` tells what packed bytes are. */
export function pushLongs(reader: Reader, column: Int64Column, fixed: boolean): boolean {
  const { bytes, end } = reader;
  if (reader.wireType === WireType.VARINT) {
    column.push(reader.low, reader.high);
    return true;
  }
  if (fixed || reader.wireType === WireType.FIXED64) {
    if (((end - reader.start) & 7) !== 0) return false;
    column.pushFixed(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), reader.start, end);
    return true;
  }
  for (let at = reader.start; at < end;) {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      column.push(byte, 0);
      at++;
      continue;
    }
    at = reader.packedVarint(at);
    if (at < 0) return false;
    column.push(reader.low, reader.high);
  }
  return true;
}
