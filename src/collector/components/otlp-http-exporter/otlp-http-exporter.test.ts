import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import {
  encodeJsonResponse,
  encodeResponse,
  encodeStatus,
  loadTranscoder,
  type Origin,
  type Payload,
  SIGNALS,
  type Signal,
} from "#otlp";
import { clientAuthenticators, type Component, type Consumer } from "#collector";
import { testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { otlpHttpExporterConfig } from "./config.ts";
import { otlpHttpExporterFactory } from "./index.ts";

lifecycleSuite(otlpHttpExporterFactory, [
  { name: "towards nobody", config: { endpoint: "http://127.0.0.1:1" } },
  { name: "with JSON", config: { endpoint: "http://127.0.0.1:1", encoding: "json" } },
]);

interface SeenPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As sent, before decompression. */
  readonly body: Buffer;
}

type Answer = (response: ServerResponse) => void;

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A plain node:http server that keeps what it was sent and answers 200 unless told otherwise. */
async function receiver(): Promise<{
  readonly url: string;
  readonly posts: SeenPost[];
  readonly answers: Answer[];
  readonly arrived: (count: number) => Promise<void>;
}> {
  const posts: SeenPost[] = [];
  const answers: Answer[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      posts.push({ path: request.url!, headers: request.headers, body: Buffer.concat(pieces) });
      const answer = answers.shift();
      if (answer) answer(response);
      else response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, posts, answers, arrived: (count) => expect.poll(() => posts.length).toBe(count) };
}

async function exporter(
  input: object,
  prepare: (context: TestContext) => void = () => undefined,
): Promise<{ exporter: Component & Consumer; context: TestContext }> {
  const read = otlpHttpExporterConfig.parse(input);
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("otlp_http/test");
  prepare(context);
  const made = otlpHttpExporterFactory.create(context, read.config);
  await made.start();
  closing.push(() => made.shutdown(AbortSignal.timeout(1000)));
  return { exporter: made, context };
}

/** One resource with schema URL `text`; enough of a request for any signal. */
function request(signal: Signal, text: string, origin?: Origin): Payload {
  const bytes = Buffer.from(text);
  return testPayload(signal, Buffer.concat([Uint8Array.of(0x0a, bytes.length + 2, 0x1a, bytes.length), bytes]), origin);
}

const direct = { sending_queue: { enabled: false }, retry_on_failure: { enabled: false } };

describe("a request", () => {
  test.each([
    ["traces", "/v1/traces"],
    ["metrics", "/v1/metrics"],
    ["logs", "/v1/logs"],
    ["profiles", "/v1development/profiles"],
  ] as const)("of %s arrives at %s, gzip by default", async (signal, path) => {
    const { url, posts } = await receiver();
    const { exporter: otlp } = await exporter({ ...direct, endpoint: url });
    const payload = request(signal, "a".repeat(100));
    await otlp.consume(payload);
    expect(posts[0]).toMatchObject({
      path,
      headers: { "content-type": "application/x-protobuf", "content-encoding": "gzip" },
    });
    expect(posts[0]!.headers["user-agent"]).toMatch(/^podflame\//);
    expect(gunzipSync(posts[0]!.body).equals(payload.bytes)).toBe(true);
  });

  test("goes behind the path of the endpoint, or to the URL of its signal", async () => {
    const { url, posts } = await receiver();
    const input = { ...direct, compression: "none", endpoint: `${url}/otlp/`, traces_endpoint: `${url}/t?x=1` };
    const { exporter: otlp } = await exporter(input);
    await otlp.consume(request("logs", "x"));
    await otlp.consume(request("traces", "x"));
    await otlp.consume(request("profiles", "x", { protocol: "grpc", profilesService: "v1experimental" }));
    expect(posts.map(({ path }) => path)).toEqual(["/otlp/v1/logs", "/t?x=1", "/otlp/v1experimental/profiles"]);
  });

  test("of a signal without an endpoint is lost and counted", async () => {
    const { url } = await receiver();
    const { exporter: otlp } = await exporter({ ...direct, traces_endpoint: `${url}/t` });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({
      permanent: true,
      message: "no endpoint is configured for logs",
    });
  });

  test("carries headers, credential, and the schema that the sender of profiles named", async () => {
    const { url, posts } = await receiver();
    const input = { ...direct, endpoint: url, headers: { "x-tenant": "blue" }, auth: { authenticator: "b" } };
    const { exporter: otlp } = await exporter(input, (context) => {
      const known = context.host.service(clientAuthenticators, () => new Map());
      known.set("b", { headers: () => ({ authorization: "Bearer t" }) });
    });
    await otlp.consume(request("profiles", "x", { protocol: "http", profilesDevelopmentVersion: "1" }));
    expect(posts[0]!.headers).toMatchObject({
      "x-tenant": "blue",
      authorization: "Bearer t",
      "otlp-profiles-development-version": "1",
    });
  });

  test.each(SIGNALS)("of %s can be written as JSON", async (signal) => {
    const { url, posts } = await receiver();
    const { exporter: otlp, context } = await exporter({
      ...direct,
      endpoint: url,
      encoding: "json",
      compression: "none",
    });
    const payload = request(signal, "https://example.com/schema");
    await otlp.consume(payload);
    expect(posts[0]!.headers["content-type"]).toBe("application/json");
    const { protobufToJson } = await loadTranscoder();
    expect(posts[0]!.body.toString()).toBe(protobufToJson(signal, payload.bytes));
    await expect.poll(() => context.buffers.stats.leased).toBe(0);
  });
});

describe("an answer", () => {
  test.each([
    ["in seconds", () => "30"],
    ["as a date", (nowMs: number) => new Date(nowMs + 30_000).toUTCString()],
  ])("429 with Retry-After %s is obeyed", async (_form, retryAfter) => {
    const { url, posts, answers, arrived } = await receiver();
    const { exporter: otlp, context } = await exporter({ endpoint: url });
    answers.push((response) => {
      response.writeHead(429, { "retry-after": retryAfter(context.clock.nowMs()) }).end();
    });
    await otlp.consume(request("logs", "x"));
    await arrived(1);
    await expect.poll(() => context.logger.lines.at(-1)?.fields["retryInMs"]).toBe(30_000);
    await context.clock.advance(29_000);
    expect(posts.length).toBe(1);
    await context.clock.advance(1000);
    await arrived(2);
  });

  test.each([400, 401, 404, 413, 500])("%i is final", async (code) => {
    const { url, answers } = await receiver();
    answers.push((response) => {
      response.writeHead(code).end(encodeStatus({ code: 3, message: "spans without ids" }));
    });
    const { exporter: otlp } = await exporter({ endpoint: url, sending_queue: { enabled: false } });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({
      permanent: true,
      message: expect.stringMatching(new RegExp(`HTTP ${code} .*: spans without ids`)) as string,
    });
  });

  test("503 and a connection that is cut may pass", async () => {
    const { url, answers } = await receiver();
    answers.push(
      (response) => void response.writeHead(503).end(),
      (response) => void response.destroy(),
    );
    const { exporter: otlp } = await exporter({ ...direct, endpoint: url });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({ permanent: false });
    await expect(otlp.consume(request("logs", "x"))).rejects.toMatchObject({ permanent: false });
  });

  test("that does not come within the timeout may come later", async () => {
    const { url, answers, arrived } = await receiver();
    answers.push(() => undefined);
    const { exporter: otlp, context } = await exporter({ ...direct, endpoint: url, timeout: "2s" });
    const consumed = otlp.consume(request("logs", "x")).catch((error: unknown) => error);
    await arrived(1);
    await context.clock.advance(2000);
    expect(await consumed).toMatchObject({ permanent: false, message: "no answer within 2000 ms" });
  });

  test.each([
    ["proto", encodeResponse({ rejected: 2, message: "no" })],
    ["json", encodeJsonResponse("traces", { rejected: 2, message: "no" })],
  ])("of partial success in %s is counted", async (encoding, body) => {
    const { url, answers } = await receiver();
    answers.push((response) => void response.end(body));
    const { exporter: otlp, context } = await exporter({ ...direct, endpoint: url, encoding });
    await otlp.consume(request("traces", "x"));
    expect(context.metrics.value("podflame_exporter_partial_success_rejected")).toBe(2);
  });
});

describe("layout", () => {
  const profiles = (name: string): Payload =>
    testPayload("profiles", readFileSync(new URL(`../../../../testdata/otlp-profiles/${name}.pb`, import.meta.url)));

  test("a server that answers 400 to the newest gets an older one, and that from then on", async () => {
    const { url, posts, answers } = await receiver();
    answers.push((response) => {
      response.writeHead(400).end(encodeStatus({ code: 3, message: "proto: wrong wireType = 2 for field LinkIndex" }));
    });
    const { exporter: otlp } = await exporter({ ...direct, endpoint: url, layout: "auto", compression: "none" });
    await otlp.consume(profiles("e/l1.collector"));
    await otlp.consume(profiles("d9/l1.collector"));
    expect(posts.map(({ path }) => path)).toEqual(Array.from({ length: 3 }, () => "/v1development/profiles"));
    expect(posts.map(({ headers }) => headers["otlp-profiles-development-version"])).toEqual([
      "1",
      undefined,
      undefined,
    ]);
    expect(posts[2]!.body.equals(profiles("d9/l1.collector").bytes)).toBe(true);
  });

  test("as JSON the newest layout is written, whatever came", async () => {
    const { url, posts } = await receiver();
    const input = { ...direct, endpoint: url, encoding: "json", layout: 1.1, compression: "none" };
    const { exporter: otlp } = await exporter(input);
    await otlp.consume(profiles("d7/l1.collector"));
    const written = JSON.parse(posts[0]!.body.toString()) as { dictionary: { stackTable: unknown[] } };
    expect(written.dictionary.stackTable.length).toBe(13);
  });
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = otlpHttpExporterConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}]])("%j lacks an endpoint", (input) => {
    expect(problems(input)).toEqual(["endpoint: is missing: give endpoint, or traces_endpoint and its like"]);
  });

  test("defaults to protobuf, gzip and 30 s", () => {
    expect(otlpHttpExporterConfig.parse({ endpoint: "http://gateway:4318" })).toMatchObject({
      config: { encoding: "proto", client: { compression: "gzip" }, sending: { timeoutMs: 30_000 } },
    });
  });

  test("refuses JSON of an older layout", () => {
    expect(problems({ endpoint: "http://a:1", encoding: "json", layout: "auto" })).toEqual([
      "layout: with encoding json profiles can only be sent as 1.10, got auto",
    ]);
  });

  test("names what is wrong, all at once", () => {
    expect(problems({ endpoint: "gateway:4318", logs_endpoint: "x", encoding: "xml", timout: "1s" })).toEqual([
      'logs_endpoint: expected a URL such as "http://gateway:4318/v1/traces", got "x"',
      'encoding: expected one of proto, json, got "xml"',
      'timout: unknown key "timout"; did you mean "timeout"?',
    ]);
    expect(problems({ endpoint: "gateway:4318" })).toEqual([
      'endpoint: expected a URL such as "http://gateway:4318", got "gateway:4318"',
    ]);
  });
});
