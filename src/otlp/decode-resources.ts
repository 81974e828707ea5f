import { ParseError, Reader, WireType } from "#wire";
import { decodeAttribute, type AttributeMap, type AttributeValue, type ReferredStrings } from "./attribute-value.ts";
import { countItems } from "./envelope.ts";
import type { Payload } from "./payload.ts";
import { StringTable } from "./string-table.ts";

/** An instrumentation scope's own message. */
export interface InstrumentationScope {
  readonly name: string;
  readonly version: string;
  readonly attributes: AttributeMap;
}

/** An instrumentation scope of a resource, for people. */
export interface DecodedScope extends InstrumentationScope {
  readonly schemaUrl: string;
}

/** A resource of a request, for people. */
export interface DecodedResource {
  /** In order; of a key that stands twice the first. */
  readonly attributes: AttributeMap;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
  readonly scopes: readonly DecodedScope[];
  /** Spans, data points, log records or samples of all its scopes. */
  readonly items: number;
  /**
   * How often something was sampled: profiles have one item for many equal samples, with a timestamp for each
   * (layouts 1.8 and later; without timestamps an item counts 1). The same as `items` for other signals.
   */
  readonly occurrences: number;
  /** Some of it could not be read; the rest is as far as it went. */
  readonly malformed: boolean;
}

/** Numbers of the envelope; see envelope.ts. */
const RESOURCES = 1;
const RESOURCE = 1;
const SCOPES = 2;
const SCHEMA_URL = 3;

/**
 * The resources of a request with all their attributes as JavaScript values, references resolved: for debug output
 * and live tables, not for the data path (every call allocates everything anew).
 */
export function decodeResources(payload: Payload): readonly DecodedResource[] {
  const { bytes, signal } = payload;
  const strings = new StringTable();
  strings.reset(bytes);
  const resources: DecodedResource[] = [];
  const request = new Reader();
  request.reset(bytes, 0, bytes.length);
  while (request.next()) {
    if (request.field !== RESOURCES || request.wireType !== WireType.LEN) continue;
    // The field on its own is a request with one resource.
    const items = countItems(signal, bytes.subarray(request.fieldStart, request.position));
    const decoded = decodeResource(bytes, request.start, request.end, strings);
    const broken = items instanceof ParseError;
    resources.push({
      ...decoded,
      items: broken ? 0 : items,
      occurrences: broken ? 0 : signal === "profiles" ? countOccurrences(bytes, request.start, request.end) : items,
      malformed: decoded.malformed || broken,
    });
  }
  return resources;
}

function decodeResource(
  bytes: Uint8Array,
  start: number,
  end: number,
  strings: StringTable,
): Omit<DecodedResource, "items" | "occurrences"> {
  const attributes = new Map<string, AttributeValue>();
  const scopes: DecodedScope[] = [];
  let droppedAttributesCount = 0;
  let schemaUrl = "";
  let malformed = false;
  const outer = new Reader();
  const inner = new Reader();
  outer.reset(bytes, start, end);
  while (outer.next()) {
    if (outer.wireType !== WireType.LEN) continue;
    if (outer.field === SCHEMA_URL) schemaUrl = outer.string();
    else if (outer.field === SCOPES) scopes.push(decodeScope(bytes, outer.start, outer.end, strings));
    else if (outer.field === RESOURCE) {
      inner.reset(bytes, outer.start, outer.end);
      while (inner.next()) {
        if (inner.field === 1) malformed = !addAttribute(attributes, inner, strings) || malformed;
        else if (inner.field === 2 && inner.wireType === WireType.VARINT) droppedAttributesCount = inner.low >>> 0;
      }
      malformed ||= inner.failed;
    }
  }
  malformed ||= outer.failed;
  return { attributes, droppedAttributesCount, schemaUrl, scopes, malformed };
}

/** ScopeSpans and its siblings: 1 InstrumentationScope, 3 schema_url. */
function decodeScope(bytes: Uint8Array, start: number, end: number, strings: StringTable): DecodedScope {
  const scope = emptyScope();
  let schemaUrl = "";
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === SCHEMA_URL) schemaUrl = reader.string();
    else if (reader.field === 1) readScope(scope, bytes, reader.start, reader.end, strings);
  }
  return { ...scope, schemaUrl };
}

/** Decodes an InstrumentationScope message, as far as it can be read. */
export function decodeInstrumentationScope(message: Uint8Array, strings: ReferredStrings): InstrumentationScope {
  const scope = emptyScope();
  readScope(scope, message, 0, message.length, strings);
  return scope;
}

interface ScopeDraft {
  name: string;
  version: string;
  readonly attributes: Map<string, AttributeValue>;
}

const emptyScope = (): ScopeDraft => ({ name: "", version: "", attributes: new Map() });

/** InstrumentationScope: 1 name, 2 version, 3 attributes. */
function readScope(scope: ScopeDraft, bytes: Uint8Array, start: number, end: number, strings: ReferredStrings): void {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  while (reader.next()) {
    if (reader.wireType !== WireType.LEN) continue;
    if (reader.field === 1) scope.name = reader.string();
    else if (reader.field === 2) scope.version = reader.string();
    else if (reader.field === 3) addAttribute(scope.attributes, reader, strings);
  }
}

/** ResourceProfiles.scope_profiles, .profiles, .samples are field 2 each; Sample.timestamps_unix_nano is field 5. */
function countOccurrences(bytes: Uint8Array, start: number, end: number, level = 0): number {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  if (level === 3) {
    let timestamps = 0;
    while (reader.next()) {
      if (reader.field !== 5) continue;
      // Packed; earlier layouts have a varint there, which is none.
      if (reader.wireType === WireType.LEN) timestamps += Math.floor((reader.end - reader.start) / 8);
      else if (reader.wireType === WireType.FIXED64) timestamps++;
    }
    return Math.max(1, timestamps);
  }
  let sum = 0;
  while (reader.nextOf(2)) sum += countOccurrences(bytes, reader.start, reader.end, level + 1);
  return sum;
}

/** Adds the attribute the reader stands on; false where it is broken. */
function addAttribute(attributes: Map<string, AttributeValue>, reader: Reader, strings: ReferredStrings): boolean {
  const attribute =
    reader.wireType === WireType.LEN ? decodeAttribute(reader.bytes, reader.start, reader.end, strings) : undefined;
  if (attribute && !attributes.has(attribute.key)) attributes.set(attribute.key, attribute.value);
  return attribute !== undefined;
}
