import * as http2 from "node:http2";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import type { Address } from "./client-session.ts";
import { createGrpcClient, type GrpcClientSeams } from "./grpc-client.ts";
import { createGrpcServer } from "./grpc-server.ts";
import type { GrpcClientSettings } from "./settings.ts";
import { closed, eventually, nothingLeased, testContext, type TestContext } from "./testing/transport-fixture.ts";
import { type CallOptions, type CallResult, type Client, type GrpcHandler, GrpcStatus, type Server } from "./types.ts";

const ECHO = "/test.Service/Echo";
const echo: GrpcHandler = (request) => Promise.resolve({ status: GrpcStatus.OK, body: request.message.bytes.slice() });

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

async function serve(handler: GrpcHandler = echo, endpoint = "127.0.0.1:0"): Promise<Server> {
  const server = createGrpcServer({ endpoint }, new Map([[ECHO, handler]]), context);
  await server.listen();
  cleanUp.push(() => closed(server));
  return server;
}

function client(settings: Partial<GrpcClientSettings> & { endpoint: string }, seams: GrpcClientSeams = {}): Client {
  const made = createGrpcClient(settings, context, seams);
  cleanUp.push(() => made.close());
  return made;
}

/** Calls with a pooled message, so that a reference that is lost shows. */
async function call(made: Client, text: string | Uint8Array, options: Partial<CallOptions> = {}): Promise<CallResult> {
  const message = context.buffers.copyOf(typeof text === "string" ? Buffer.from(text) : text);
  try {
    return await made.call(ECHO, message, { timeoutMs: 5000, ...options });
  } finally {
    message.release();
  }
}

/** A grpc-js server that echoes, for what we didn't write ourselves. */
async function grpcJs(
  answer: (body: Buffer, metadata: grpc.Metadata) => Buffer | Partial<grpc.StatusObject> = (body) => body,
): Promise<{ address: string; seen: grpc.Metadata[] }> {
  const identity = (bytes: Buffer): Buffer => bytes;
  const seen: grpc.Metadata[] = [];
  const server = new grpc.Server();
  server.register(
    ECHO,
    (handled: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
      seen.push(handled.metadata);
      const said = answer(handled.request, handled.metadata);
      if (Buffer.isBuffer(said)) reply(null, said);
      else reply(said, null);
    },
    identity,
    identity,
    "unary",
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  cleanUp.push(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, seen };
}

/** A server of which the test decides each stream. */
async function rawServer(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<{ address: string; sessions: http2.ServerHttp2Session[] }> {
  const server = http2.createServer();
  const sessions: http2.ServerHttp2Session[] = [];
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    stream.resume();
    onStream(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`, sessions };
}

describe("calls", () => {
  test.each([0, 1, 16_384, 3_000_000])("a grpc-js server gets %i bytes as they are", async (size) => {
    const message = Buffer.alloc(size, "podflame ");
    const { address } = await grpcJs();
    const result = await call(client({ endpoint: address }), message);
    expect(result).toMatchObject({ grpcStatus: GrpcStatus.OK });
    expect(Buffer.from(result.body ?? []).equals(message)).toBe(true);
  });

  test.each(["gzip", "deflate"] as const)("a grpc-js server reads %s", async (compression) => {
    const { address } = await grpcJs();
    const message = Buffer.alloc(300_000, "compressible ");
    const made = client({ endpoint: address, compression, compressionLevel: 1 });
    for (const bytes of [message, message.subarray(0, 10)]) {
      expect(Buffer.from((await call(made, bytes)).body!).equals(bytes)).toBe(true);
    }
  });

  test.each(["zstd", "snappy"] as const)("our server reads %s", async (compression) => {
    const server = await serve();
    const message = Buffer.alloc(300_000, "compressible ");
    const result = await call(client({ endpoint: server.address, compression }), message);
    expect(Buffer.from(result.body!).equals(message)).toBe(true);
  });

  test("a compressed reply is read though its stream is closed while it is inflated", async () => {
    const { address } = await rawServer((stream) => {
      const body = gzipSync("partial success");
      const prefix = Buffer.of(1, 0, 0, 0, body.length);
      stream.respond({ ":status": 200, "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      // The request has ended by then, so that the end of the answer closes the stream.
      stream.on("end", () => stream.end(Buffer.concat([prefix, body])));
    });
    const result = await call(client({ endpoint: address }), "x");
    expect(Buffer.from(result.body ?? []).toString()).toBe("partial success");
  });

  test("headers of the client and of the call are sent", async () => {
    const { address, seen } = await grpcJs();
    const made = client({ endpoint: address, userAgent: "podflame/1", headers: { "x-a": { reveal: () => "1" } } });
    await call(made, "x", { headers: { "x-b": "2" } });
    expect(seen[0]!.getMap()).toMatchObject({ "x-a": "1", "x-b": "2", "user-agent": "podflame/1" });
  });

  test("authority and timeout are told", async () => {
    let headers: http2.IncomingHttpHeaders = {};
    const { address } = await rawServer((stream, got) => {
      headers = got;
      stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
    });
    await call(client({ endpoint: address, authority: "gateway.example" }), "x", { timeoutMs: 1500 });
    expect(headers[":authority"]).toBe("gateway.example");
    expect(headers["grpc-timeout"]).toMatch(/^1[45]\d\dm$/);
  });

  test("many calls share one connection", async () => {
    let connections = 0;
    const seen = new Set<object>();
    const server = await serve((request) => {
      if (!seen.has(request.connection)) connections++;
      seen.add(request.connection);
      return echo(request);
    });
    const made = client({ endpoint: server.address });
    const results = await Promise.all(Array.from({ length: 200 }, (_, i) => call(made, `message ${i}`)));
    expect(results.map((result) => Buffer.from(result.body!).toString())).toEqual(
      results.map((_, i) => `message ${i}`),
    );
    expect(connections).toBe(1);
  });

  test("a unix socket is an endpoint too", async () => {
    const socket = path.join(os.tmpdir(), `podflame-${process.pid}-${Date.now()}.sock`);
    const server = createGrpcServer({ endpoint: socket, transport: "unix" }, new Map([[ECHO, echo]]), context);
    await server.listen();
    cleanUp.push(() => closed(server));
    expect((await call(client({ endpoint: `unix://${socket}` }), "x")).grpcStatus).toBe(GrpcStatus.OK);
  });
});

describe("results", () => {
  test("a status comes with its message and RetryInfo", async () => {
    const server = await serve(() =>
      Promise.resolve({ status: GrpcStatus.RESOURCE_EXHAUSTED, message: "voll: 100 % ü", retryAfterMs: 2500 }),
    );
    expect(await call(client({ endpoint: server.address }), "x")).toEqual({
      grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED,
      message: "voll: 100 % ü",
      retryAfterMs: 2500,
    });
  });

  test("grpc-js' statuses are read", async () => {
    const { address } = await grpcJs(() => ({ code: grpc.status.INVALID_ARGUMENT, details: "böse" }));
    expect(await call(client({ endpoint: address }), "x")).toMatchObject({ grpcStatus: 3, message: "böse" });
  });

  test("a server that isn't there", async () => {
    const server = await serve();
    const { address } = server;
    await closed(server);
    const result = await call(client({ endpoint: address }), "x");
    expect(result.grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(result.message).toContain(`can't connect to ${address}`);
    expect(result.cause).toBeInstanceOf(Error);
  });

  test("a name that isn't known", async () => {
    const result = await call(client({ endpoint: "nowhere.invalid:4317" }), "x");
    expect(result.grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(result.message).toContain("nowhere.invalid can't be resolved");
  });

  test("a server that speaks something else", async () => {
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => void server.close());
    const endpoint = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    expect((await call(client({ endpoint }), "x")).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
  });

  test("an HTTP status without a gRPC one", async () => {
    const { address } = await rawServer((stream) => stream.respond({ ":status": 503 }, { endStream: true }));
    const result = await call(client({ endpoint: address }), "x");
    expect(result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE, httpStatus: 503 });
  });

  test.each([
    [http2.constants.NGHTTP2_INTERNAL_ERROR, GrpcStatus.INTERNAL],
    [http2.constants.NGHTTP2_CANCEL, GrpcStatus.CANCELLED],
    [http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, GrpcStatus.RESOURCE_EXHAUSTED],
  ])("a reset with code %i is status %i", async (code, status) => {
    const { address } = await rawServer((stream) => stream.close(code));
    expect((await call(client({ endpoint: address }), "x")).grpcStatus).toBe(status);
  });

  test("no answer within the timeout", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    let open = false;
    const { address } = await rawServer(() => (open = true));
    const result = call(client({ endpoint: address }), "x", { timeoutMs: 300 });
    await eventually(() => expect(open).toBe(true));
    await clock.advance(300);
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.DEADLINE_EXCEEDED });
    // The server's side ends too, and the message is released once it is certainly out.
    await nothingLeased(context);
  });

  test("canceled by the caller, before and while it is under way", async () => {
    let open = false;
    const { address } = await rawServer(() => (open = true));
    const made = client({ endpoint: address });
    expect((await call(made, "x", { signal: AbortSignal.abort() })).grpcStatus).toBe(GrpcStatus.CANCELLED);
    const controller = new AbortController();
    const result = call(made, "x", { signal: controller.signal });
    await eventually(() => expect(open).toBe(true));
    controller.abort();
    expect((await result).grpcStatus).toBe(GrpcStatus.CANCELLED);
  });

  test("a large message that is canceled while it is sent is released", async () => {
    const { address, sessions } = await rawServer((stream) => stream.pause());
    const made = client({ endpoint: address });
    const controller = new AbortController();
    const result = call(made, Buffer.alloc(8 << 20), { signal: controller.signal });
    await eventually(() => expect(sessions.length).toBe(1));
    controller.abort();
    expect((await result).grpcStatus).toBe(GrpcStatus.CANCELLED);
    await nothingLeased(context);
  });
});

describe("headers", () => {
  test("a header that HTTP/2 can't carry fails its call, and doesn't show its value", async () => {
    const { address } = await grpcJs();
    const made = client({ endpoint: address });
    const result = await call(made, "x", { headers: { authorization: "secret\n" } });
    expect(result.grpcStatus).toBe(GrpcStatus.INTERNAL);
    expect(result.message).toBe("header authorization can't be sent over HTTP/2");
    expect(() => client({ endpoint: address, headers: { "x-\u00fc": { reveal: () => "1" } } })).toThrow(
      "can't be sent",
    );
  });
});

describe("connections", () => {
  test("a lost connection fails its calls as UNAVAILABLE, and the next call makes another", async () => {
    let lose = true;
    const { address } = await rawServer((stream) => {
      if (lose) stream.session!.destroy();
      else stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
    });
    const made = client({ endpoint: address });
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    lose = false;
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("a server that restarts is found again", async () => {
    const first = await serve();
    const { address } = first;
    const made = client({ endpoint: address });
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.OK);
    await closed(first);
    await serve(echo, address);
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("a server that restarts under load loses no call that it didn't begin", async () => {
    const first = await serve();
    const { address } = first;
    const made = client({ endpoint: address });
    await call(made, "warm");
    const results: CallResult[] = [];
    let going = true;
    const load = (async () => {
      while (going) {
        results.push(...(await Promise.all([call(made, "a"), call(made, "b"), call(made, "c")])));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await eventually(() => expect(results.length).toBeGreaterThan(20));
    await closed(first);
    await serve(echo, address);
    const before = results.length;
    going = false;
    await load;
    expect(results.length).toBeGreaterThanOrEqual(before);
    // Refused while nobody listened, never lost in between.
    for (const { grpcStatus, message } of results) {
      if (grpcStatus !== GrpcStatus.OK) expect(message).toContain("can't connect");
    }
  });

  test("after GOAWAY a new connection is used while the old one finishes", async () => {
    const waiting: http2.ServerHttp2Stream[] = [];
    const { address, sessions } = await rawServer((stream) => void waiting.push(stream));
    const answer = (stream: http2.ServerHttp2Stream) =>
      stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
    const made = client({ endpoint: address });
    const old = call(made, "x");
    await eventually(() => expect(waiting.length).toBe(1));
    sessions[0]!.goaway(0, 1);
    await new Promise<void>((resolve) => sessions[0]!.ping(() => resolve()));
    const young = call(made, "y");
    await eventually(() => expect(waiting.length).toBe(2));
    expect(waiting[1]!.session).not.toBe(waiting[0]!.session);
    for (const stream of waiting) answer(stream);
    expect((await old).grpcStatus).toBe(GrpcStatus.OK);
    expect((await young).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("a call that the server refused to begin is sent again", async () => {
    let refuse = true;
    const { address } = await rawServer((stream) => {
      if (refuse) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
      refuse = false;
    });
    expect((await call(client({ endpoint: address }), "x")).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("while the back-off runs calls fail at once; after it there is another attempt", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    let attempts = 0;
    const resolve = (): Promise<Address[]> => {
      attempts++;
      return Promise.resolve([{ path: "/nonexistent/socket" }]);
    };
    const made = client({ endpoint: "gateway:4317" }, { resolve, random: () => 0.5 });
    for (let i = 0; i < 5; i++) expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(attempts).toBe(1);
    await clock.advance(999);
    await call(made, "x");
    expect(attempts).toBe(1);
    await clock.advance(1);
    await call(made, "x");
    expect(attempts).toBe(2);
    await clock.advance(1599);
    await call(made, "x");
    expect(attempts).toBe(2);
    await clock.advance(1);
    await call(made, "x");
    expect(attempts).toBe(3);
  });

  test("wait_for_ready waits for a server until the call's deadline", async () => {
    const server = await serve();
    const clock = new ManualClock();
    context = testContext(clock);
    let address: Address = { path: "/nonexistent/socket" };
    const resolve = () => Promise.resolve([address]);
    const made = client({ endpoint: "gateway:4317", waitForReady: true }, { resolve, random: () => 0.5 });
    const result = call(made, "x");
    const hopeless = call(made, "x", { timeoutMs: 500 });
    await clock.advance(600);
    expect((await hopeless).grpcStatus).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    address = { host: "127.0.0.1", port: Number(server.address.split(":")[1]) };
    await clock.advance(1000);
    expect((await result).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("round_robin uses every address, pick_first one", async () => {
    const hits = [0, 0];
    const servers = await Promise.all(
      [0, 1].map((index) =>
        serve((request) => {
          hits[index]!++;
          return echo(request);
        }),
      ),
    );
    const addresses = servers.map(({ address }) => ({ host: "127.0.0.1", port: Number(address.split(":")[1]) }));
    const resolve = () => Promise.resolve(addresses);
    const spread = client({ endpoint: "gateway:4317", balancer: "round_robin" }, { resolve });
    await call(spread, "warm");
    await eventually(() => expect(hits[0]! + hits[1]!).toBe(1));
    for (let i = 0; i < 40; i++) await call(spread, "x");
    expect(Math.min(...hits)).toBeGreaterThan(10);
    hits.fill(0);
    const first = client({ endpoint: "gateway:4317" }, { resolve });
    for (let i = 0; i < 10; i++) await call(first, "x");
    expect(hits).toEqual([10, 0]);
  });

  test("pick_first goes on to the address that answers", async () => {
    const server = await serve();
    const resolve = () =>
      Promise.resolve([
        { path: "/nonexistent/socket" },
        { host: "127.0.0.1", port: Number(server.address.split(":")[1]) },
      ]);
    expect((await call(client({ endpoint: "gateway:4317" }, { resolve }), "x")).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("a name is looked up again after its server was lost", async () => {
    const [first, second] = [await serve(), await serve()];
    let current = first;
    const resolve = () => Promise.resolve([{ host: "127.0.0.1", port: Number(current.address.split(":")[1]) }]);
    const made = client({ endpoint: "gateway:4317" }, { resolve });
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.OK);
    current = second;
    await closed(first);
    expect((await call(made, "x")).grpcStatus).toBe(GrpcStatus.OK);
  });

  test("a server that says nothing while a call waits is pinged and given up", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    // Sends its SETTINGS and then nothing, not even the acknowledgment of a ping.
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const endpoint = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const made = client({ endpoint, keepalive: { timeMs: 10_000, timeoutMs: 5_000 } });
    const result = call(made, "x", { timeoutMs: 3_600_000 });
    await eventually(() => expect(clock.pending).toBe(2));
    for (let i = 0; i < 5; i++) await clock.advance(10_000);
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE });
    expect((await result).message).toContain("keepalive");
  });

  test("close fails what is under way, and what comes later", async () => {
    let open = false;
    const { address } = await rawServer(() => (open = true));
    const made = client({ endpoint: address });
    const result = call(made, "x");
    await eventually(() => expect(open).toBe(true));
    await made.close();
    expect((await result).grpcStatus).toBe(GrpcStatus.UNAVAILABLE);
    expect(await call(made, "x")).toMatchObject({
      grpcStatus: GrpcStatus.UNAVAILABLE,
      message: "the client is closed",
    });
  });

  test("an endpoint that is none is refused at once", () => {
    expect(() => createGrpcClient({ endpoint: "gateway" }, context)).toThrow("gateway: expected host:port");
  });
});
