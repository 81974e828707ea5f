import { ParseError, Reader, WireType, Writer } from "#wire";
import { parseObject } from "./json-object.ts";
import type { Signal } from "./signal.ts";

/**
 * What an export response says beside success (Export*PartialSuccess). Everything was taken and there is nothing to
 * say when `rejected` is 0 and `message` empty; a message with 0 is a warning. Senders never retry what was rejected.
 */
export interface PartialSuccess {
  /** Spans, data points, log records, or (profiles) profiles. */
  readonly rejected: number;
  readonly message: string;
}

/** The response without partial success: zero bytes, `{}` in JSON. */
export const FULL_SUCCESS: PartialSuccess = { rejected: 0, message: "" };

/** JSON name of the counter; its field number is 1 in all signals. */
const REJECTED_NAMES: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
  logs: "rejectedLogRecords",
  profiles: "rejectedProfiles",
};
const PARTIAL_SUCCESS = 1;
const REJECTED = 1;
const ERROR_MESSAGE = 2;

/** Export*ServiceResponse as protobuf; zero bytes for full success. */
export function encodeResponse(partial: PartialSuccess = FULL_SUCCESS): Uint8Array {
  if (partial.rejected === 0 && partial.message === "") return new Uint8Array(0);
  const writer = new Writer();
  writer.open(PARTIAL_SUCCESS);
  if (partial.rejected !== 0) writer.varint(REJECTED, partial.rejected);
  if (partial.message !== "") writer.string(ERROR_MESSAGE, partial.message);
  writer.close();
  return writer.finish();
}

/** Export*ServiceResponse as OTLP/JSON. */
export function encodeJsonResponse(signal: Signal, partial: PartialSuccess = FULL_SUCCESS): string {
  if (partial.rejected === 0 && partial.message === "") return "{}";
  return JSON.stringify({
    partialSuccess: {
      ...(partial.rejected !== 0 && { [REJECTED_NAMES[signal]]: String(partial.rejected) }),
      ...(partial.message !== "" && { errorMessage: partial.message }),
    },
  });
}

/** Reads Export*ServiceResponse. */
export function decodeResponse(bytes: Uint8Array): PartialSuccess | ParseError {
  let rejected = 0;
  let message = "";
  const outer = new Reader();
  const inner = new Reader();
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    if (outer.field !== PARTIAL_SUCCESS || outer.wireType !== WireType.LEN) continue;
    inner.reset(bytes, outer.start, outer.end);
    while (inner.next()) {
      if (inner.field === REJECTED && inner.wireType === WireType.VARINT) rejected = inner.int();
      else if (inner.field === ERROR_MESSAGE && inner.wireType === WireType.LEN) message = inner.string();
    }
    if (inner.failed) return inner.error().within("partial_success");
  }
  return outer.failed ? outer.error() : { rejected, message };
}

/** Reads an OTLP/JSON response. Names of the protobuf fields are taken as well. */
export function decodeJsonResponse(signal: Signal, bytes: Uint8Array): PartialSuccess | ParseError {
  const body = parseObject(bytes);
  if (body instanceof ParseError) return body;
  const partial = body["partialSuccess"] ?? body["partial_success"];
  if (partial === undefined || partial === null) return FULL_SUCCESS;
  if (typeof partial !== "object") return new ParseError("partialSuccess: not an object");
  const fields = partial as Readonly<Record<string, unknown>>;
  const name = REJECTED_NAMES[signal];
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const rejected = Number(fields[name] ?? fields[snake] ?? 0);
  if (!Number.isSafeInteger(rejected)) return new ParseError(`partialSuccess.${name}: not an integer`);
  const message = fields["errorMessage"] ?? fields["error_message"] ?? "";
  if (typeof message !== "string") return new ParseError("partialSuccess.errorMessage: not a string");
  return { rejected, message };
}
