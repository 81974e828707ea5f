import { Reader, WireType, Writer } from "#wire";
import { wireTypeOf, type FieldSchema, type MessageSchema } from "../../schema/schema.ts";

/** Ways to write the same message; all of them are legal protobuf, and each has a writer in the field. */
export interface Encoding {
  /** Lists of numbers one by one instead of packed. */
  readonly unpacked?: boolean;
  /** Numbers and lengths with a byte more than they need, as writers do that patch lengths in afterwards. */
  readonly padded?: boolean;
  /** Fields in descending order of their numbers; entries of one field stay in order. */
  readonly descending?: boolean;
  /** A field that nobody knows in every message. */
  readonly unknown?: boolean;
  /** Singular messages in two pieces. */
  readonly split?: boolean;
}

/** A field number that no layout has, of two bytes as a tag. */
const UNKNOWN_FIELD = 900;

interface Part {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Writes a message anew in another way. Fields that the schema does not know stay as they are. */
export function reencode(schema: MessageSchema, bytes: Uint8Array, encoding: Encoding): Uint8Array {
  const parts: Part[] = [];
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  while (reader.next()) {
    const index = schema.byNumber.get(reader.field);
    const field = index === undefined ? undefined : schema.fields[index]!;
    const whole = bytes.subarray(reader.fieldStart, reader.position);
    const rewritten = field ? rewrite(field, reader, encoding) : [whole];
    for (const part of rewritten) parts.push({ number: reader.field, bytes: part });
  }
  if (reader.failed) throw new Error(reader.error().message);
  if (encoding.unknown) parts.push({ number: UNKNOWN_FIELD, bytes: unknownField() });
  if (encoding.descending) parts.sort((a, b) => b.number - a.number);
  return Buffer.concat(parts.map((part) => part.bytes));
}

/** The fields that stand for one field. */
function rewrite(field: FieldSchema, reader: Reader, encoding: Encoding): Uint8Array[] {
  const content = reader.bytes.slice(reader.start, reader.end);
  if (field.message) {
    const inner = reencode(field.message(), content, encoding);
    // AnyValue is a oneof: half of it would be another value.
    const cut = encoding.split && !field.repeated && field.message().name !== "AnyValue" ? cutOf(inner) : undefined;
    if (cut === undefined) return [lengthDelimited(field.number, inner, encoding)];
    return [inner.subarray(0, cut), inner.subarray(cut)].map((piece) => lengthDelimited(field.number, piece, encoding));
  }
  const wireType = wireTypeOf(field);
  if (reader.wireType !== WireType.LEN) return [single(field.number, wireType, content, encoding)];
  if (wireType === WireType.LEN || !encoding.unpacked) {
    const numbers = wireType === WireType.VARINT && encoding.padded ? padAll(content) : content;
    return [lengthDelimited(field.number, numbers, encoding)];
  }
  return elementsOf(content, wireType).map((element) => single(field.number, wireType, element, encoding));
}

/** Where the second field of a message begins; undefined where there is none. */
function cutOf(message: Uint8Array): number | undefined {
  const reader = new Reader();
  reader.reset(message, 0, message.length);
  return reader.next() && reader.position < message.length ? reader.position : undefined;
}

function elementsOf(content: Uint8Array, wireType: WireType): Uint8Array[] {
  if (wireType === WireType.FIXED64) {
    return Array.from({ length: content.length / 8 }, (_none, at) => content.subarray(at * 8, at * 8 + 8));
  }
  const elements: Uint8Array[] = [];
  for (let start = 0, at = 0; at < content.length; at++) {
    if (content[at]! >= 0x80) continue;
    elements.push(content.subarray(start, at + 1));
    start = at + 1;
  }
  return elements;
}

function single(number: number, wireType: WireType, content: Uint8Array, encoding: Encoding): Uint8Array {
  const writer = new Writer(16);
  writer.tag(number, wireType);
  writer.raw(wireType === WireType.VARINT && encoding.padded ? pad(content) : content);
  return writer.finish();
}

function lengthDelimited(number: number, content: Uint8Array, encoding: Encoding): Uint8Array {
  const head = new Writer(16);
  head.tag(number, WireType.LEN);
  const length = new Writer(16);
  length.rawVarint(content.length);
  head.raw(encoding.padded ? pad(length.finish()) : length.finish());
  return Buffer.concat([head.finish(), content]);
}

/** A varint with one byte more, unless it has all ten. */
function pad(varint: Uint8Array): Uint8Array {
  if (varint.length === 10) return varint;
  const padded = Uint8Array.from([...varint, 0]);
  padded[varint.length - 1]! |= 0x80;
  return padded;
}

function padAll(content: Uint8Array): Uint8Array {
  return Buffer.concat(elementsOf(content, WireType.VARINT).map(pad));
}

function unknownField(): Uint8Array {
  const writer = new Writer(16);
  writer.string(UNKNOWN_FIELD, "unknown");
  return writer.finish();
}
