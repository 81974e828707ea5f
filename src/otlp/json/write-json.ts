import { ParseError } from "#wire";
import { detectLayout } from "../profiles/detect-layout.ts";
import { Refusal } from "../profiles/detection.ts";
import type { Layout } from "../profiles/layout.ts";
import { decodeMessage } from "../schema/decode.ts";
import { profilesSchema } from "../schema/profiles-layouts.ts";
import { requestSchema } from "../schema/requests.ts";
import type { MessageSchema } from "../schema/schema.ts";
import type { Signal } from "../signal.ts";

/**
 * A protobuf request as OTLP/JSON on one line: ids in hexadecimal, 64-bit integers as strings, enumerations as
 * numbers, fields in the order of their definition. Unknown fields cannot be shown and are left out. Profiles keep
 * their layout, with its own names.
 *
 * @param layout of profiles, where the caller knows it; else it is recognized
 */
export function protobufToJson(signal: Signal, bytes: Uint8Array, layout?: Layout): string | ParseError {
  const schema = signal === "profiles" ? profilesSchemaOf(bytes, layout) : requestSchema(signal);
  if (schema instanceof ParseError) return schema;
  const message = decodeMessage(schema, bytes, "json");
  return message instanceof ParseError ? message : JSON.stringify(message);
}

/** What a profiles request is, by its layout. */
function profilesSchemaOf(bytes: Uint8Array, layout?: Layout): MessageSchema | ParseError {
  if (layout !== undefined) return profilesSchema(layout).message("ProfilesData");
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) return detection.problem;
  return profilesSchema(detection.layout).message("ProfilesData");
}
