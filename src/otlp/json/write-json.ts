import { ParseError } from "#wire";
import { decodeMessage } from "../schema/decode.ts";
import { requestSchema } from "../schema/requests.ts";
import type { Signal } from "../signal.ts";

/**
 * A protobuf request as OTLP/JSON on one line: ids in hexadecimal, 64-bit integers as strings, enumerations as
 * numbers, fields in the order of their definition. Unknown fields cannot be shown and are left out; profiles are
 * read as layout D10.
 */
export function protobufToJson(signal: Signal, bytes: Uint8Array): string | ParseError {
  const message = decodeMessage(requestSchema(signal), bytes, "json");
  return message instanceof ParseError ? message : JSON.stringify(message);
}
