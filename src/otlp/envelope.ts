import { ParseError, Reader, WireType } from "#wire";
import type { Signal } from "./signal.ts";

/**
 * Field names of the envelope, for messages. Numbers are the same in all signals and layouts: 1 the resources of a
 * request, in each of them 1 Resource and 2 the scopes, in each scope 1 InstrumentationScope and 2 the records.
 */
const NAMES: Readonly<Record<Signal, readonly [resources: string, scopes: string, records: string]>> = {
  traces: ["resource_spans", "scope_spans", "spans"],
  metrics: ["resource_metrics", "scope_metrics", "metrics"],
  logs: ["resource_logs", "scope_logs", "log_records"],
  profiles: ["resource_profiles", "scope_profiles", "profiles"],
};
const FIRST = 1;
const SECOND = 2;
const SCHEMA_URL = 3;

/** Metric.gauge, sum, histogram, exponential_histogram, summary; data_points is field 1 in each (metrics.proto). */
const METRIC_DATA = (1 << 5) | (1 << 7) | (1 << 9) | (1 << 10) | (1 << 11);
const DATA_POINTS = 1;
/** Profile.samples in every layout; in the oldest (1.3) the Profile itself is field 8 of what stands in its place. */
const SAMPLES = 2;
const NESTED_PROFILE = 8;
const NESTED_STRING_TABLE = 6;

const request = new Reader();
const resource = new Reader();
const scope = new Reader();
const record = new Reader();
const nested = new Reader();

/**
 * Checks the envelope of a request down to its items, and counts them: spans, data points, log records, samples. The
 * items themselves and the Resource are not looked into. The error names the place, e.g.
 * `resource_profiles[3].scope_profiles[0]: length 900 runs past the end`.
 */
export function countItems(signal: Signal, bytes: Uint8Array): number | ParseError {
  const names = NAMES[signal];
  let items = 0;
  // Field 2 is the dictionary of profiles, and unknown in the others.
  const known = signal === "profiles" ? SECOND : FIRST;
  request.reset(bytes, 0, bytes.length);
  for (let index = 0; request.next();) {
    if (request.field > known) continue;
    if (request.wireType !== WireType.LEN) return wrongType(request);
    if (request.field !== FIRST) continue;
    const counted = countResource(signal, request);
    if (counted instanceof ParseError) return counted.within(`${names[0]}[${index}]`);
    items += counted;
    index++;
  }
  return request.failed ? request.error() : items;
}

function countResource(signal: Signal, outer: Reader): number | ParseError {
  let items = 0;
  resource.reset(outer.bytes, outer.start, outer.end);
  for (let index = 0; resource.next();) {
    if (resource.field > SCHEMA_URL) continue;
    if (resource.wireType !== WireType.LEN) return wrongType(resource);
    if (resource.field !== SECOND) continue;
    const counted = countScope(signal, resource);
    if (counted instanceof ParseError) return counted.within(`${NAMES[signal][1]}[${index}]`);
    items += counted;
    index++;
  }
  return resource.failed ? resource.error() : items;
}

function countScope(signal: Signal, outer: Reader): number | ParseError {
  const { bytes, start, end } = outer;
  if (signal === "traces" || signal === "logs") return countField(bytes, start, end, SECOND, SCHEMA_URL);
  let items = 0;
  scope.reset(bytes, start, end);
  for (let index = 0; scope.next();) {
    if (scope.field > SCHEMA_URL) continue;
    if (scope.wireType !== WireType.LEN) return wrongType(scope);
    if (scope.field !== SECOND) continue;
    const counted = signal === "metrics" ? countDataPoints(scope) : countSamples(scope);
    if (counted instanceof ParseError) return counted.within(`${NAMES[signal][2]}[${index}]`);
    items += counted;
    index++;
  }
  return scope.failed ? scope.error() : items;
}

function countDataPoints(outer: Reader): number | ParseError {
  let items = 0;
  record.reset(outer.bytes, outer.start, outer.end);
  while (record.next()) {
    if (record.field > 11 || (METRIC_DATA & (1 << record.field)) === 0) continue;
    if (record.wireType !== WireType.LEN) return wrongType(record);
    const counted = countField(record.bytes, record.start, record.end, DATA_POINTS);
    if (counted instanceof ParseError) return counted;
    items += counted;
  }
  return record.failed ? record.error() : items;
}

function countSamples(outer: Reader): number | ParseError {
  const { bytes, start, end } = outer;
  const items = countField(bytes, start, end, SAMPLES);
  if (items !== 0) return items;
  // No samples: either an empty profile, or the container of layout 1.3, whose Profile has a string table of its own.
  record.reset(bytes, start, end);
  while (record.next()) {
    if (record.field !== NESTED_PROFILE || record.wireType !== WireType.LEN) continue;
    const strings = countField(bytes, record.start, record.end, NESTED_STRING_TABLE);
    // In other layouts field 8 is something else, and need not be a message.
    if (strings instanceof ParseError || strings === 0) return 0;
    return countField(bytes, record.start, record.end, SAMPLES);
  }
  return 0;
}

/**
 * How often a LEN field occurs in the message at `bytes[start, end)`.
 *
 * @param lenUpTo fields 1 to this one must be LEN
 */
function countField(bytes: Uint8Array, start: number, end: number, field: number, lenUpTo = 0): number | ParseError {
  let count = 0;
  for (let at = start; ;) {
    count += countRun(bytes, at, end, (field << 3) | WireType.LEN);
    at = runEnd;
    if (at === end) return count;
    nested.reset(bytes, at, end);
    if (!nested.next()) return nested.error();
    if (nested.field <= lenUpTo && nested.wireType !== WireType.LEN) return wrongType(nested);
    if (nested.field === field && nested.wireType === WireType.LEN) count++;
    at = nested.position;
  }
}

/** Where `countRun` stopped. */
let runEnd = 0;

/**
 * Counts the fields with tag `wanted` as long as fields are what nearly all are: a tag of one byte, wire type LEN, a
 * length of one or two bytes. Requests are counted before anything else is done with them, so this is the reader's loop
 * once more, four times faster: it works on local integers alone.
 */
function countRun(bytes: Uint8Array, start: number, end: number, wanted: number): number {
  let count = 0;
  // Small integers, whatever the compiler saw pass through the reader.
  let at = start | 0;
  const limit = end | 0;
  const last = limit - 3;
  while (at <= last) {
    const tag = bytes[at]!;
    const length = bytes[at + 1]!;
    let next = at + 2 + length;
    if (length >= 0x80) {
      const high = bytes[at + 2]!;
      if (high >= 0x80) break;
      next = at + 3 + (length & 0x7f) + (high << 7);
    }
    if (next > limit) break;
    if (tag === wanted) count++;
    else if (tag < 8 || tag >= 0x80 || (tag & 7) !== WireType.LEN) break;
    at = next;
  }
  runEnd = at;
  return count;
}

function wrongType(reader: Reader): ParseError {
  return new ParseError(`field ${reader.field} has wire type ${reader.wireType}`);
}
