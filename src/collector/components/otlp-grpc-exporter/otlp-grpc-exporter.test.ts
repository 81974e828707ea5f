import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { Metadata, Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { encodeResponse, encodeStatus, type Origin, type Payload, SIGNALS, type Signal } from "#otlp";
import type { Component, Consumer } from "#collector";
import { clientAuthenticators } from "#collector";
import { testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { otlpGrpcExporterConfig } from "./config.ts";
import { otlpGrpcExporterFactory } from "./index.ts";

const insecure = { tls: { insecure: true } };

lifecycleSuite(otlpGrpcExporterFactory, [
  { name: "towards nobody", config: { endpoint: "127.0.0.1:1", ...insecure } },
  { name: "without queue", config: { endpoint: "127.0.0.1:1", ...insecure, sending_queue: { enabled: false } } },
]);

/** A call as grpc-js, which we did not write, understood it. */
interface SeenCall {
  readonly path: string;
  readonly bytes: Buffer;
  readonly metadata: Metadata;
}

/** What the server answers: reply bytes, a failure, or nothing ever. */
type Answer = Uint8Array | { code: status; details: string; metadata?: Metadata } | "silence";

interface Receiver {
  readonly address: string;
  readonly calls: SeenCall[];
  /** Answers for the next calls, then success. */
  readonly answers: Answer[];
  readonly arrived: (count: number) => Promise<void>;
}

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const METHODS = [
  "trace.v1.TraceService",
  "metrics.v1.MetricsService",
  "logs.v1.LogsService",
  "profiles.v1development.ProfilesService",
  "profiles.v1experimental.ProfilesService",
].map((service) => `/opentelemetry.proto.collector.${service}/Export`);

/** An OTLP receiver made with grpc-js. */
async function receiver(): Promise<Receiver> {
  const calls: SeenCall[] = [];
  const answers: Answer[] = [];
  const server = new Server({ "grpc.max_receive_message_length": 64 << 20 });
  const identity = (bytes: Buffer): Buffer => bytes;
  for (const path of METHODS) {
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    } as const;
    server.addService(
      { export: definition },
      {
        export(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
          calls.push({ path, bytes: call.request, metadata: call.metadata });
          const answer = answers.shift() ?? new Uint8Array(0);
          if (answer === "silence") return;
          if (answer instanceof Uint8Array) reply(null, Buffer.from(answer));
          else reply(answer);
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  closing.push(() => server.forceShutdown());
  const arrived = (count: number): Promise<void> => expect.poll(() => calls.length).toBe(count);
  return { address: `127.0.0.1:${port}`, calls, answers, arrived };
}

async function exporter(
  endpoint: string,
  input: object = {},
  prepare: (context: TestContext) => void = () => undefined,
): Promise<{ exporter: Component & Consumer; context: TestContext }> {
  const read = otlpGrpcExporterConfig.parse({ endpoint, ...insecure, ...input });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("otlp_grpc/test");
  prepare(context);
  const made = otlpGrpcExporterFactory.create(context, read.config);
  await made.start();
  closing.push(() => made.shutdown(AbortSignal.timeout(1000)));
  return { exporter: made, context };
}

/** One resource with schema URL `text`; enough of a request for any signal. */
function request(signal: Signal, text: string, origin?: Origin): Payload {
  const bytes = Buffer.from(text);
  return testPayload(signal, Buffer.concat([Uint8Array.of(0x0a, bytes.length + 2, 0x1a, bytes.length), bytes]), origin);
}

const direct = { sending_queue: { enabled: false } };

describe("a request", () => {
  test.each(SIGNALS)("of %s arrives with its bytes at the method of its signal, gzip by default", async (signal) => {
    const { address, calls } = await receiver();
    const { exporter: otlp } = await exporter(address, direct);
    const payload = request(signal, "a".repeat(100));
    await otlp.consume(payload);
    expect(calls[0]!.path).toBe(METHODS[SIGNALS.indexOf(signal)]);
    expect(calls[0]!.bytes.equals(payload.bytes)).toBe(true);
    expect(String(calls[0]!.metadata.get("user-agent")[0])).toMatch(/^podflame\/\d+\.\d+\.\d+ \(linux\//);
  });

  test.each(["none", "gzip", "deflate"])("arrives with compression %s", async (compression) => {
    const { address, calls } = await receiver();
    const { exporter: otlp } = await exporter(address, { ...direct, compression });
    const payload = request("traces", "b".repeat(120));
    await otlp.consume(payload);
    expect(calls[0]!.bytes.equals(payload.bytes)).toBe(true);
  });

  test("of the experimental profiles service goes to it, with the version that its sender named", async () => {
    const { address, calls } = await receiver();
    const { exporter: otlp } = await exporter(address, direct);
    await otlp.consume(request("profiles", "e", { protocol: "grpc", profilesService: "v1experimental" }));
    await otlp.consume(request("profiles", "d", { protocol: "grpc", profilesDevelopmentVersion: "1" }));
    await otlp.consume(request("profiles", "d", { protocol: "grpc" }));
    expect(calls.map(({ path }) => path)).toEqual([METHODS[4], METHODS[3], METHODS[3]]);
    const versions = calls.map(({ metadata }) => metadata.get("otlp-profiles-development-version"));
    expect(versions).toEqual([[], ["1"], []]);
  });

  test("carries the headers of the configuration and those of the authenticator, which may change", async () => {
    const { address, calls } = await receiver();
    let token = { authorization: "Bearer one" };
    const input = { ...direct, headers: { "X-Tenant": "blue" }, auth: { authenticator: "bearertokenauth" } };
    const { exporter: otlp } = await exporter(address, input, (context) => {
      context.host.service(clientAuthenticators, () => new Map()).set("bearertokenauth", { headers: () => token });
    });
    await otlp.consume(request("logs", "x"));
    token = { authorization: "Bearer two" };
    await otlp.consume(request("logs", "x"));
    expect(calls.map(({ metadata }) => [...metadata.get("x-tenant"), ...metadata.get("authorization")])).toEqual([
      ["blue", "Bearer one"],
      ["blue", "Bearer two"],
    ]);
  });

  test("is counted when it was delivered, and its buffers are given back", async () => {
    const { address } = await receiver();
    const { exporter: otlp, context } = await exporter(address, direct);
    // resource_spans { scope_spans { spans {} spans {} } }
    await otlp.consume(testPayload("traces", Uint8Array.of(0x0a, 6, 0x12, 4, 0x12, 0, 0x12, 0)));
    expect(context.metrics.value("otelcol_exporter_sent_spans", { exporter: "otlp_grpc/test" })).toBe(2);
    await expect.poll(() => context.buffers.stats.leased).toBe(0);
  });
});

describe("a failure", () => {
  test("UNAVAILABLE is retried after the back-off", async () => {
    const { address, calls, answers, arrived } = await receiver();
    answers.push({ code: status.UNAVAILABLE, details: "restarting" });
    const { exporter: otlp, context } = await exporter(address);
    await otlp.consume(request("logs", "x"));
    await arrived(1);
    await expect.poll(() => context.logger.messages("warn")).toEqual(["sending failed, will retry"]);
    await context.clock.advance(7500);
    await arrived(2);
    expect(calls[1]!.bytes.equals(calls[0]!.bytes)).toBe(true);
    await expect.poll(() => context.metrics.value("otelcol_exporter_queue_size")).toBe(0);
    expect(context.metrics.value("otelcol_exporter_send_failed_log_records")).toBe(0);
  });

  test("RESOURCE_EXHAUSTED with RetryInfo is retried when the server said", async () => {
    const { address, answers, arrived, calls } = await receiver();
    const metadata = new Metadata();
    const details = encodeStatus({ code: 8, message: "slow down", retryAfterMs: 60_000 });
    metadata.set("grpc-status-details-bin", Buffer.from(details));
    answers.push({ code: status.RESOURCE_EXHAUSTED, details: "slow down", metadata });
    const { exporter: otlp, context } = await exporter(address);
    await otlp.consume(request("logs", "x"));
    await arrived(1);
    await expect.poll(() => context.logger.lines.at(-1)?.fields["retryInMs"]).toBe(60_000);
    await context.clock.advance(59_000);
    expect(calls.length).toBe(1);
    await context.clock.advance(1000);
    await arrived(2);
  });

  test.each([
    ["RESOURCE_EXHAUSTED", status.RESOURCE_EXHAUSTED],
    ["INVALID_ARGUMENT", status.INVALID_ARGUMENT],
    ["UNAUTHENTICATED", status.UNAUTHENTICATED],
    ["UNIMPLEMENTED", status.UNIMPLEMENTED],
  ])("%s without RetryInfo is final", async (name, code) => {
    const { address, answers, calls } = await receiver();
    answers.push({ code, details: "no" });
    const { exporter: otlp } = await exporter(address, direct);
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({
      permanent: true,
      message: `gRPC status ${name}: no`,
    });
    expect(calls.length).toBe(1);
  });

  test("a server that does not answer is given up after the timeout", async () => {
    const { address, answers, arrived } = await receiver();
    answers.push("silence");
    const { exporter: otlp, context } = await exporter(address, {
      ...direct,
      timeout: "3s",
      retry_on_failure: { enabled: false },
    });
    const consumed = otlp.consume(request("logs", "x")).catch((error: unknown) => error);
    await arrived(1);
    await context.clock.advance(3000);
    expect(await consumed).toMatchObject({
      permanent: false,
      message: expect.stringContaining("DEADLINE_EXCEEDED") as string,
    });
  });

  test("nobody listening may pass", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as { port: number };
    free.close();
    await once(free, "close");
    const { exporter: otlp } = await exporter(`127.0.0.1:${port}`, { ...direct, retry_on_failure: { enabled: false } });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({ permanent: false });
  });

  test("partial success is counted and told", async () => {
    const { address, answers } = await receiver();
    answers.push(encodeResponse({ rejected: 7, message: "too old" }));
    const { exporter: otlp, context } = await exporter(address, direct);
    await otlp.consume(request("traces", "x"));
    expect(context.metrics.value("podflame_exporter_partial_success_rejected")).toBe(7);
    expect(context.logger.lines.at(-1)?.fields).toMatchObject({ answer: "too old", items: 7 });
  });

  test("an authenticator without a credential is retried, and its name is not enough to start", async () => {
    const { address } = await receiver();
    const input = { ...direct, retry_on_failure: { enabled: false }, auth: { authenticator: "bearertokenauth" } };
    await expect(exporter(address, input)).rejects.toThrow("auth::authenticator names bearertokenauth");
    const { exporter: otlp } = await exporter(address, input, (context) => {
      context.host
        .service(clientAuthenticators, () => new Map())
        .set("bearertokenauth", {
          headers() {
            throw new Error("token file /run/token is empty");
          },
        });
    });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({ permanent: false });
  });
});

describe("layout", () => {
  const profiles = (name: string): Payload =>
    testPayload("profiles", readFileSync(new URL(`../../../../testdata/otlp-profiles/${name}.pb`, import.meta.url)));

  test("profiles go as they came unless told otherwise", async () => {
    const { address, calls } = await receiver();
    const { exporter: otlp } = await exporter(address, direct);
    const payload = profiles("d7/l1.collector");
    await otlp.consume(payload);
    expect(calls[0]!.bytes.equals(payload.bytes)).toBe(true);
  });

  test("a server of an older layout gets that one, after one refusal, and no schema version with it", async () => {
    const { address, calls, answers } = await receiver();
    answers.push({ code: status.INTERNAL, details: "proto: wrong wireType = 2 for field LinkIndex" });
    const { exporter: otlp, context } = await exporter(address, { ...direct, layout: "auto" });
    await otlp.consume(profiles("d7/l1.collector"));
    await otlp.consume(profiles("d7/l1.collector"));
    expect(calls.map(({ metadata }) => metadata.get("otlp-profiles-development-version"))).toEqual([["1"], [], []]);
    expect(calls[1]!.bytes.equals(calls[0]!.bytes)).toBe(false);
    expect(calls[2]!.bytes.equals(calls[1]!.bytes)).toBe(true);
    expect(context.metrics.value("otelcol_exporter_sent_profile_samples")).toBe(120);
  });

  test("a server of 2024 has only the experimental service", async () => {
    const { address, calls, answers } = await receiver();
    answers.push({ code: status.UNIMPLEMENTED, details: "unknown service" });
    const { exporter: otlp } = await exporter(address, { ...direct, layout: "auto" });
    await otlp.consume(profiles("d10/l1.collector"));
    expect(calls.map(({ path }) => path)).toEqual([METHODS[3], METHODS[4]]);
  });

  test("profiles that cannot be read are refused and counted", async () => {
    const { address, calls } = await receiver();
    const { exporter: otlp, context } = await exporter(address, { ...direct, layout: "1.9" });
    const payload = profiles("d6/l1-export-request.protobuf-go");
    await expect(otlp.consume(payload)).rejects.toMatchObject({ permanent: true });
    expect(calls).toEqual([]);
    expect(context.metrics.value("otelcol_exporter_send_failed_profile_samples")).toBe(payload.items);
  });
});

test("shutdown delivers what is queued, then closes the connection", async () => {
  const { address, calls } = await receiver();
  const { exporter: otlp, context } = await exporter(address, { sending_queue: { num_consumers: 1 } });
  for (let index = 0; index < 20; index++) await otlp.consume(request("logs", `number ${index}`));
  await otlp.shutdown(AbortSignal.timeout(20_000));
  expect(calls.length).toBe(20);
  expect(context.metrics.value("otelcol_exporter_queue_size")).toBe(0);
  await expect.poll(() => context.buffers.stats.leased).toBe(0);
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = otlpGrpcExporterConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}]])("%j lacks an endpoint", (input) => {
    expect(problems(input)).toEqual(["endpoint: is missing: expected a string"]);
  });

  test("defaults to gzip, TLS, 5 s, queue and retries", () => {
    expect(otlpGrpcExporterConfig.parse({ endpoint: "gateway:4317" })).toMatchObject({
      config: {
        client: { endpoint: "gateway:4317", compression: "gzip", tls: {} },
        sending: { timeoutMs: 5000, queue: { capacity: 1000 }, retry: { initialIntervalMs: 5000 } },
      },
    });
  });

  test.each([
    [1.1, "1.10"],
    ["1.10", "1.10"],
    [1.9, "1.9"],
    ["auto", "auto"],
    [undefined, "as_received"],
  ])("layout %j, as YAML reads it, is %s", (layout, expected) => {
    expect(otlpGrpcExporterConfig.parse({ endpoint: "a:1", layout })).toMatchObject({ config: { layout: expected } });
  });

  test("refuses layouts that nobody receives", () => {
    const words = "expected one of as_received, auto, 1.7, 1.8, 1.9, 1.10";
    expect(problems({ endpoint: "a:1", layout: 1.6 })).toEqual([`layout: ${words}, got "1.6"`]);
  });

  test("refuses unknown keys and credentials in clear text", () => {
    expect(problems({ endpoint: "gateway:4317", endpont: 1, sending_queue: { size: 1 } })).toEqual([
      'sending_queue::size: unknown key "size"; did you mean "sizer"?',
      'endpont: unknown key "endpont"; did you mean "endpoint"?',
    ]);
    const auth = { authenticator: "bearertokenauth" };
    expect(problems({ endpoint: "gateway:4317", ...insecure, auth })).toEqual([
      "auth: sends a credential in clear text; use TLS (remove tls::insecure)",
    ]);
    expect(problems({ endpoint: "127.0.0.1:4317", ...insecure, auth })).toEqual([]);
    expect(problems({ endpoint: "gateway:4317", auth })).toEqual([]);
  });
});
