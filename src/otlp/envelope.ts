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
  request.reset(bytes, 0, bytes.length);
  for (let index = 0; request.next();) {
    if (request.field > SECOND) continue;
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
  const plain = signal === "traces" || signal === "logs";
  let items = 0;
  scope.reset(outer.bytes, outer.start, outer.end);
  for (let index = 0; scope.next();) {
    if (scope.field > SCHEMA_URL) continue;
    if (scope.wireType !== WireType.LEN) return wrongType(scope);
    if (scope.field !== SECOND) continue;
    if (plain) items++;
    else {
      const counted = signal === "metrics" ? countDataPoints(scope) : countSamples(scope);
      if (counted instanceof ParseError) return counted.within(`${NAMES[signal][2]}[${index}]`);
      items += counted;
    }
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
    if (counted < 0) return nested.error();
    items += counted;
  }
  return record.failed ? record.error() : items;
}

function countSamples(outer: Reader): number | ParseError {
  let items = 0;
  let nestedStart = -1;
  let nestedEnd = -1;
  record.reset(outer.bytes, outer.start, outer.end);
  while (record.next()) {
    if (record.wireType !== WireType.LEN) continue;
    if (record.field === SAMPLES) items++;
    else if (record.field === NESTED_PROFILE) {
      nestedStart = record.start;
      nestedEnd = record.end;
    }
  }
  if (record.failed) return record.error();
  if (items > 0 || nestedStart < 0) return items;
  // No samples: either an empty profile, or the container of layout 1.3, whose Profile has a string table of its own.
  if (countField(outer.bytes, nestedStart, nestedEnd, NESTED_STRING_TABLE) <= 0) return 0;
  return countField(outer.bytes, nestedStart, nestedEnd, SAMPLES);
}

/** How often a LEN field occurs in the message at `bytes[start, end)`; -1 when that is broken. */
function countField(bytes: Uint8Array, start: number, end: number, field: number): number {
  let count = 0;
  nested.reset(bytes, start, end);
  while (nested.next()) if (nested.field === field && nested.wireType === WireType.LEN) count++;
  return nested.failed ? -1 : count;
}

function wrongType(reader: Reader): ParseError {
  return new ParseError(`field ${reader.field} has wire type ${reader.wireType}`);
}
