import { decodeText, ParseError, Reader, WireType } from "#wire";
import { wireTypeOf, type FieldSchema, type MessageSchema, type ScalarType } from "./schema.ts";

/** A decoded field: what JSON can hold, and in native form also `bigint` and bytes. */
export type DecodedValue =
  string | number | bigint | boolean | Uint8Array | DecodedMessage | readonly DecodedValue[] | undefined;

/** A decoded message: fields by JSON name, in the order of the table. Absent and default fields are left out. */
export interface DecodedMessage {
  readonly [name: string]: DecodedValue;
}

/**
 * How values are told. `native`: 64-bit integers as bigint, bytes as bytes. `json`: as OTLP/JSON has them.
 */
export type DecodedForm = "native" | "json";

/** How deep messages may nest. */
const MAX_DEPTH = 100;

/**
 * Decodes a message by its table. Repeated pieces of one singular message merge, packed and unpacked numbers are the
 * same, unknown fields are passed over; a known field of the wrong wire type is an error that names the place.
 */
export function decodeMessage(
  schema: MessageSchema,
  bytes: Uint8Array,
  form: DecodedForm,
): DecodedMessage | ParseError {
  const decoding = new Decoding(bytes, form);
  const message = decoding.message(schema, [0, bytes.length], 0);
  return message ?? decoding.problem ?? new ParseError("unreadable");
}

class Decoding {
  readonly #bytes: Uint8Array;
  readonly #form: DecodedForm;
  problem: ParseError | undefined;

  constructor(bytes: Uint8Array, form: DecodedForm) {
    this.#bytes = bytes;
    this.#form = form;
  }

  /** @param ranges start and end of each piece of the message; undefined is returned when `problem` is set */
  message(schema: MessageSchema, ranges: readonly number[], depth: number): DecodedMessage | undefined {
    if (depth > MAX_DEPTH) return this.#fail(new ParseError(`nests deeper than ${MAX_DEPTH} messages`));
    const values: unknown[] = [];
    values.length = schema.fields.length;
    const reader = new Reader();
    for (let piece = 0; piece < ranges.length; piece += 2) {
      reader.reset(this.#bytes, ranges[piece]!, ranges[piece + 1]!);
      while (reader.next()) {
        const index = schema.byNumber.get(reader.field);
        if (index === undefined) continue;
        const field = schema.fields[index]!;
        if (field.oneof && values[index] === undefined) unsetOneof(schema, values);
        values[index] = this.#collect(field, reader, values[index]);
        if (reader.failed) break;
        if (this.problem) return undefined;
      }
      if (reader.failed) return this.#fail(reader.error());
    }
    return this.#assemble(schema, values, depth);
  }

  /** Adds one occurrence of a field to what was collected of it: ranges of messages, else values. */
  #collect(field: FieldSchema, reader: Reader, collected: unknown): unknown {
    const wireType = wireTypeOf(field);
    if (field.message && reader.wireType === WireType.LEN) {
      const ranges = (collected as number[] | undefined) ?? [];
      ranges.push(reader.start, reader.end);
      return ranges;
    }
    if (reader.wireType === wireType) {
      const value = this.#scalar(field, reader);
      if (!field.repeated) return value;
      const list = (collected as DecodedValue[] | undefined) ?? [];
      list.push(value);
      return list;
    }
    if (field.repeated && reader.wireType === WireType.LEN) {
      const list = (collected as DecodedValue[] | undefined) ?? [];
      this.#unpack(field, wireType, reader, list);
      return list;
    }
    this.#fail(new ParseError(`wire type ${reader.wireType} instead of ${wireType}`, field.protoName));
    return undefined;
  }

  #unpack(field: FieldSchema, wireType: WireType, reader: Reader, list: DecodedValue[]): void {
    const { end } = reader;
    if (wireType === WireType.VARINT) {
      for (let at = reader.start; at < end && !reader.failed;) {
        at = reader.packedVarint(at);
        if (at >= 0) list.push(this.#scalar(field, reader));
      }
      return;
    }
    const size = wireType === WireType.FIXED64 ? 8 : 4;
    if ((end - reader.start) % size !== 0) {
      this.#fail(new ParseError(`${end - reader.start} bytes of packed numbers`, field.protoName));
      return;
    }
    const element = new Reader();
    element.wireType = wireType;
    element.bytes = this.#bytes;
    for (element.start = reader.start; element.start < end; element.start += size) {
      element.end = element.start + size;
      list.push(this.#scalar(field, element));
    }
  }

  #assemble(schema: MessageSchema, values: readonly unknown[], depth: number): DecodedMessage | undefined {
    const message: Record<string, DecodedValue> = {};
    for (const [index, field] of schema.fields.entries()) {
      const value = values[index];
      if (value === undefined) continue;
      if (!field.message) {
        if (field.explicit || !isDefault(field, value)) message[field.jsonName] = value as DecodedValue;
        continue;
      }
      const ranges = value as readonly number[];
      if (!field.repeated) {
        const inner = this.message(field.message(), ranges, depth + 1);
        if (!inner) return this.#locate(field.protoName);
        message[field.jsonName] = inner;
        continue;
      }
      const list: DecodedMessage[] = [];
      for (let piece = 0; piece < ranges.length; piece += 2) {
        const inner = this.message(field.message(), [ranges[piece]!, ranges[piece + 1]!], depth + 1);
        if (!inner) return this.#locate(`${field.protoName}[${piece / 2}]`);
        list.push(inner);
      }
      message[field.jsonName] = list;
    }
    return message;
  }

  #scalar(field: FieldSchema, reader: Reader): DecodedValue {
    const json = this.#form === "json";
    if (field.enumeration) return reader.low;
    const type = field.scalar as ScalarType;
    switch (type) {
      case "string":
        return decodeText(this.#bytes, reader.start, reader.end);
      case "bytes":
      case "traceId":
      case "spanId":
      case "profileId": {
        const bytes = Buffer.from(this.#bytes.subarray(reader.start, reader.end));
        if (!json) return new Uint8Array(bytes);
        return bytes.toString(type === "bytes" ? "base64" : "hex");
      }
      case "bool":
        return reader.low !== 0 || reader.high !== 0;
      case "double":
        return json ? jsonDouble(reader.double()) : reader.double();
      case "int32":
        return reader.low;
      case "uint32":
        return reader.low >>> 0;
      case "sint32":
        return (reader.low >>> 1) ^ -(reader.low & 1);
      case "fixed32":
        return new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(reader.start, true);
      case "int64":
      case "sfixed64":
        return json ? String(reader.int64()) : reader.int64();
      case "uint64":
      case "fixed64":
        return json ? String(reader.uint64()) : reader.uint64();
    }
  }

  #fail(problem: ParseError): undefined {
    this.problem = problem;
    return undefined;
  }

  #locate(place: string): undefined {
    this.problem = this.problem?.within(place);
    return undefined;
  }
}

/** JSON has neither these nor a negative zero. */
function jsonDouble(value: number): number | string {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

function isDefault(field: FieldSchema, value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  if (value === "0") return field.scalar !== "string";
  return value === "" || value === false || value === 0n || Object.is(value, 0);
}

function unsetOneof(schema: MessageSchema, values: unknown[]): void {
  for (const [index, field] of schema.fields.entries()) if (field.oneof) values[index] = undefined;
}
