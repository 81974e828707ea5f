import type { Relay } from "./relay.ts";
import type { RecordingSink } from "./recording-sink.ts";
import type { Signal } from "./signals.ts";

/** Values that a test gives to attributes of a resource. */
export type SentAttributes = Readonly<Record<string, string | number | boolean>>;

const TIME = "1750000000000000000";

/** An export request in OTLP/JSON with one resource for each set of attributes, each with a little telemetry of its own. */
export function jsonRequest(signal: Signal, resources: readonly SentAttributes[]): string {
  const envelopes = resources.map((attributes, index) => ({
    resource: { attributes: keyValues(attributes), droppedAttributesCount: index % 2 },
    schemaUrl: "https://opentelemetry.io/schemas/1.37.0",
    ...telemetry(signal, index),
  }));
  switch (signal) {
    case "traces":
      return JSON.stringify({ resourceSpans: envelopes });
    case "metrics":
      return JSON.stringify({ resourceMetrics: envelopes });
    case "logs":
      return JSON.stringify({ resourceLogs: envelopes });
    case "profiles":
      return JSON.stringify({ resourceProfiles: envelopes, dictionary: DICTIONARY });
  }
}

/**
 * The same request as protobuf, in the bytes that the Collector writes: it goes once through a Collector that adds
 * nothing. Sent through the Collector again it stays what it is, so what arrives can be compared with it.
 */
export async function collectorBytes(
  plain: Relay,
  sink: RecordingSink,
  signal: Signal,
  json: string,
): Promise<Uint8Array> {
  await plain.send("http/json", signal, new Uint8Array(), json);
  const { bytes } = await sink.next();
  return bytes;
}

function telemetry(signal: Signal, index: number): object {
  const scope = { name: "peers", version: "1", attributes: keyValues({ index }) };
  const attributes = keyValues({ "http.route": "/cart", "container.id": "not of the resource", ratio: 0.5, ok: true });
  switch (signal) {
    case "traces": {
      const span = {
        traceId: hexId(32, index),
        spanId: hexId(16, index),
        name: `span ${index}`,
        kind: 2,
        startTimeUnixNano: TIME,
        endTimeUnixNano: TIME,
        attributes,
        events: [{ timeUnixNano: TIME, name: "event", attributes }],
        links: [{ traceId: hexId(32, index + 1), spanId: hexId(16, index + 1), attributes }],
        status: { code: 2, message: "no" },
      };
      return { scopeSpans: [{ scope, spans: [span], schemaUrl: "https://example.test/scope" }] };
    }
    case "metrics": {
      const point = { attributes, startTimeUnixNano: TIME, timeUnixNano: TIME };
      const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...point, asInt: String(index) }] };
      const gauge = { dataPoints: [{ ...point, asDouble: index / 3 }] };
      return {
        scopeMetrics: [
          {
            scope,
            metrics: [
              { name: "requests", unit: "1", sum },
              { name: "load", description: "of the CPU", gauge },
            ],
          },
        ],
      };
    }
    case "logs": {
      const record = {
        timeUnixNano: TIME,
        severityNumber: 9,
        severityText: "INFO",
        attributes,
        traceId: hexId(32, index),
      };
      return { scopeLogs: [{ scope, logRecords: [{ ...record, body: { stringValue: `line ${index}` } }] }] };
    }
    case "profiles": {
      const profile = {
        sampleType: { typeStrindex: 1, unitStrindex: 2 },
        samples: [{ stackIndex: 1, values: ["7"], timestampsUnixNano: [TIME] }],
        timeUnixNano: TIME,
        durationNano: "1000000000",
        profileId: hexId(32, index),
      };
      return { scopeProfiles: [{ scope, profiles: [profile] }] };
    }
  }
}

const DICTIONARY = {
  mappingTable: [{}],
  locationTable: [{}, { address: "4660", lines: [{ functionIndex: 1, line: "7" }] }],
  functionTable: [{}, { nameStrindex: 3 }],
  linkTable: [{}],
  stringTable: ["", "samples", "count", "main"],
  attributeTable: [{}],
  stackTable: [{}, { locationIndices: [1] }],
};

function keyValues(attributes: SentAttributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function hexId(digits: number, index: number): string {
  return (index + 1).toString(16).padStart(digits, "a");
}
