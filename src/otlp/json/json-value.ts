import { ParseError } from "#wire";
import type { EnumSchema, ScalarType } from "../schema/schema.ts";

/** Reads of JSON values as protobuf scalars. Each returns the value, or an error that says what stands there instead. */

type IntegerType = Extract<ScalarType, `${string}int${string}` | `${string}fixed${string}`>;

/** Smallest and largest value of each integer type. */
const RANGES: Readonly<Record<IntegerType, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/** Bytes of each kind of id. */
const ID_BYTES = { traceId: 16, spanId: 8, profileId: 16 } as const;

/** An integer of that type: a number, or a string of decimal digits. */
export function readInteger(type: IntegerType, value: unknown): bigint | ParseError {
  let integer: bigint;
  if (typeof value === "number" && Number.isInteger(value)) integer = BigInt(value);
  else if (typeof value === "string" && /^[+-]?\d{1,40}$/.test(value)) integer = BigInt(value.replace("+", ""));
  else if (typeof value === "string" && value.length <= 40 && isIntegral(value)) integer = BigInt(Number(value));
  else return unexpected("an integer", value);
  const [smallest, largest] = RANGES[type];
  return integer < smallest || integer > largest ? new ParseError(`${integer} does not fit ${type}`) : integer;
}

/** `1e3` and `5.0` are integers in protobuf JSON. */
function isIntegral(text: string): boolean {
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isSafeInteger(Number(text));
}

/** A double: a number, a string of one, or one of the three names. */
export function readDouble(value: unknown): number | ParseError {
  if (typeof value === "number") return value;
  if (value === "NaN") return NaN;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  if (typeof value === "string" && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return Number(value);
  return unexpected("a number", value);
}

/** An enumeration: its number (also one not in the table) or its name. */
export function readEnum(names: EnumSchema, value: unknown): bigint | ParseError {
  if (typeof value === "string" && Object.hasOwn(names, value)) return BigInt(names[value]!);
  return typeof value === "string" && !/^-?\d+$/.test(value)
    ? new ParseError(`${quote(value)} is none of ${Object.keys(names)[0]}, …`)
    : readInteger("int32", value);
}

/**
 * Bytes: ids in hexadecimal, or in base64 as plain protobuf JSON has them; all else in base64. The lengths of the two
 * differ for each kind of id, so they cannot be mixed up.
 */
export function readBytes(type: "bytes" | "traceId" | "spanId" | "profileId", value: unknown): Uint8Array | ParseError {
  if (typeof value !== "string") return unexpected("a string", value);
  if (type === "bytes") return base64(value) ?? new ParseError(`not base64: ${quote(value)}`);
  const size = ID_BYTES[type];
  if (value === "" || (value.length === size * 2 && /^[0-9a-fA-F]*$/.test(value))) return Buffer.from(value, "hex");
  const bytes = base64(value);
  if (bytes?.length === size) return bytes;
  return new ParseError(`expected ${size * 2} hexadecimal digits, found ${quote(value)}`);
}

/** Base64 in either alphabet, padded or not. */
function base64(value: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(value) ? Buffer.from(value, "base64") : undefined;
}

/** The error for a value of the wrong kind. */
export function unexpected(expected: string, value: unknown): ParseError {
  return new ParseError(`expected ${expected}, found ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? quote(value) : String(value as number | boolean);
}

/** Text from outside, shortened: it ends up in replies and logs. */
function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
