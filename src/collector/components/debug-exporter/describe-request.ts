import {
  type AttributeMap,
  type DecodedResource,
  decodeResources,
  ParseError,
  type Payload,
  type Signal,
  type Transcoder,
} from "#otlp";
import { BoundedText } from "./bounded-text.ts";
import { describeOddities, describeProfile, readForPeople } from "./describe-profile.ts";
import { describeRecord } from "./describe-record.ts";
import { messagesOf, showAttribute } from "./values.ts";

/** What the parts of a signal are called: JSON names of the envelope, and a word for its items and its records. */
const NAMES: Readonly<
  Record<
    Signal,
    {
      readonly resources: string;
      readonly scopes: string;
      readonly records: string;
      readonly record: string;
      readonly items: string;
    }
  >
> = {
  traces: { resources: "resourceSpans", scopes: "scopeSpans", records: "spans", record: "Span", items: "spans" },
  metrics: {
    resources: "resourceMetrics",
    scopes: "scopeMetrics",
    records: "metrics",
    record: "Metric",
    items: "data points",
  },
  logs: { resources: "resourceLogs", scopes: "scopeLogs", records: "logRecords", record: "Log", items: "log records" },
  profiles: {
    resources: "resourceProfiles",
    scopes: "scopeProfiles",
    records: "profiles",
    record: "Profile",
    items: "samples",
  },
};

/** One line a resource: how much it holds, its attributes, its scopes. */
export function describeBriefly(payload: Payload): string {
  const text = new BoundedText();
  for (const [index, resource] of decodeResources(payload).entries()) {
    const attributes = [...resource.attributes].map(([key, value]) => `${key}=${showAttribute(value)}`).join(" ");
    const scopes = resource.scopes.map(({ name, version }) => `${name || "(no name)"}${version && `@${version}`}`);
    text.line(
      0,
      `Resource #${index}: ${resource.items} ${NAMES[payload.signal].items} of ${scopes.join(", ") || "no scope"} ${attributes}` +
        (resource.malformed ? " (malformed)" : ""),
    );
  }
  return text.toString();
}

/** What there is to say of a resource besides what it says itself; undefined for nothing. */
type Remark = (attributes: AttributeMap) => string | undefined;

/** Everything of a request that people ask for, cut off where it gets long. */
export function describeInDetail(payload: Payload, transcoder: Transcoder, remark: Remark): string {
  const text = new BoundedText();
  if (payload.signal === "profiles") describeProfiles(text, payload, transcoder, remark);
  else describeRecords(text, payload, transcoder, remark);
  return text.toString();
}

function describeProfiles(text: BoundedText, payload: Payload, transcoder: Transcoder, remark: Remark): void {
  const model = readForPeople(text, payload);
  if (model) describeOddities(text, model);
  for (const [index, resource] of decodeResources(payload).entries()) {
    if (text.full) return;
    describeResource(text, payload.signal, index, resource, remark);
    for (const [at, { profiles }] of model?.resources[index]?.scopes.entries() ?? []) {
      describeScope(text, resource, at);
      for (const [number, profile] of profiles.entries()) {
        if (text.full) return;
        text.line(2, `Profile #${number}`);
        describeProfile(text, 3, profile, model!, transcoder);
      }
    }
  }
}

function describeRecords(text: BoundedText, payload: Payload, transcoder: Transcoder, remark: Remark): void {
  const names = NAMES[payload.signal];
  const decoded = transcoder.decodeRequest(payload.signal, payload.bytes);
  const readable = decoded instanceof ParseError ? undefined : decoded;
  if (decoded instanceof ParseError) text.line(0, `${names.items} cannot be shown: ${decoded.message}`);
  const messages = messagesOf(readable?.[names.resources]);
  for (const [index, resource] of decodeResources(payload).entries()) {
    if (text.full) return;
    describeResource(text, payload.signal, index, resource, remark);
    for (const [at, scope] of messagesOf(messages[index]?.[names.scopes]).entries()) {
      describeScope(text, resource, at);
      for (const [number, record] of messagesOf(scope[names.records]).entries()) {
        if (text.full) return;
        text.line(2, `${names.record} #${number}`);
        describeRecord(text, 3, record);
      }
    }
  }
}

function describeResource(
  text: BoundedText,
  signal: Signal,
  index: number,
  resource: DecodedResource,
  remark: Remark,
): void {
  text.line(
    0,
    `Resource #${index}: ${resource.items} ${NAMES[signal].items}${resource.malformed ? " (malformed)" : ""}`,
  );
  if (resource.schemaUrl !== "") text.line(1, `schema: ${resource.schemaUrl}`);
  for (const [key, value] of resource.attributes) text.line(1, `-> ${key}: ${showAttribute(value)}`);
  const remarked = remark(resource.attributes);
  if (remarked !== undefined) text.line(1, remarked);
}

function describeScope(text: BoundedText, resource: DecodedResource, at: number): void {
  const scope = resource.scopes[at];
  text.line(1, `Scope #${at} ${scope?.name ?? ""} ${scope?.version ?? ""}`.trimEnd());
  for (const [key, value] of scope?.attributes ?? []) text.line(2, `-> ${key}: ${showAttribute(value)}`);
}
