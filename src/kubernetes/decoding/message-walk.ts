/** Reads protobuf messages of which only some fields are of interest; those of another type than expected count as absent. */
import { Reader, WireType } from "#wire";
import { ApiFormatError } from "../errors.ts";

/** Entries of one list that are read; a node runs some hundred containers. */
const MAX_ENTRIES = 65_536;

/** A part of some bytes. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** All of some bytes. */
export function whole(bytes: Uint8Array): Span {
  return { bytes, start: 0, end: bytes.length };
}

/** The message in the current field; nothing where the field isn't one. */
export function inside({ bytes, start, end, wireType }: Reader): Span {
  return wireType === WireType.LEN ? { bytes, start, end } : { bytes, start: 0, end: 0 };
}

/** The current field as text; empty where it is none. */
export function text(reader: Reader): string {
  return reader.wireType === WireType.LEN ? reader.string() : "";
}

/** The current field as a number; 0 where it is none. */
export function number(reader: Reader): number {
  return reader.wireType === WireType.VARINT ? reader.int() : 0;
}

/** Adds the map entry in the current field. */
export function addEntry(reader: Reader, texts: Map<string, string>): void {
  let [key, value] = ["", ""];
  walk("map entry", inside(reader), (entry) => {
    if (entry.field === 1) key = text(entry);
    else if (entry.field === 2) value = text(entry);
  });
  if (key !== "") texts.set(key, value);
}

/**
 * What stands in the fields 1 of a message.
 * @throws ApiFormatError for bytes that are no message, or for too many
 */
export function readList<T>(message: string, bytes: Uint8Array, read: (span: Span) => T): T[] {
  const found: T[] = [];
  walk(message, whole(bytes), (reader) => {
    if (reader.field !== 1 || reader.wireType !== WireType.LEN) return;
    if (found.length >= MAX_ENTRIES) throw new ApiFormatError(`${message} has more than ${MAX_ENTRIES} entries`);
    found.push(read(inside(reader)));
  });
  return found;
}

/**
 * Visits each field of a message.
 * @throws ApiFormatError for bytes that are no message
 */
export function walk(message: string, { bytes, start, end }: Span, visit: (reader: Reader) => void): void {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) visit(reader);
  if (reader.failed) throw new ApiFormatError(`${message}: ${reader.error().message}`);
}
