import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hostKey } from "#collector";
import { UNRESOLVED_KEYS_SERVICE, UnresolvedKeys } from "#identity";
import { loadTranscoder, ParseError, type Payload, SIGNALS, type Signal } from "#otlp";
import { BufferPool } from "#wire";
import { testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { debugExporterConfig } from "./config.ts";
import { DebugExporter } from "./debug-exporter.ts";
import { debugExporterFactory } from "./index.ts";

lifecycleSuite(debugExporterFactory, [
  { name: "by default", config: null },
  { name: "in detail", config: { verbosity: "detailed", use_internal_logger: false } },
]);

const captures = new URL("../../../../testdata/captures/", import.meta.url);

/** An exporter, what it wrote, and its context. */
async function start(input: object): Promise<{ exporter: DebugExporter; written: string[]; context: TestContext }> {
  const read = debugExporterConfig.parse(input);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("debug");
  const written: string[] = [];
  const exporter = new DebugExporter(context, read.config, (path, text) => written.push(`${path}: ${text}`));
  await exporter.start();
  return { exporter, written, context };
}

async function textOf(verbosity: string, payload: Payload): Promise<string> {
  const { exporter, written } = await start({ verbosity, use_internal_logger: false });
  await exporter.consume(payload);
  return written.join("");
}

async function fromJson(signal: Signal, json: object): Promise<Payload> {
  const { jsonToProtobuf } = await loadTranscoder();
  const buffer = jsonToProtobuf(
    signal,
    Buffer.from(JSON.stringify(json)),
    new BufferPool(),
    signal === "profiles" ? "D10" : undefined,
  );
  if (buffer instanceof ParseError) throw new Error(buffer.message);
  return testPayload(signal, buffer.bytes);
}

const attributes = [{ key: "container.id", value: { stringValue: "3469834d" } }];
const resource = { attributes };
const scope = { name: "lib", version: "1.2" };

describe("basic", () => {
  test("counts, through the process's log", async () => {
    const { exporter, context } = await start({});
    await exporter.consume(testPayload("profiles", readFileSync(new URL("ebpf-20hz-grpc.binpb", captures))));
    expect(context.logger.lines).toEqual([
      { level: "info", message: "Profiles", fields: { "resource profiles": 3, samples: 49 } },
    ]);
    expect(context.metrics.value("otelcol_exporter_sent_profile_samples", { exporter: "debug" })).toBe(49);
  });
});

describe("normal", () => {
  test("has a line for each resource, also where its strings are references", async () => {
    for (const file of ["ebpf-20hz-grpc.binpb", "ebpf-20hz-grpc-v0.164.binpb"]) {
      const text = await textOf("normal", testPayload("profiles", readFileSync(new URL(file, captures))));
      expect(text.split("\n").length).toBe(5);
      expect(text).toContain("10 samples of go.opentelemetry.io/ebpf-profiler@(devel) container.id=dc133e4f80");
    }
  });
});

describe("detailed", () => {
  test("shows resources, types, time and the heaviest stacks of profiles by their functions", async () => {
    const text = await textOf(
      "detailed",
      testPayload("profiles", readFileSync(new URL("ebpf-20hz-grpc.binpb", captures))),
    );
    for (const part of [
      "Profiles: 3 resource profiles, 49 samples",
      "42 in 10 stacks",
      "-> container.id: 05ef3251",
      "Scope #0 go.opentelemetry.io/ebpf-profiler (devel)",
      "sample type: samples/count",
      "period: 50000000 of cpu/nanoseconds",
      "leaf first:",
      "main.goOuter",
      "… ",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toMatch(/main\.goOuter[^\n]*\n *main\.main[^\n]*\n *runtime\.main/);
  });

  test("shows every field of spans", async () => {
    const span = {
      traceId: "4bdc558f0f0650e3ccaac8f3ae133954",
      spanId: "8820ee5366817639",
      name: "GET /",
      kind: 2,
      startTimeUnixNano: "1700000000123456789",
      attributes: [{ key: "peers", value: { arrayValue: { values: [{ intValue: "1" }, { boolValue: true }] } } }],
      events: [{ name: "oops", timeUnixNano: "1700000000000000000" }],
      status: { code: 2, message: "broken" },
    };
    const payload = await fromJson("traces", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] });
    expect(await textOf("detailed", payload)).toMatchInlineSnapshot(`
      "stdout: Traces: 1 resource spans, 1 spans
      Resource #0: 1 spans
        -> container.id: 3469834d
        Scope #0 lib 1.2
          Span #0
            traceId: 4bdc558f0f0650e3ccaac8f3ae133954
            spanId: 8820ee5366817639
            name: GET /
            kind: Server
            startTimeUnixNano: 2023-11-14T22:13:20.123456789Z
            -> peers: [1, true]
            events #0
              timeUnixNano: 2023-11-14T22:13:20.000000000Z
              name: oops
            status
              message: broken
              code: Error
      "
    `);
  });

  test("shows metrics with their points, and log records with their body", async () => {
    const dataPoints = [{ timeUnixNano: "1700000000000000000", asInt: "7", attributes: [{ key: "k", value: {} }] }];
    const metrics = [
      { name: "requests", unit: "1", sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } },
    ];
    const ofMetrics = await fromJson("metrics", {
      resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }],
    });
    const logRecords = [{ severityText: "WARN", body: { stringValue: "two\nlines\u001b[31m" } }];
    const ofLogs = await fromJson("logs", { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] });
    expect(`${await textOf("detailed", ofMetrics)}${await textOf("detailed", ofLogs)}`).toMatchInlineSnapshot(`
      "stdout: Metrics: 1 resource metrics, 1 data points
      Resource #0: 1 data points
        -> container.id: 3469834d
        Scope #0 lib 1.2
          Metric #0
            name: requests
            unit: 1
            sum
              dataPoints #0
                timeUnixNano: 2023-11-14T22:13:20.000000000Z
                asInt: 7
                -> k: (unset)
              aggregationTemporality: Cumulative
              isMonotonic: true
      stdout: Logs: 1 resource logs, 1 log records
      Resource #0: 1 log records
        -> container.id: 3469834d
        Scope #0 lib 1.2
          Log #0
            severityText: WARN
            body: two\\nlines�[31m
      "
    `);
  });

  test("says why a resource isn't named, as long as its pod isn't known", async () => {
    const { exporter, written, context } = await start({ verbosity: "detailed", use_internal_logger: false });
    const keys = context.host.service<UnresolvedKeys>(
      hostKey(UNRESOLVED_KEYS_SERVICE),
      () => new UnresolvedKeys(context.clock),
    );
    let isKnown = false;
    const names = ["container.id"];
    const place = keys.open({
      processor: "k8s_attributes/a",
      signal: "traces",
      rules: [names],
      telling: [],
      isKnown: () => isKnown,
    });
    place.note({ names, values: ["3469834d"], reason: "gone", arrivalKey: "container 3469834d", detail: "since noon" });
    const payload = await fromJson("traces", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [{}] }] }] });
    await exporter.consume(payload);
    expect(written.join("")).toContain("  not named by k8s_attributes/a: gone (since noon), container.id=3469834d\n");
    isKnown = true;
    written.length = 0;
    await exporter.consume(payload);
    expect(written.join("")).not.toContain("not named");
  });

  test("is cut off where it gets long", async () => {
    const many = Array.from({ length: 2000 }, (_, index) => ({ name: `span ${index} ${"x".repeat(100)}` }));
    const payload = await fromJson("traces", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: many }] }] });
    const text = await textOf("detailed", payload);
    expect(text.length).toBeLessThan(66_000);
    expect(text).toContain("… cut off after 65536 characters");
  });

  test.each([
    ["e", "1.3 (E)"],
    ["d4", "1.4 (D4)"],
    ["d5", "1.5 (D5)"],
    ["d6", "1.6 (D6)"],
    ["d7", "1.7 (D7)"],
    ["d8", "1.8 (D8)"],
    ["d9", "1.9 (D9)"],
    ["d10", "1.10, 1.11 (D10)"],
  ])("shows the same stacks of profiles of layout %s", async (layout, told) => {
    const file = new URL(`../../../../testdata/otlp-profiles/${layout}/l1.protobuf-go.pb`, import.meta.url);
    const text = await textOf("detailed", testPayload("profiles", readFileSync(file)));
    // D4 and D5 have the same bytes without profile attributes.
    if (layout !== "d4") expect(text).toContain(`Layout: ${told}, `);
    for (const part of [
      "sample type: samples/count",
      "56 in 6 stacks",
      "61 in 6 stacks",
      "Cart.total /srv/app/cart.py:34",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("shows every vector of every layout", async () => {
    const folder = new URL("../../../../testdata/otlp-profiles/", import.meta.url);
    const files = globSync("*/*.pb", { cwd: folder });
    expect(files.length).toBeGreaterThan(50);
    for (const file of files) {
      const text = await textOf("detailed", testPayload("profiles", readFileSync(new URL(file, folder))));
      if (file.includes("export-request"))
        expect(text).toContain("samples cannot be shown: profiles without dictionary");
      else expect([file, text]).toEqual([file, expect.not.stringContaining("cannot be shown")]);
    }
  });

  test("survives broken bytes and indices that lead nowhere", async () => {
    for (const signal of SIGNALS) {
      expect(await textOf("detailed", testPayload(signal, Uint8Array.of(0x0a, 0x7f, 1)))).toContain("cannot be shown");
    }
    const noTables = { sampleType: { typeStrindex: 9 }, samples: [{ stackIndex: 7, values: ["3"] }] };
    const request = (profile: object): object => ({ resourceProfiles: [{ scopeProfiles: [{ profiles: [profile] }] }] });
    const refused = await textOf("detailed", await fromJson("profiles", request(noTables)));
    expect(refused).toContain("samples cannot be shown: profiles without dictionary");
    const dictionary = { stringTable: ["", "samples", "count"], stackTable: [{}] };
    const sampleType = { typeStrindex: 1, unitStrindex: 2 };
    const lost = { ...request({ ...noTables, sampleType }), dictionary };
    const text = await textOf("detailed", await fromJson("profiles", lost));
    expect(text).toContain("Odd: index-out-of-range Sample.stack_index, once");
    expect(text).toContain("left out, because their stack is missing: 1");
  });
});

describe("sampling", () => {
  test("tells the first two of each second and then every third", async () => {
    const { exporter, written, context } = await start({ sampling_thereafter: 3, use_internal_logger: false });
    const send = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) await exporter.consume(testPayload("logs", new Uint8Array(0)));
    };
    await send(8);
    expect(written.length).toBe(4);
    await context.clock.advance(1000);
    await send(2);
    expect(written.length).toBe(6);
  });
});

describe("output", () => {
  test("goes to standard output or where output_paths says, when it doesn't go to the log", async () => {
    const { exporter, written, context } = await start({ use_internal_logger: false, output_paths: ["stderr"] });
    await exporter.consume(testPayload("logs", new Uint8Array(0)));
    expect(written).toEqual(["stderr: Logs: 0 resource logs, 0 log records\n"]);
    expect(context.logger.lines).toEqual([]);
  });
});

describe("configuration", () => {
  test.each([[null], [{}], [{ verbosity: null }]])("has upstream's defaults in %j", (input) => {
    expect(debugExporterConfig.parse(input)).toEqual({
      config: {
        verbosity: "basic",
        samplingInitial: 2,
        samplingThereafter: 1,
        useInternalLogger: true,
        outputPaths: ["stdout"],
      },
    });
  });

  test("names what is wrong", () => {
    expect(debugExporterConfig.parse({ verbosity: "full", verbosty: true })).toEqual({
      problems: [
        { path: ["verbosity"], message: 'expected one of basic, normal, detailed, got "full"' },
        { path: ["verbosty"], message: 'unknown key "verbosty"; did you mean "verbosity"?' },
      ],
    });
  });
});
