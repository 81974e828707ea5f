/**
 * What needs the tables of OTLP's messages: JSON in both directions and decoding for people. Loaded through
 * `loadTranscoder` when first needed, so that a process that only passes protobuf on doesn't carry it.
 */
import type { ParseError } from "#wire";
import { decodeMessage, type DecodedMessage } from "./schema/decode.ts";
import { requestSchema } from "./schema/requests.ts";
import type { Signal } from "./signal.ts";

/**
 * Decodes a request into plain objects: fields by JSON name, 64-bit integers as bigint, ids and bytes as bytes,
 * defaults left out. Profiles are read as layout D10, with tables and references as they are.
 */
export function decodeRequest(signal: Signal, bytes: Uint8Array): DecodedMessage | ParseError {
  return decodeMessage(requestSchema(signal), bytes, "native");
}

export { jsonToProtobuf, profilesJsonToProtobuf, type TranscodedProfiles } from "./json/read-json.ts";
export { protobufToJson } from "./json/write-json.ts";
export { describeProfiles, describeRefusal } from "./profiles/describe-profiles.ts";
export { meaningOf, type SampleMeaning } from "./profiles/sample-totals.ts";
