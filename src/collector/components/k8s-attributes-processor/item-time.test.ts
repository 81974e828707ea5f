import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNALS, type Signal } from "#otlp";
import { ExportLogsServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { ExportMetricsServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import { ExportProfilesServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.js";
import { ExportTraceServiceRequestSchema } from "../../../../test/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import { ItemTime } from "./item-time.ts";
import { decodeAttributes, podOf, processorOf } from "./processor-fixture.ts";

const T = 1_763_800_000_000;
const resource = { attributes: [{ key: "a", value: { value: { case: "stringValue" as const, value: "b" } } }] };

/** A request with one resource for each time; none for undefined. */
function requestAt(signal: Signal, times: readonly (number | undefined)[]): Uint8Array<ArrayBuffer> {
  const nanos = (ms: number | undefined): bigint => BigInt(ms ?? 0) * 1_000_000n;
  switch (signal) {
    case "traces":
      return toBinary(
        ExportTraceServiceRequestSchema,
        create(ExportTraceServiceRequestSchema, {
          resourceSpans: times.map((ms) => ({
            resource,
            scopeSpans: [
              { spans: [] },
              { spans: [{ startTimeUnixNano: nanos(ms === undefined ? ms : ms - 5_000), endTimeUnixNano: nanos(ms) }] },
            ],
          })),
        }),
      );
    case "metrics":
      return toBinary(
        ExportMetricsServiceRequestSchema,
        create(ExportMetricsServiceRequestSchema, {
          resourceMetrics: times.map((ms) => ({
            resource,
            scopeMetrics: [
              {
                metrics: [
                  { name: "empty" },
                  {
                    name: "sum",
                    data: {
                      case: "sum" as const,
                      value: { dataPoints: [{ startTimeUnixNano: nanos(T), timeUnixNano: nanos(ms) }] },
                    },
                  },
                ],
              },
            ],
          })),
        }),
      );
    case "logs":
      return toBinary(
        ExportLogsServiceRequestSchema,
        create(ExportLogsServiceRequestSchema, {
          resourceLogs: times.map((ms) => ({
            resource,
            scopeLogs: [{ logRecords: [{ severityText: "info", observedTimeUnixNano: nanos(ms) }] }],
          })),
        }),
      );
    case "profiles":
      return toBinary(
        ExportProfilesServiceRequestSchema,
        create(ExportProfilesServiceRequestSchema, {
          resourceProfiles: times.map((ms) => ({
            resource,
            scopeProfiles: [{ profiles: [{ timeUnixNano: nanos(ms), samples: [{}] }] }],
          })),
        }),
      );
  }
}

describe("the time of a resource's first record", () => {
  test.each(SIGNALS)("is read in %s, in any order, and isn't made up", (signal) => {
    const time = new ItemTime();
    time.begin(signal, requestAt(signal, [T, undefined, T + 1_000, 17_000, T + 2_000]));
    const at = (index: number): number | undefined => {
      time.at(index);
      return time.timeMs;
    };
    const [first, third, fifth] = [T, T + 1_000, T + 2_000];
    expect([0, 1, 2, 2, 3, 4, 0, 5].map(at)).toEqual(
      // Nothing stands for none, and for what can't be a time.
      [first, undefined, third, third, undefined, fifth, first, undefined],
    );
  });

  test("of broken bytes is a time or none", () => {
    const time = new ItemTime();
    fc.assert(
      fc.property(fc.constantFrom(...SIGNALS), fc.nat(60), fc.nat(255), fc.nat(3), (signal, position, byte, index) => {
        const bytes = requestAt(signal, [T, T]);
        bytes[position % bytes.length] = byte;
        time.begin(signal, bytes);
        time.at(index);
        const { timeMs } = time;
        expect(timeMs === undefined || timeMs > 0).toBe(true);
      }),
    );
  });
});

describe("an address that passes from pod to pod", () => {
  const before = podOf({ uid: "a", name: "before", podIps: ["1.1.1.1"], startedMs: T - 60_000 });
  const after = podOf({ uid: "b", name: "after", podIps: ["1.1.1.1"], startedMs: T + 10_000 });
  const section = { extract: { metadata: ["k8s.pod.name"] }, pod_association: [{ sources: [{ from: "connection" }] }] };

  /** Who is named for telemetry of these times, seconds after T. */
  async function named(
    signal: Signal,
    fixture: Awaited<ReturnType<typeof processorOf>>,
    seconds: readonly (number | undefined)[],
  ): Promise<unknown[]> {
    const times = seconds.map((each) => (each === undefined ? undefined : T + each * 1_000));
    const origin = { protocol: "grpc", peerAddress: "1.1.1.1" } as const;
    const out = await fixture.send(requestAt(signal, times), origin);
    return decodeAttributes(signal, out).map((attributes) => attributes["k8s.pod.name"]);
  }

  test.each(SIGNALS)("names in %s who had it at that time", async (signal) => {
    const fixture = await processorOf(section, { signal, pods: [before] });
    // The pod is gone since T.
    await fixture.clock.advance(T - fixture.clock.nowMs());
    fixture.list();
    expect(await named(signal, fixture, [-5, 5, undefined])).toEqual(["before", undefined, "before"]);
    // Its address is another pod's since T + 10 s.
    await fixture.clock.advance(20_000);
    fixture.list(after);
    expect(await named(signal, fixture, [-5, 5, 15, undefined])).toEqual(["before", undefined, "after", "after"]);
    // The grace period is over; what comes that late can't be told any more.
    await fixture.clock.advance(130_000);
    expect(await named(signal, fixture, [15, undefined])).toEqual(["after", "after"]);
    await fixture.stop();
  });

  test("is the last pod's where an ended one still has it", async () => {
    const fixture = await processorOf(section, { pods: [before, after] });
    expect(await named("traces", fixture, [-5, 5, 15])).toEqual(["before", "before", "after"]);
    await fixture.stop();
  });

  test("isn't doubted where one live pod has it, whatever the sender's clock says", async () => {
    const fixture = await processorOf(section, { pods: [after] });
    expect(await named("traces", fixture, [-3_600, 0, 3_600])).toEqual(["after", "after", "after"]);
    await fixture.stop();
  });
});
