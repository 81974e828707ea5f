import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { createHttpClient, parseRetryAfter } from "./http-client.ts";
import { createHttpServer } from "./http-server.ts";
import type { HttpClientSettings } from "./settings.ts";
import { closed, eventually, nothingLeased, testContext, type TestContext } from "./testing/transport-fixture.ts";
import type { CallOptions, CallResult, Client, HttpHandler } from "./types.ts";

let context: TestContext;
let cleanUp: (() => Promise<unknown> | void)[];

beforeEach(() => {
  context = testContext();
  cleanUp = [];
});

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  await nothingLeased(context);
});

async function serve(handler: HttpHandler): Promise<string> {
  const server = createHttpServer({ endpoint: "127.0.0.1:0" }, new Map([["/base/v1/x", handler]]), context);
  await server.listen();
  cleanUp.push(() => closed(server));
  return `http://${server.address}/base`;
}

async function plainServer(listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(settings: HttpClientSettings): Client {
  const made = createHttpClient(settings, context);
  cleanUp.push(() => made.close());
  return made;
}

async function call(
  made: Client,
  text: string,
  options: Partial<CallOptions> = {},
  path = "/v1/x",
): Promise<CallResult> {
  const message = context.buffers.copyOf(Buffer.from(text));
  try {
    return await made.call(path, message, { timeoutMs: 5000, ...options });
  } finally {
    message.release();
  }
}

describe("calls", () => {
  test.each(["none", "gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed"] as const)(
    "our server reads %s",
    async (compression) => {
      const endpoint = await serve((request) =>
        Promise.resolve({ status: 200, body: Buffer.from(request.message.bytes) }),
      );
      const text = "compressible ".repeat(30_000);
      const result = await call(client({ endpoint, compression }), text);
      expect(result).toMatchObject({ httpStatus: 200, message: "HTTP 200 OK" });
      expect(Buffer.from(result.body!).toString()).toBe(text);
    },
  );

  test("headers of the client and of the call are sent, and the path is appended or replaces", async () => {
    const seen: http.IncomingMessage[] = [];
    const endpoint = await plainServer((request, response) => {
      seen.push(request);
      response.end();
    });
    const made = client({
      endpoint: `${endpoint}/base/`,
      userAgent: "podflame/1",
      headers: { "x-a": { reveal: () => "1" } },
    });
    await call(made, "x", { headers: { "content-type": "application/x-protobuf" } });
    await call(made, "x", {}, `${endpoint}/elsewhere`);
    expect(seen[0]).toMatchObject({ method: "POST", url: "/base/v1/x" });
    expect(seen[0]!.headers).toMatchObject({
      "x-a": "1",
      "user-agent": "podflame/1",
      "content-type": "application/x-protobuf",
      "content-length": "1",
    });
    expect(seen[1]!.url).toBe("/elsewhere");
  });

  test("connections are used again, unless that is switched off", async () => {
    const sockets = new Set<object>();
    const endpoint = await plainServer((request, response) => {
      sockets.add(request.socket);
      response.end();
    });
    const kept = client({ endpoint });
    for (let i = 0; i < 3; i++) await call(kept, "x");
    expect(sockets.size).toBe(1);
    const single = client({ endpoint, disableKeepAlives: true });
    for (let i = 0; i < 3; i++) await call(single, "x");
    expect(sockets.size).toBe(4);
  });

  test("a proxy gets requests for other hosts", async () => {
    const urls: string[] = [];
    const proxyUrl = await plainServer((request, response) => {
      urls.push(request.url!);
      response.end();
    });
    const result = await call(client({ endpoint: "http://collector.invalid:4318", proxyUrl }), "x");
    expect(result.httpStatus).toBe(200);
    expect(urls).toEqual(["http://collector.invalid:4318/v1/x"]);
  });
});

describe("results", () => {
  test("a status comes with body and Retry-After", async () => {
    const endpoint = await plainServer((_request, response) => {
      response.writeHead(429, { "retry-after": "7" }).end("later");
    });
    const result = await call(client({ endpoint }), "x");
    expect(result).toMatchObject({ httpStatus: 429, retryAfterMs: 7000, message: "HTTP 429 Too Many Requests" });
    expect(Buffer.from(result.body!).toString()).toBe("later");
  });

  test("a server that isn't there", async () => {
    const endpoint = await plainServer(() => undefined);
    const { port } = new URL(endpoint);
    for (const step of cleanUp.splice(0)) await step();
    const result = await call(client({ endpoint }), "x");
    expect(result.httpStatus).toBeUndefined();
    expect(result.message).toContain(`can't send to 127.0.0.1:${port}: connect ECONNREFUSED`);
    expect(result.cause).toBeInstanceOf(Error);
  });

  test("a connection that breaks before the answer", async () => {
    const endpoint = await plainServer((request) => request.socket.destroy());
    const result = await call(client({ endpoint }), "x");
    expect(result.httpStatus).toBeUndefined();
  });

  test("no answer within the timeout, and a caller that cancels", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    let open = 0;
    const endpoint = await plainServer(() => void open++);
    const late = call(client({ endpoint }), "x", { timeoutMs: 300 });
    await eventually(() => expect(open).toBe(1));
    await clock.advance(300);
    expect(await late).toEqual({ message: "no answer within 300 ms" });
    const controller = new AbortController();
    const canceled = call(client({ endpoint }), "x", { signal: controller.signal });
    await eventually(() => expect(open).toBe(2));
    controller.abort();
    expect(await canceled).toEqual({ message: "canceled by the sender" });
  });

  test("an answer larger than anyone needs is not kept", async () => {
    const endpoint = await plainServer((_request, response) => response.end(Buffer.alloc(5 << 20)));
    const result = await call(client({ endpoint }), "x");
    expect(result.httpStatus).toBe(200);
    expect(result.body).toBeUndefined();
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  test.each([
    ["120", 120_000],
    ["0", 0],
    ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    [undefined, undefined],
  ])("%s is %s ms", (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });
});
