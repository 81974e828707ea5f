import { readFileSync } from "node:fs";
import * as http2 from "node:http2";
import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ConsumeError, type Consumer } from "#collector";
import {
  decodeJsonStatus,
  decodeStatus,
  EXPERIMENTAL_PROFILES_PATHS,
  ParseError,
  type RpcStatus,
  SIGNAL_PATHS,
  SIGNALS,
  type Signal,
} from "#otlp";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { RecordingConsumer, testContext, type TestContext } from "../../testing/context.ts";
import { otlpReceiverConfig } from "./config.ts";
import { otlpReceiverFactory } from "./index.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";

const CAPTURE = readFileSync(new URL("../../../../testdata/captures/ebpf-20hz-grpc.binpb", import.meta.url));
/** resource_spans { scope_spans { spans {} } } */
const SPAN = Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x12, 0x00);

lifecycleSuite(otlpReceiverFactory, [
  { name: "with both protocols", config: protocols({ grpc: {}, http: {} }) },
  { name: "with gRPC alone", config: protocols({ grpc: {} }) },
]);

function protocols(given: { grpc?: object; http?: object }): object {
  const anyPort = (section: object) => ({ endpoint: "127.0.0.1:0", ...section });
  return {
    protocols: {
      ...(given.grpc && { grpc: anyPort(given.grpc) }),
      ...(given.http && { http: anyPort(given.http) }),
    },
  };
}

interface Running {
  readonly context: TestContext;
  readonly consumers: Record<Signal, RecordingConsumer>;
  readonly grpc: string;
  readonly http: string;
}

const running: { receiver: OtlpReceiver; context: TestContext }[] = [];

afterEach(async () => {
  for (const { receiver, context } of running.splice(0)) {
    await receiver.shutdown(AbortSignal.timeout(2000));
    expect(context.buffers.stats.leased).toBe(0);
  }
});

async function start(wanted: readonly Signal[] = SIGNALS): Promise<Running> {
  const parsed = otlpReceiverConfig.parse(protocols({ grpc: {}, http: {} }));
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  const context = testContext("otlp/test");
  const consumers = Object.fromEntries(SIGNALS.map((signal) => [signal, new RecordingConsumer()]));
  const given: Partial<Record<Signal, Consumer>> = {};
  for (const signal of wanted) given[signal] = consumers[signal]!;
  const receiver = new OtlpReceiver(context, parsed.config, given);
  running.push({ receiver, context });
  await receiver.start();
  const { grpc: grpcAddress, http } = receiver.addresses;
  return { context, consumers: consumers as Running["consumers"], grpc: grpcAddress!, http: `http://${http!}` };
}

async function export_(
  address: string,
  path: string,
  body: Uint8Array,
  metadata: Record<string, string> = {},
): Promise<{ code: number; details: string; body: Buffer | undefined; status: RpcStatus | undefined }> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const identity = (bytes: Buffer): Buffer => bytes;
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, identity, identity, Buffer.from(body), sent, {}, (error, reply) => {
        const bytes = error?.metadata.get("grpc-status-details-bin")[0] as Buffer | undefined;
        const status = bytes && decodeStatus(bytes);
        if (status instanceof ParseError) throw new Error(status.message);
        resolve({ code: error?.code ?? 0, details: error?.details ?? "", body: reply, status });
      });
    });
  } finally {
    client.close();
  }
}

async function post(
  url: string,
  body: Uint8Array | string,
  headers: Record<string, string> = { "content-type": "application/x-protobuf" },
): Promise<{ code: number; type: string | null; body: Buffer; retryAfter: string | null }> {
  const sent = typeof body === "string" ? body : new Uint8Array(body);
  const response = await fetch(url, { method: "POST", body: sent, headers });
  return {
    code: response.status,
    type: response.headers.get("content-type"),
    body: Buffer.from(await response.arrayBuffer()),
    retryAfter: response.headers.get("retry-after"),
  };
}

const EMPTY_ENVELOPE = Uint8Array.of(0x0a, 0x00);

describe("signals", () => {
  test.each(SIGNALS)("%s come in over gRPC and HTTP as the bytes that were sent", async (signal) => {
    const { grpc: address, http, consumers, context } = await start();
    const request = signal === "profiles" ? CAPTURE : EMPTY_ENVELOPE;
    const overGrpc = await export_(address, SIGNAL_PATHS[signal].grpc, request);
    expect(overGrpc).toMatchObject({ code: 0 });
    expect(overGrpc.body).toHaveLength(0);
    expect(await post(`${http}${SIGNAL_PATHS[signal].http}`, request)).toMatchObject({
      code: 200,
      type: "application/x-protobuf",
    });
    const received = consumers[signal].received;
    expect(received.map(({ origin }) => origin.protocol)).toEqual(["grpc", "http"]);
    for (const payload of received) {
      expect(payload.signal).toBe(signal);
      expect(Buffer.from(payload.bytes).equals(request)).toBe(true);
      expect(payload.origin.peerAddress).toBe("127.0.0.1");
    }
    if (signal === "profiles") {
      for (const transport of ["grpc", "http"]) {
        const labels = { receiver: "otlp/test", transport };
        expect(context.metrics.value("otelcol_receiver_accepted_profile_samples", labels)).toBeGreaterThan(0);
      }
    }
  });

  test("OTLP/JSON is taken over HTTP, gzipped too, and answered in JSON", async () => {
    const { http, consumers } = await start();
    const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: "x" }] }] }] });
    const type = { "content-type": "application/json; charset=utf-8" };
    const answer = await post(`${http}/v1/traces`, json, type);
    expect(answer).toMatchObject({ code: 200, type: "application/json" });
    expect(answer.body.toString()).toBe("{}");
    expect((await post(`${http}/v1/traces`, gzipSync(json), { ...type, "content-encoding": "gzip" })).code).toBe(200);
    expect(consumers.traces.received).toHaveLength(2);
    expect(Buffer.from(consumers.traces.received[0]!.bytes).toString("hex")).toBe("0a0712051203" + "2a0178");
  });

  test("no bytes are success without anything for the pipeline", async () => {
    const { grpc: address, http, consumers } = await start();
    expect((await export_(address, SIGNAL_PATHS.logs.grpc, new Uint8Array(0))).code).toBe(0);
    expect((await post(`${http}/v1/logs`, new Uint8Array(0))).code).toBe(200);
    expect(consumers.logs.received).toEqual([]);
  });

  test("a signal that no pipeline wants is an unknown method, or 404", async () => {
    const { grpc: address, http } = await start(["traces"]);
    expect((await export_(address, SIGNAL_PATHS.traces.grpc, SPAN)).code).toBe(0);
    expect((await export_(address, SIGNAL_PATHS.logs.grpc, SPAN)).code).toBe(grpc.status.UNIMPLEMENTED);
    expect((await post(`${http}/v1/logs`, SPAN)).code).toBe(404);
  });

  test("both services of profiles are served, and which one it was goes along", async () => {
    const { grpc: address, consumers } = await start();
    await export_(address, SIGNAL_PATHS.profiles.grpc, EMPTY_ENVELOPE);
    await export_(address, EXPERIMENTAL_PROFILES_PATHS.grpc, EMPTY_ENVELOPE);
    expect(consumers.profiles.received.map(({ origin }) => origin.profilesService)).toEqual([
      "v1development",
      "v1experimental",
    ]);
  });

  test("requests of a connection share their origin", async () => {
    const { grpc: address, consumers } = await start();
    const session = http2.connect(`http://${address}`);
    const send = (headers: Record<string, string>): Promise<void> =>
      new Promise((resolve) => {
        const stream = session.request({
          ":method": "POST",
          ":path": SIGNAL_PATHS.traces.grpc,
          "content-type": "application/grpc",
          ...headers,
        });
        stream.resume();
        stream.on("close", resolve);
        stream.end(Buffer.concat([Uint8Array.of(0, 0, 0, 0, SPAN.length), SPAN]));
      });
    await send({ "user-agent": "a" });
    await send({ "user-agent": "a" });
    await send({ "user-agent": "b" });
    session.destroy();
    const origins = consumers.traces.received.map(({ origin }) => origin);
    expect(origins[1]).toBe(origins[0]);
    expect(origins[2]).not.toBe(origins[0]);
    expect(origins[2]).toMatchObject({ userAgent: "b", protocol: "grpc" });
  });
});

describe("otlp-profiles-development-version", () => {
  test("1 goes along", async () => {
    const { grpc: address, consumers } = await start();
    await export_(address, SIGNAL_PATHS.profiles.grpc, EMPTY_ENVELOPE, { "otlp-profiles-development-version": "1" });
    expect(consumers.profiles.received[0]!.origin.profilesDevelopmentVersion).toBe("1");
  });

  test.each(["2", "", "1, 1", "1,2", "01"])("%j is refused before anything is decoded", async (version) => {
    const { grpc: address, http, consumers, context } = await start();
    const headers = { "otlp-profiles-development-version": version };
    const rubbish = Uint8Array.of(0xff);
    const overGrpc = await export_(address, SIGNAL_PATHS.profiles.grpc, rubbish, headers);
    expect(overGrpc.code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(overGrpc.details).toContain("names no known schema");
    const url = `${http}${SIGNAL_PATHS.profiles.http}`;
    const type = { "content-type": "application/x-protobuf" };
    expect((await post(url, rubbish, { ...type, ...headers })).code).toBe(400);
    expect(consumers.profiles.received).toEqual([]);
    const name = "podflame_receiver_malformed_requests";
    for (const transport of ["grpc", "http"]) {
      const labels = { receiver: "otlp/test", transport, signal: "profiles", reason: "profiles_version" };
      expect(context.metrics.value(name, labels)).toBe(1);
    }
  });

  test("other signals may say what they like", async () => {
    const { grpc: address } = await start();
    const headers = { "otlp-profiles-development-version": "7" };
    expect((await export_(address, SIGNAL_PATHS.traces.grpc, SPAN, headers)).code).toBe(0);
  });
});

describe("what pipelines answer", () => {
  const cases = [
    [ConsumeError.permanent("bad"), grpc.status.INVALID_ARGUMENT, 400, undefined],
    [ConsumeError.overload("full", 1500), grpc.status.RESOURCE_EXHAUSTED, 429, 1500],
    [ConsumeError.unavailable("gone"), grpc.status.UNAVAILABLE, 503, undefined],
    [ConsumeError.unavailable("gone", 2000), grpc.status.UNAVAILABLE, 503, 2000],
  ] as const;

  test.each(cases)("%s is told to senders in both protocols", async (error, grpcCode, httpCode, retryAfterMs) => {
    const { grpc: address, http, consumers, context } = await start();
    consumers.traces.answer = () => {
      throw error;
    };
    const overGrpc = await export_(address, SIGNAL_PATHS.traces.grpc, SPAN);
    expect(overGrpc).toMatchObject({ code: grpcCode, details: error.message });
    expect(overGrpc.status?.retryAfterMs).toBe(retryAfterMs);
    const protobuf = await post(`${http}/v1/traces`, SPAN);
    expect(protobuf).toMatchObject({ code: httpCode, type: "application/x-protobuf" });
    expect(decodeStatus(protobuf.body)).toMatchObject({ code: grpcCode, message: error.message });
    expect(protobuf.retryAfter).toBe(retryAfterMs === undefined ? null : String(Math.ceil(retryAfterMs / 1000)));
    const json = await post(`${http}/v1/traces`, '{"resourceSpans":[{}]}', { "content-type": "application/json" });
    expect(json).toMatchObject({ code: httpCode, type: "application/json" });
    expect(decodeJsonStatus(json.body)).toMatchObject({ code: grpcCode, message: error.message });
    const labels = { receiver: "otlp/test", transport: "grpc" };
    expect(context.metrics.value("otelcol_receiver_refused_spans", labels)).toBe(1);
  });

  test("a bug is UNAVAILABLE, tells nothing of the inside, and is counted and logged once", async () => {
    const { grpc: address, http, consumers, context } = await start();
    consumers.traces.answer = () => {
      throw new TypeError("secret detail");
    };
    for (let i = 0; i < 3; i++) {
      const answer = await export_(address, SIGNAL_PATHS.traces.grpc, SPAN);
      expect(answer).toMatchObject({ code: grpc.status.UNAVAILABLE, details: "internal error; try again" });
    }
    expect((await post(`${http}/v1/traces`, SPAN)).code).toBe(503);
    const labels = { receiver: "otlp/test", transport: "grpc" };
    expect(context.metrics.value("otelcol_receiver_failed_spans", labels)).toBe(3);
    expect(context.logger.messages("error")).toHaveLength(1);
  });
});

describe("bad input", () => {
  test("bytes that aren't protobuf, and JSON that isn't OTLP, say where", async () => {
    const { grpc: address, http, context } = await start();
    const truncated = Uint8Array.of(0x0a, 0x7f, 0x00);
    const overGrpc = await export_(address, SIGNAL_PATHS.traces.grpc, truncated);
    expect(overGrpc.code).toBe(grpc.status.INVALID_ARGUMENT);
    const protobuf = await post(`${http}/v1/traces`, truncated);
    expect(protobuf.code).toBe(400);
    expect(decodeStatus(protobuf.body)).toMatchObject({ code: 3 });
    const json = await post(`${http}/v1/traces`, '{"resourceSpans": 7}', { "content-type": "application/json" });
    expect(json.code).toBe(400);
    expect(decodeJsonStatus(json.body)).toMatchObject({
      code: 3,
      message: "resourceSpans: expected an array, found 7",
    });
    const labels = { receiver: "otlp/test", transport: "http", signal: "traces" };
    const malformed = (reason: string) =>
      context.metrics.value("podflame_receiver_malformed_requests", { ...labels, reason });
    expect([malformed("protobuf"), malformed("json")]).toEqual([1, 1]);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded"])("%s is 415", async (type) => {
    const { http } = await start();
    const answer = await post(`${http}/v1/traces`, "x", { "content-type": type });
    expect(answer).toMatchObject({ code: 415, type: "text/plain; charset=utf-8" });
  });

  test("errors of the server itself are google.rpc.Status in the request's encoding", async () => {
    const { http } = await start();
    const json = await post(`${http}/v1/traces`, "{}", {
      "content-type": "application/json",
      "content-encoding": "br",
    });
    expect(decodeJsonStatus(json.body)).toMatchObject({ code: 3, message: "Content-Encoding br is not supported" });
    const protobuf = await post(`${http}/v1/traces`, new Uint8Array(21 << 20));
    expect(protobuf.code).toBe(413);
    expect(decodeStatus(protobuf.body)).toMatchObject({ code: 8 });
  });

  test("whatever one byte of a request becomes, the answer is success or INVALID_ARGUMENT", async () => {
    const { http } = await start();
    const request = CAPTURE;
    await fc.assert(
      fc.asyncProperty(fc.nat(request.length - 1), fc.nat(255), async (at, value) => {
        const mutated = Buffer.from(request);
        mutated[at] = value;
        const { code } = await post(`${http}${SIGNAL_PATHS.profiles.http}`, mutated);
        return code === 200 || code === 400;
      }),
      { numRuns: 60 },
    );
  });
});

describe("configuration", () => {
  const problems = (input: unknown): string[] => {
    const result = otlpReceiverConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  };

  test("a protocol is there when it is named, also without a value", () => {
    const read = otlpReceiverConfig.parse({ protocols: { grpc: null } });
    expect(read).toMatchObject({ config: { grpc: { endpoint: "localhost:4317" }, http: undefined } });
    expect(otlpReceiverConfig.parse({ protocols: { http: {} } })).toMatchObject({
      config: { grpc: undefined, http: { server: { endpoint: "localhost:4318" }, paths: { traces: "/v1/traces" } } },
    });
  });

  test.each([
    ["no protocol", { protocols: {} }, ['protocols: names no protocol; add "grpc:" or "http:" (or both)']],
    [
      "an endpoint without a port",
      { protocols: { grpc: { endpoint: "localhost" } } },
      ['protocols::grpc::endpoint: expected host:port such as "0.0.0.0:4317", got "localhost"'],
    ],
    [
      "an unknown key",
      { protocols: { grpc: { max_recv_msg_size: 4 } } },
      ['protocols::grpc::max_recv_msg_size: unknown key "max_recv_msg_size"; did you mean "max_recv_msg_size_mib"?'],
    ],
    [
      "what isn't there yet",
      { protocols: { http: { auth: { authenticator: "oidc" } } } },
      ['protocols::http::auth: "auth" is not supported by podflame yet; use tls with client_ca_file'],
    ],
    [
      "a path twice",
      { protocols: { http: { traces_url_path: "x", logs_url_path: "/x" } } },
      ['protocols::http::logs_url_path: "/x" is the path of traces already'],
    ],
    [
      "a certificate without its key",
      { protocols: { grpc: { tls: { cert_file: "a" } } } },
      ["protocols::grpc::tls::cert_file: a certificate needs its key; add key_file or key_pem"],
    ],
    [
      "lz4",
      { protocols: { http: { compression_algorithms: ["gzip", "lz4"] } } },
      ['protocols::http::compression_algorithms::1: "lz4" is not supported by podflame yet; remove it from the list'],
    ],
  ])("%s is a problem", (_what, input, expected) => expect(problems(input)).toEqual(expected));

  test("upstream's keys arrive where they belong", () => {
    const read = otlpReceiverConfig.parse({
      protocols: {
        grpc: {
          endpoint: "0.0.0.0:1",
          max_recv_msg_size_mib: 16,
          max_concurrent_streams: 20,
          read_buffer_size: 524288,
          keepalive: {
            server_parameters: { max_connection_age: "1m", max_connection_age_grace: "10s" },
            enforcement_policy: { min_time: "30s", permit_without_stream: true },
          },
        },
        http: {
          endpoint: "0.0.0.0:2",
          traces_url_path: "traces",
          max_request_body_size: 1000,
          compression_algorithms: ["", "gzip"],
          cors: { allowed_origins: ["https://*.example.com"], max_age: 7200 },
          read_timeout: "10s",
          idle_timeout: "20s",
        },
      },
    });
    expect(read).toMatchObject({
      config: {
        grpc: {
          maxMessageBytes: 16 << 20,
          maxConcurrentStreams: 20,
          keepalive: {
            maxConnectionAgeMs: 60_000,
            maxConnectionAgeGraceMs: 10_000,
            enforcementMinTimeMs: 30_000,
            permitWithoutStream: true,
          },
        },
        http: {
          paths: { traces: "/traces", profiles: "/v1development/profiles" },
          server: {
            maxBodyBytes: 1000,
            compressionAlgorithms: ["none", "gzip"],
            cors: { allowedOrigins: ["https://*.example.com"], maxAgeSeconds: 7200 },
            readTimeoutMs: 10_000,
            idleTimeoutMs: 20_000,
          },
        },
      },
    });
  });
});
