import { ParseError, WireType, Writer, type BufferPool, type MessageBuffer } from "#wire";
import { parseObject } from "../json-object.ts";
import { Refusal, type Detection, type DetectionPrior } from "../profiles/detection.ts";
import type { Layout } from "../profiles/layout.ts";
import { profilesSchema } from "../schema/profiles-layouts.ts";
import { requestSchema } from "../schema/requests.ts";
import { wireTypeOf, type FieldSchema, type MessageSchema } from "../schema/schema.ts";
import type { Signal } from "../signal.ts";
import { detectJsonLayout } from "./detect-json-layout.ts";
import { readBytes, readDouble, readEnum, readInteger, unexpected } from "./json-value.ts";

/** How deep messages may nest; a request without nested attribute values needs 9. */
const MAX_DEPTH = 100;

type Problem = ParseError | undefined;

/**
 * Transcodes an OTLP/JSON request (OTLP specification, "JSON Protobuf Encoding") to protobuf in a buffer of the pool,
 * which the caller releases. Takes what senders write: ids in hexadecimal of either case or in base64, enumerations as
 * numbers or names, 64-bit integers as strings or numbers without losing digits, names in either spelling; keys it
 * does not know are passed over, null is absence. A wrong type gives an error that begins with the path to it.
 * Profiles stay in their layout (see `profilesJsonToProtobuf`).
 *
 * @param layout of profiles, where the caller knows better than the names of the keys
 */
export function jsonToProtobuf(
  signal: Signal,
  json: Uint8Array,
  pool: BufferPool,
  layout?: Layout,
): MessageBuffer | ParseError {
  if (signal === "profiles" && layout === undefined) {
    const transcoded = profilesJsonToProtobuf(json, pool);
    if (transcoded instanceof ParseError) return transcoded;
    return transcoded instanceof Refusal ? transcoded.problem : transcoded.buffer;
  }
  const root = parseObject(json);
  if (root instanceof ParseError) return root;
  const schema = layout === undefined ? requestSchema(signal) : profilesSchema(layout).message("ProfilesData");
  return transcode(schema, root, json.length, pool);
}

/** A profiles request in protobuf, with the layout that the JSON has and the protobuf has as well. */
export interface TranscodedProfiles {
  /** For the caller to release. */
  readonly buffer: MessageBuffer;
  readonly detection: Detection;
}

/** As `jsonToProtobuf`, of a profiles request in any layout; of 1.6 it takes ProfilesData, which has the tables. */
export function profilesJsonToProtobuf(
  json: Uint8Array,
  pool: BufferPool,
  prior?: DetectionPrior,
): TranscodedProfiles | Refusal | ParseError {
  const root = parseObject(json);
  if (root instanceof ParseError) return root;
  const detection = detectJsonLayout(root, prior);
  if (detection instanceof Refusal) return detection;
  const buffer = transcode(profilesSchema(detection.layout).message("ProfilesData"), root, json.length, pool);
  return buffer instanceof ParseError ? buffer : { buffer, detection };
}

function transcode(
  schema: MessageSchema,
  root: Readonly<Record<string, unknown>>,
  size: number,
  pool: BufferPool,
): MessageBuffer | ParseError {
  const writer = new Writer(Math.max(256, size >>> 1));
  return writeMessage(writer, schema, root, 0) ?? writer.toBuffer(pool);
}

/** Writes the fields of one message. */
function writeMessage(writer: Writer, schema: MessageSchema, value: unknown, depth: number): Problem {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return unexpected("an object", value);
  if (depth > MAX_DEPTH) return new ParseError(`nests deeper than ${MAX_DEPTH} messages`);
  const object = value as Readonly<Record<string, unknown>>;
  for (const field of schema.fields) {
    const name = Object.hasOwn(object, field.jsonName) ? field.jsonName : field.protoName;
    const member = Object.hasOwn(object, name) ? object[name] : undefined;
    if (member === undefined || member === null) continue;
    const problem = field.repeated
      ? writeList(writer, field, member, depth)
      : writeField(writer, field, member, field.explicit, depth);
    if (problem) return problem.within(name);
  }
  return undefined;
}

function writeList(writer: Writer, field: FieldSchema, value: unknown, depth: number): Problem {
  if (!Array.isArray(value)) return unexpected("an array", value);
  const packed = wireTypeOf(field) !== WireType.LEN && value.length > 0;
  if (packed) writer.open(field.number);
  for (let index = 0; index < value.length; index++) {
    const element: unknown = value[index];
    const problem = packed
      ? writeNumber(writer, field, element, 0, true)
      : writeField(writer, field, element, true, depth);
    if (problem) return problem.within(`[${index}]`);
  }
  if (packed) writer.close();
  return undefined;
}

/** @param always write zero values too: elements of lists, and fields whose presence counts */
function writeField(writer: Writer, field: FieldSchema, value: unknown, always: boolean, depth: number): Problem {
  if (field.message) {
    writer.open(field.number);
    const problem = writeMessage(writer, field.message(), value, depth + 1);
    writer.close();
    return problem;
  }
  const { scalar } = field;
  if (scalar === "string") {
    if (typeof value !== "string") return unexpected("a string", value);
    if (always || value !== "") writer.string(field.number, value);
    return undefined;
  }
  if (scalar === "bytes" || scalar === "traceId" || scalar === "spanId" || scalar === "profileId") {
    const bytes = readBytes(scalar, value);
    if (bytes instanceof ParseError) return bytes;
    if (always || bytes.length > 0) writer.bytes(field.number, bytes);
    return undefined;
  }
  return writeNumber(writer, field, value, field.number, always);
}

/** Writes a number, bool or enumeration: with a tag of field `tagged`, or bare as a packed element where that is 0. */
function writeNumber(writer: Writer, field: FieldSchema, value: unknown, tagged: number, always: boolean): Problem {
  const { scalar } = field;
  if (scalar === "double") {
    const double = readDouble(value);
    if (double instanceof ParseError) return double;
    // -0 is not the default.
    if (!always && Object.is(double, 0)) return undefined;
    if (tagged !== 0) writer.tag(tagged, WireType.FIXED64);
    writer.rawDouble(double);
    return undefined;
  }
  let integer: bigint | ParseError;
  if (field.enumeration) integer = readEnum(field.enumeration, value);
  else if (scalar === "bool") integer = typeof value === "boolean" ? BigInt(value) : unexpected("true or false", value);
  else integer = readInteger(scalar as "int64", value);
  if (integer instanceof ParseError) return integer;
  if (!always && integer === 0n) return undefined;
  const wireType = wireTypeOf(field);
  if (tagged !== 0) writer.tag(tagged, wireType);
  if (wireType === WireType.FIXED64) writer.rawFixed64(integer);
  else if (wireType === WireType.FIXED32) writer.rawFixed32(Number(integer));
  else writer.rawVarint64(scalar === "sint32" ? (integer << 1n) ^ (integer >> 31n) : integer);
  return undefined;
}
