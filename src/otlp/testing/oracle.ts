import type { DescMessage } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { ExportLogsServiceRequestSchema } from "../../../test/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportMetricsServiceRequestSchema } from "../../../test/generated/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import { ExportProfilesServiceRequestSchema } from "../../../test/generated/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.js";
import { ExportTraceServiceRequestSchema } from "../../../test/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { ProfilesDictionary } from "../../../test/generated/opentelemetry/proto/profiles/v1development/profiles_pb.js";
import type {
  InstrumentationScope,
  KeyValue,
} from "../../../test/generated/opentelemetry/proto/common/v1/common_pb.js";
import type { Resource } from "../../../test/generated/opentelemetry/proto/resource/v1/resource_pb.js";
import { fromBinary, type Message } from "@bufbuild/protobuf";
import type { Signal } from "../signal.ts";

/** protobuf-es's description of each export request. */
export const REQUEST_SCHEMAS: Readonly<Record<Signal, DescMessage>> = {
  traces: ExportTraceServiceRequestSchema,
  metrics: ExportMetricsServiceRequestSchema,
  logs: ExportLogsServiceRequestSchema,
  profiles: ExportProfilesServiceRequestSchema,
};

/** The envelope of a decoded request, without a signal's own names. */
export interface OracleResource {
  resource?: Resource;
  readonly scopes: readonly { readonly scope?: InstrumentationScope; readonly records: readonly Message[] }[];
}

/** A request as protobuf-es decodes it: the message, and its parts under the same names for all signals. */
export interface OracleRequest {
  readonly message: Message;
  readonly resources: readonly OracleResource[];
  /** Where the `resource` of each can be set. */
  readonly owners: readonly { resource?: Resource }[];
  readonly strings: readonly string[];
  readonly items: number;
}

type Loose = Readonly<Record<string, unknown>>;

const NAMES: Readonly<Record<Signal, readonly [string, string, string]>> = {
  traces: ["resourceSpans", "scopeSpans", "spans"],
  metrics: ["resourceMetrics", "scopeMetrics", "metrics"],
  logs: ["resourceLogs", "scopeLogs", "logRecords"],
  profiles: ["resourceProfiles", "scopeProfiles", "profiles"],
};

/** Decodes with protobuf-es. Throws on malformed bytes. */
export function oracle(signal: Signal, bytes: Uint8Array): OracleRequest {
  const message = fromBinary(REQUEST_SCHEMAS[signal] as GenMessage<Message>, bytes);
  const [resources, scopes, records] = NAMES[signal];
  const owners = (message as unknown as Loose)[resources] as (Loose & { resource?: Resource })[];
  let items = 0;
  const view = owners.map((owner) => ({
    ...(owner.resource && { resource: owner.resource }),
    scopes: (owner[scopes] as Loose[]).map((one) => {
      const found = one[records] as Message[];
      for (const record of found) items += itemsOf(signal, record as unknown as Loose);
      return { ...(one["scope"] !== undefined && { scope: one["scope"] as InstrumentationScope }), records: found };
    }),
  }));
  const dictionary = (message as unknown as Loose)["dictionary"] as ProfilesDictionary | undefined;
  return { message, resources: view, owners, strings: dictionary?.stringTable ?? [], items };
}

function itemsOf(signal: Signal, record: Loose): number {
  if (signal === "profiles") return (record["samples"] as unknown[]).length;
  if (signal !== "metrics") return 1;
  const data = record["data"] as { value?: { dataPoints: unknown[] } };
  return data.value?.dataPoints.length ?? 0;
}

/** The key of an attribute, its reference resolved. */
export function keyOf(attribute: KeyValue, strings: readonly string[]): string {
  return attribute.key !== "" ? attribute.key : (strings[attribute.keyStrindex] ?? "");
}

/** The string value of an attribute, its reference resolved; undefined for other kinds. */
export function textOf(attribute: KeyValue, strings: readonly string[]): string | undefined {
  const value = attribute.value?.value;
  if (value?.case === "stringValue") return value.value;
  return value?.case === "stringValueStrindex" ? (value.value === 0 ? "" : strings[value.value]) : undefined;
}
