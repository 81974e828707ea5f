import { ParseError, type MessageBuffer } from "#wire";
import { countItems } from "./envelope.ts";
import { Payload, type Origin } from "./payload.ts";
import type { Signal } from "./signal.ts";

/**
 * Makes a payload of bytes from outside: checks the envelope down to the items and counts them. Zero bytes are a valid
 * request without items. A Resource with broken attributes inside a sound envelope is no error of the request.
 * The payload takes over the caller's reference to `buffer`; with a ParseError the caller keeps it.
 */
export function receivePayload(signal: Signal, buffer: MessageBuffer, origin: Origin): Payload | ParseError {
  const items = countItems(signal, buffer.bytes);
  if (items instanceof ParseError) return items;
  return new Payload(signal, buffer, origin, items);
}
