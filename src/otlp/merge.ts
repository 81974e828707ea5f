import { ParseError, Reader, WireType, type BufferPool } from "#wire";
import { countItems } from "./envelope.ts";
import { Payload } from "./payload.ts";
import type { Signal } from "./signal.ts";

/**
 * Signals whose requests may be concatenated or cut at resource boundaries. Profiles are not among them: their
 * resources point into the dictionary of their own request.
 */
export type MergeableSignal = Exclude<Signal, "profiles">;

/** Whether requests of the signal can be merged and split. */
export function isMergeable(signal: Signal): signal is MergeableSignal {
  return signal !== "profiles";
}

/** Field 1 of every export request. */
const RESOURCES = 1;

/**
 * One request with the resources of all, in order: protobuf messages merge by concatenation. The result takes the
 * origin of the first, so merge what came from equal origins; it has one reference, and those of the inputs are
 * untouched. All must be of the given signal, and there must be one at least.
 */
export function mergeRequests(signal: MergeableSignal, payloads: readonly Payload[], pool: BufferPool): Payload {
  const first = payloads[0];
  if (!first) throw new RangeError("nothing to merge");
  let length = 0;
  let items = 0;
  for (const payload of payloads) {
    if (payload.signal !== signal) throw new TypeError(`${payload.signal} in a merge of ${signal}`);
    length += payload.bytes.length;
    items += payload.items;
  }
  const buffer = pool.take(length);
  let at = 0;
  for (const payload of payloads) {
    buffer.bytes.set(payload.bytes, at);
    at += payload.bytes.length;
  }
  return new Payload(signal, buffer, first.origin, items);
}

/** How large the parts of a split may get; a single resource may exceed it. */
export interface SplitLimits {
  readonly maxBytes?: number;
  readonly maxItems?: number;
}

/**
 * Cuts a request between resources into parts within the limits, in order. Each part has one reference; the input's
 * are untouched. A request that fits, or cannot be cut (a single resource, profiles, broken bytes), comes back as
 * `[payload]`, retained once.
 */
export function splitRequest(payload: Payload, limits: SplitLimits, pool: BufferPool): Payload[] {
  const { maxBytes = Infinity, maxItems = Infinity } = limits;
  const { bytes, signal, origin } = payload;
  const whole = (): Payload[] => [payload.retain()];
  if (!isMergeable(signal) || (bytes.length <= maxBytes && payload.items <= maxItems)) return whole();
  // Where to cut, and how many items each part has.
  const cuts: { end: number; items: number }[] = [];
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  let start = 0;
  let items = 0;
  while (reader.next()) {
    const counted =
      reader.field === RESOURCES && reader.wireType === WireType.LEN
        ? countItems(signal, bytes.subarray(reader.fieldStart, reader.position))
        : 0;
    if (counted instanceof ParseError) return whole();
    const full = reader.position - start > maxBytes || items + counted > maxItems;
    if (full && reader.fieldStart > start) {
      cuts.push({ end: reader.fieldStart, items });
      start = reader.fieldStart;
      items = 0;
    }
    items += counted;
  }
  if (reader.failed || cuts.length === 0) return whole();
  cuts.push({ end: bytes.length, items });
  return cuts.map((cut, index) => {
    const part = bytes.subarray(cuts[index - 1]?.end ?? 0, cut.end);
    return new Payload(signal, pool.copyOf(part), origin, cut.items);
  });
}
