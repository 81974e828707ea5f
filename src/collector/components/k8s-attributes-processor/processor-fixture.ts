import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ComponentContext } from "#collector";
import { IdentityHub, UnresolvedKeys } from "#identity";
import type { PodObject } from "#kubernetes";
import { INTERNAL_ORIGIN, type Origin, Payload, type Signal } from "#otlp";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { BufferPool, MessageBuffer } from "#wire";
import { ExportLogsServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportMetricsServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import { ExportProfilesServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.js";
import { ExportTraceServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { AnyValue, KeyValue } from "../../../../test/generated/opentelemetry/proto/common/v1/common_pb.js";
export { containerOf, ownerOf, podOf } from "../../../identity/pod-fixtures.ts";
import { ByteBudget } from "./byte-budget.ts";
import { k8sAttributesConfig } from "./config.ts";
import { Enrichment } from "./enrichment.ts";
import { K8sAttributesProcessor } from "./k8s-attributes-processor.ts";
import { VainKeys } from "./vain-keys.ts";

/** Attributes in tests: strings, whole numbers as bigint, lists of strings, and null for a value that isn't set. */
export type TestAttributes = Readonly<Record<string, string | bigint | boolean | readonly string[] | null>>;

/** A request of that signal as protobuf-es encodes it, with one record in each resource. */
export function encodeRequest(signal: Signal, resources: readonly TestAttributes[]): Uint8Array<ArrayBuffer> {
  const resource = (attributes: TestAttributes): { attributes: { key: string; value?: unknown }[] } => ({
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      ...(value === null ? {} : { value: anyValueOf(value) }),
    })),
  });
  const made = { resources: resources.map(resource) };
  switch (signal) {
    case "traces":
      return toBinary(
        ExportTraceServiceRequestSchema,
        create(ExportTraceServiceRequestSchema, {
          resourceSpans: made.resources.map((each) => ({
            resource: each as never,
            scopeSpans: [{ spans: [{ name: "span" }] }],
          })),
        }),
      );
    case "metrics":
      return toBinary(
        ExportMetricsServiceRequestSchema,
        create(ExportMetricsServiceRequestSchema, {
          resourceMetrics: made.resources.map((each) => ({
            resource: each as never,
            scopeMetrics: [
              { metrics: [{ name: "metric", data: { case: "gauge", value: { dataPoints: [{}] } } as never }] },
            ],
          })),
        }),
      );
    case "logs":
      return toBinary(
        ExportLogsServiceRequestSchema,
        create(ExportLogsServiceRequestSchema, {
          resourceLogs: made.resources.map((each) => ({
            resource: each as never,
            scopeLogs: [{ logRecords: [{ severityText: "info" }] }],
          })),
        }),
      );
    case "profiles":
      return toBinary(
        ExportProfilesServiceRequestSchema,
        create(ExportProfilesServiceRequestSchema, {
          resourceProfiles: made.resources.map((each) => ({
            resource: each as never,
            scopeProfiles: [{ profiles: [{ samples: [{}] }] }],
          })),
        }),
      );
  }
}

function anyValueOf(value: Exclude<TestAttributes[string], null>): unknown {
  if (typeof value === "string") return { value: { case: "stringValue", value } };
  if (typeof value === "bigint") return { value: { case: "intValue", value } };
  if (typeof value === "boolean") return { value: { case: "boolValue", value } };
  return { value: { case: "arrayValue", value: { values: value.map(anyValueOf) } } };
}

/** The attributes of each resource as protobuf-es decodes them, references into the string table resolved. */
export function decodeAttributes(signal: Signal, bytes: Uint8Array): Record<string, unknown>[] {
  const plain = (attributes: readonly KeyValue[] | undefined, strings: readonly string[]): Record<string, unknown> =>
    Object.fromEntries<unknown>(
      (attributes ?? []).map(({ key, keyStrindex, value }) => [
        key || (strings[keyStrindex] ?? ""),
        plainValue(value, strings),
      ]),
    );
  switch (signal) {
    case "traces":
      return fromBinary(ExportTraceServiceRequestSchema, bytes).resourceSpans.map(({ resource }) =>
        plain(resource?.attributes, []),
      );
    case "metrics":
      return fromBinary(ExportMetricsServiceRequestSchema, bytes).resourceMetrics.map(({ resource }) =>
        plain(resource?.attributes, []),
      );
    case "logs":
      return fromBinary(ExportLogsServiceRequestSchema, bytes).resourceLogs.map(({ resource }) =>
        plain(resource?.attributes, []),
      );
    case "profiles": {
      const request = fromBinary(ExportProfilesServiceRequestSchema, bytes);
      return request.resourceProfiles.map(({ resource }) =>
        plain(resource?.attributes, request.dictionary?.stringTable ?? []),
      );
    }
  }
}

function plainValue(value: AnyValue | undefined, strings: readonly string[]): unknown {
  if (value === undefined) return undefined;
  if (value.value.case === "arrayValue") return value.value.value.values.map((each) => plainValue(each, strings));
  if (value.value.case === "stringValueStrindex") return strings[value.value.value];
  return value.value.value;
}

/** A processor with its surroundings, fed with pods and requests by a test. */
export interface ProcessorFixture {
  readonly metrics: MetricRegistry;
  readonly clock: ManualClock;
  readonly processor: K8sAttributesProcessor;
  readonly hub: IdentityHub;
  /** What the source was opened with, in order. */
  readonly sources: unknown[];
  /** The attributes of the first resource of each request that came out, in order; only where requests may wait. */
  readonly received: Record<string, unknown>[];
  readonly buffers: BufferPool;
  readonly unresolved: UnresolvedKeys;
  /** Sends one request and returns what came out. */
  send(bytes: Uint8Array, origin?: Origin): Promise<Uint8Array>;
  /** Sends one resource and returns its attributes. */
  name(resource: TestAttributes, origin?: Origin): Promise<Record<string, unknown>>;
  /** A source tells that these are sandboxes. */
  sandboxes(ids: readonly string[]): void;
  /** A source sees the pod, and the filter leaves it out. */
  leaveOut(pod: PodObject): void;
  /** The pods are these from now on, as after a list. */
  list(...pods: PodObject[]): void;
  stop(): Promise<void>;
}

export interface FixtureOptions {
  readonly signal?: Signal;
  readonly pods?: readonly PodObject[];
  /** Whether the pods are listed at once; otherwise nothing is known before `list`. */
  readonly synced?: boolean;
  /** Shared by several fixtures; its own by default. */
  readonly hub?: IdentityHub;
  readonly enrichment?: Enrichment;
}

/**
 * Makes a processor of that configuration (the section as in YAML) whose source is the test. Nobody waits for pods that
 * aren't known unless the section says so.
 */
export async function processorOf(section: unknown, options: FixtureOptions = {}): Promise<ProcessorFixture> {
  const { signal = "traces", pods = [], synced = true } = options;
  const result = k8sAttributesConfig.parse({ pending: { max_wait: "0s" }, ...(section as object) });
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  const { config } = result;
  const clock = new ManualClock();
  const metrics = new MetricRegistry();
  const telemetry = { clock, metrics, logger: silentLogger };
  const sources: unknown[] = [];
  let list: ProcessorFixture["list"] = () => undefined;
  let leaveOut: ProcessorFixture["leaveOut"] = () => undefined;
  let sandboxes: ProcessorFixture["sandboxes"] = () => undefined;
  const hub =
    options.hub ??
    new IdentityHub({
      telemetry,
      open(settings, { keys }, { pods: sink, leftOut, sandboxes: told }) {
        leaveOut = leftOut!;
        sandboxes = told!;
        sources.push(settings);
        let isSynced = false;
        list = (...now) => {
          isSynced = true;
          sink.listing();
          for (const pod of now) {
            const labels = kept(pod.labels, (key) => keys.label(key));
            const annotations = kept(pod.annotations, (key) => keys.annotation(key));
            sink.upsert({ ...pod, labels, annotations });
          }
          sink.listed();
        };
        if (synced) list(...pods);
        return Promise.resolve({
          state: () => ({
            from: "the test",
            synced: isSynced,
            lastError: isSynced ? undefined : "403 Forbidden",
          }),
          stop: () => Promise.resolve(),
        });
      },
    });
  let out: Uint8Array = new Uint8Array();
  const received: Record<string, unknown>[] = [];
  const buffers = new BufferPool();
  const next = {
    consume(payload: Payload): Promise<void> {
      out = payload.bytes.slice();
      if (config.pending !== undefined) received.push(decodeAttributes(signal, out)[0] ?? {});
      return Promise.resolve();
    },
  };
  const unresolved = new UnresolvedKeys(clock);
  const context = {
    id: { type: "k8s_attributes", name: "", text: "k8s_attributes" },
    telemetry,
    buffers,
    host: undefined as never,
  } satisfies ComponentContext;
  const processor = new K8sAttributesProcessor({
    context,
    config,
    signal,
    next,
    hub,
    enrichment: options.enrichment ?? new Enrichment(config.enrichment, clock),
    enrichmentName: JSON.stringify(config.enrichment),
    unresolved,
    waits: { budget: new ByteBudget(config.pending?.maxBytes ?? 0), vain: new VainKeys(clock) },
  });
  await processor.start();
  const send = async (bytes: Uint8Array, origin: Origin = INTERNAL_ORIGIN): Promise<Uint8Array> => {
    const payload = new Payload(signal, MessageBuffer.copyOf(bytes), origin);
    await processor.consume(payload);
    payload.release();
    return out;
  };
  return {
    metrics,
    clock,
    processor,
    hub,
    sources,
    received,
    buffers,
    unresolved,
    send,
    async name(resource, origin) {
      return decodeAttributes(signal, await send(encodeRequest(signal, [resource]), origin))[0]!;
    },
    sandboxes: (ids) => sandboxes(ids),
    leaveOut: (pod) => leaveOut(pod),
    list: (...now) => list(...now),
    stop: () => processor.shutdown(),
  };
}

function kept(all: ReadonlyMap<string, string>, wanted: (key: string) => boolean): ReadonlyMap<string, string> {
  return new Map([...all].filter(([key]) => wanted(key)));
}
