import * as net from "node:net";
import * as zlib from "node:zlib";
import snappy from "snappyjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import { ManualClock } from "#telemetry";
import { createHttpServer } from "./http-server.ts";
import type { HttpServerSettings } from "./settings.ts";
import { encodeFramed, loadBlockEncoder } from "./snappy.ts";
import { closed, curl, eventually, nothingLeased, testContext, type TestContext } from "./testing/transport-fixture.ts";
import type { HttpHandler, HttpReply, Server } from "./types.ts";

const length: HttpHandler = (request) =>
  Promise.resolve({ status: 200, contentType: "text/plain", body: String(request.message.bytes.length) });

const withCurl = test.skipIf(!hasProgram("curl", "--version"));

let context: TestContext;
let server: Server | undefined;

beforeEach(() => {
  context = testContext();
});

afterEach(async () => {
  if (server) await closed(server);
  server = undefined;
  await nothingLeased(context);
  expect(context.errors).toEqual([]);
});

async function serve(
  settings: Partial<HttpServerSettings> = {},
  handler: HttpHandler = length,
  given = context,
): Promise<string> {
  context = given;
  server = createHttpServer({ endpoint: "127.0.0.1:0", ...settings }, new Map([["/v1/x", handler]]), given);
  await server.listen();
  return `http://${server.address}/v1/x`;
}

async function post(url: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<[number, string]> {
  const response = await fetch(url, { method: "POST", body: new Uint8Array(body), headers });
  return [response.status, await response.text()];
}

describe("bodies", () => {
  test.each([0, 1, 100_000, 3_000_000])("of %i bytes are taken, with and without Content-Length", async (size) => {
    const url = await serve();
    expect(await post(url, Buffer.alloc(size))).toEqual([200, String(size)]);
    const chunked = new ReadableStream({
      start(controller) {
        for (let at = 0; at < size; at += 10_000) controller.enqueue(new Uint8Array(Math.min(10_000, size - at)));
        controller.close();
      },
    });
    const response = await fetch(url, { method: "POST", body: chunked, duplex: "half" } as RequestInit);
    expect(await response.text()).toBe(String(size));
  });

  test("are inflated, whatever the encoding is called", async () => {
    const url = await serve();
    const body = Buffer.alloc(200_000, "compressible ");
    const encoder = await loadBlockEncoder();
    const encoded: [string, Uint8Array][] = [
      ["identity", body],
      ["gzip", zlib.gzipSync(body)],
      ["GZIP", zlib.gzipSync(body)],
      ["deflate", zlib.deflateSync(body)],
      ["zlib", zlib.deflateSync(body)],
      ["zstd", zlib.zstdCompressSync(body)],
      ["snappy", snappy.compress(new Uint8Array(body))],
      ["snappy", encodeFramed(body, encoder)],
      ["x-snappy-framed", encodeFramed(body, encoder)],
    ];
    for (const [encoding, bytes] of encoded) {
      expect(await post(url, bytes, { "content-encoding": encoding }), encoding).toEqual([200, "200000"]);
    }
  });

  withCurl("larger than the limit are answered with 413, announced or not, inflated or not", async () => {
    const url = await serve({ maxBodyBytes: 100_000 });
    expect((await post(url, Buffer.alloc(100_001)))[0]).toBe(413);
    expect((await post(url, zlib.gzipSync(Buffer.alloc(10 << 20)), { "content-encoding": "gzip" }))[0]).toBe(413);
    const output = await curl("-H", "transfer-encoding: chunked", "--data-binary", "x".repeat(110_000), url);
    expect(output).toContain("HTTP/1.1 413");
    expect(context.refused("too_large")).toBe(3);
    expect(await post(url, Buffer.alloc(100_000))).toEqual([200, "100000"]);
  });

  test("that aren't what their encoding says are answered with 400", async () => {
    const url = await serve();
    for (const encoding of ["gzip", "deflate", "zstd", "snappy"]) {
      expect((await post(url, Buffer.from("rubbish"), { "content-encoding": encoding }))[0], encoding).toBe(400);
    }
    expect(context.refused("corrupt_compression")).toBe(4);
  });

  test("in an encoding that is unknown or switched off are answered with 400", async () => {
    const url = await serve({ compressionAlgorithms: ["gzip"] });
    expect(await post(url, Buffer.from("x"), { "content-encoding": "br" })).toEqual([
      400,
      "Content-Encoding br is not supported\n",
    ]);
    expect((await post(url, zlib.zstdCompressSync(Buffer.from("x")), { "content-encoding": "zstd" }))[0]).toBe(400);
    expect((await post(url, zlib.gzipSync(Buffer.from("x")), { "content-encoding": "gzip" }))[0]).toBe(200);
  });
});

describe("answers", () => {
  test("other paths are 404, other methods 405", async () => {
    const url = await serve();
    expect((await fetch(url.replace("/v1/x", "/v1/y"), { method: "POST" })).status).toBe(404);
    const got = await fetch(url);
    expect(got.status).toBe(405);
    expect(got.headers.get("allow")).toBe("POST");
    expect((await fetch(`${url}?query`, { method: "POST" })).status).toBe(200);
  });

  test("Retry-After is whole seconds, rounded up", async () => {
    const url = await serve({}, () => Promise.resolve({ status: 429, retryAfterMs: 1200 }));
    const response = await fetch(url, { method: "POST", body: "x" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
  });

  test("configured headers are on every reply", async () => {
    const url = await serve({ responseHeaders: { "x-served-by": { reveal: () => "podflame" } } });
    expect((await fetch(url)).headers.get("x-served-by")).toBe("podflame");
  });

  test("a handler that rejects is logged and counted, and the client may try again", async () => {
    const url = await serve({}, () => Promise.reject(new Error("bug")));
    const response = await fetch(url, { method: "POST", body: "x" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(context.errors.splice(0)).toEqual(["HTTP handler failed"]);
  });

  test("a handler that takes too long is answered for", async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<HttpReply>();
    const url = await serve({ writeTimeoutMs: 1000 }, () => gate.promise, testContext(clock));
    const answer = post(url, Buffer.from("x"));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await clock.advance(1500);
    expect((await answer)[0]).toBe(503);
    gate.resolve({ status: 200 });
  });

  withCurl("a body that curl asks about first is not sent when it would be refused", async () => {
    const url = await serve({ maxBodyBytes: 100_000 });
    const output = await curl("-H", "expect: 100-continue", "--data-binary", "x".repeat(120_000), url);
    expect(output).not.toContain("100 Continue");
    expect(output).toContain("HTTP/1.1 413");
    const fine = await curl("-H", "expect: 100-continue", "--data-binary", "x".repeat(90_000), url);
    expect(fine).toContain("100 Continue");
    expect(fine.trim().endsWith("90000")).toBe(true);
  });

  test("keep-alive may be switched off", async () => {
    const url = await serve({ keepAlivesEnabled: false });
    expect((await fetch(url, { method: "POST", body: "x" })).headers.get("connection")).toBe("close");
  });
});

describe("clients that misbehave", () => {
  /** Writes to a bare socket and gives what came back when it is closed. */
  async function raw(url: string, text: string): Promise<string> {
    const { port } = new URL(url);
    const socket = net.connect(Number(port), "127.0.0.1");
    let output = "";
    socket.on("data", (piece: Buffer) => (output += piece.toString("latin1")));
    socket.on("error", () => undefined);
    socket.write(text);
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return output;
  }

  test("a body that doesn't go on ends with 408", async () => {
    const url = await serve({ readTimeoutMs: 50 });
    const output = await raw(url, "POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc");
    expect(output).toContain("408 Request Timeout");
    expect(context.refused("slow")).toBe(1);
  });

  test("headers that don't go on end with 408", async () => {
    const url = await serve({ readTimeoutMs: 60, readHeaderTimeoutMs: 50 });
    expect(await raw(url, "POST /v1/x HTTP/1.1\r\nhost: a\r\nx-")).toContain("408 Request Timeout");
  });

  test("5 MiB of headers end with 431", async () => {
    const url = await serve();
    const output = await raw(url, `POST /v1/x HTTP/1.1\r\nhost: a\r\nx-large: ${"x".repeat(5 << 20)}\r\n\r\n`);
    expect(output === "" || output.includes("431")).toBe(true);
    expect(context.refused("header_too_large")).toBe(1);
    expect((await post(url, Buffer.from("good")))[0]).toBe(200);
  });

  test("what isn't HTTP ends with 400", async () => {
    const url = await serve();
    expect(await raw(url, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toContain("400 Bad Request");
  });

  test("a body cut off gives its buffer back", async () => {
    const url = await serve();
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc");
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    socket.destroy();
    await nothingLeased(context);
    expect(context.refused("truncated")).toBe(1);
  });

  test("a client that leaves while the handler runs: the body lives until the handler has settled", async () => {
    const gate = Promise.withResolvers<HttpReply>();
    const url = await serve({}, () => gate.promise);
    const controller = new AbortController();
    const answer = fetch(url, { method: "POST", body: "x", signal: controller.signal }).catch(() => "left");
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    controller.abort();
    expect(await answer).toBe("left");
    expect(context.buffers.stats.leased).toBe(1);
    gate.resolve({ status: 200 });
    await nothingLeased(context);
  });
});

describe("CORS", () => {
  const cors = { allowedOrigins: ["https://*.example.com"], allowedHeaders: ["X-Key"], maxAgeSeconds: 600 };
  const preflight = (origin: string, headers = ""): RequestInit => ({
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      ...(headers && { "access-control-request-headers": headers }),
    },
  });

  test("is off unless origins are given", async () => {
    const url = await serve();
    const response = await fetch(url, preflight("https://a.example.com"));
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([405, null]);
  });

  test("lets the given origins and headers in", async () => {
    const url = await serve({ cors });
    const response = await fetch(url, preflight("https://a.example.com", "content-type,x-key"));
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "https://a.example.com",
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "content-type, x-key",
      "access-control-max-age": "600",
    });
    const reply = await fetch(url, { method: "POST", body: "x", headers: { origin: "https://a.example.com" } });
    expect(reply.headers.get("access-control-allow-origin")).toBe("https://a.example.com");
  });

  test.each([
    ["another origin", "https://example.org", ""],
    ["an origin that only ends alike", "https://a.example.com.evil.org", ""],
    ["another header", "https://a.example.com", "x-other"],
  ])("doesn't let %s in", async (_what, origin, headers) => {
    const url = await serve({ cors });
    const response = await fetch(url, preflight(origin, headers));
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("closing", () => {
  test("lets requests under way finish, and takes no others", async () => {
    const gate = Promise.withResolvers<HttpReply>();
    const url = await serve({}, () => gate.promise);
    const answer = post(url, Buffer.from("x"));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    const closing = server!.close(AbortSignal.timeout(20_000));
    gate.resolve({ status: 200, body: "done" });
    expect(await answer).toEqual([200, "done"]);
    await closing;
    await expect(fetch(url, { method: "POST" })).rejects.toThrow("fetch failed");
  });

  test("cuts what is left at the deadline", async () => {
    const gate = Promise.withResolvers<HttpReply>();
    const url = await serve({}, () => gate.promise);
    const answer = post(url, Buffer.from("x")).catch(() => "cut");
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await server!.close(AbortSignal.abort());
    expect(await answer).toBe("cut");
    gate.resolve({ status: 200 });
  });
});
