import * as zlib from "node:zlib";
import snappy from "snappyjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import { ManualClock } from "#telemetry";
import { createGrpcServer } from "./grpc-server.ts";
import { decodeRetryDetails } from "./grpc-wire.ts";
import type { GrpcServerSettings } from "./settings.ts";
import { encodeFramed, loadBlockEncoder } from "./snappy.ts";
import {
  callWithGrpcJs,
  closed,
  curl,
  eventually,
  framed,
  nothingLeased,
  RawConnection,
  testContext,
} from "./testing/transport-fixture.ts";
import type { TestContext } from "./testing/transport-fixture.ts";
import { type GrpcHandler, type GrpcReply, GrpcStatus, type Server, type UnaryRequest } from "./types.ts";

const ECHO = "/test.Service/Echo";
const echo: GrpcHandler = (request) => Promise.resolve({ status: GrpcStatus.OK, body: request.message.bytes.slice() });

let context: TestContext;
let server: Server;
let connections: RawConnection[];

beforeEach(() => {
  context = testContext();
  connections = [];
});

afterEach(async () => {
  for (const connection of connections) await connection.close();
  await closed(server);
  await nothingLeased(context);
  expect(context.errors).toEqual([]);
});

async function serve(
  settings: Partial<GrpcServerSettings> = {},
  handler: GrpcHandler = echo,
  given: TestContext = context,
): Promise<string> {
  context = given;
  server = createGrpcServer({ endpoint: "127.0.0.1:0", ...settings }, new Map([[ECHO, handler]]), given);
  await server.listen();
  return server.address;
}

function connect(address: string): RawConnection {
  const connection = new RawConnection(address);
  connections.push(connection);
  return connection;
}

/** Sends bytes as one request and gives the header blocks of the answer. */
async function send(
  connection: RawConnection,
  bytes: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const call = connection.open(ECHO, headers);
  call.stream.end(bytes);
  return (await call.answer).headers;
}

describe("messages", () => {
  test.each([0, 1, 5, 16_384, 3_000_000])("a message of %i bytes comes back as it went", async (size) => {
    const message = Buffer.alloc(size, "podflame ");
    const answer = await callWithGrpcJs(await serve(), ECHO, message);
    expect(answer).toMatchObject({ code: 0, details: "" });
    expect(answer.body!.equals(message)).toBe(true);
  });

  test.each([
    ["deflate", 1],
    ["gzip", 2],
  ])("grpc-js may compress with %s", async (_name, algorithm) => {
    const message = Buffer.alloc(500_000, "compressible ");
    const answer = await callWithGrpcJs(await serve(), ECHO, message, { algorithm });
    expect(answer.code).toBe(0);
    expect(answer.body!.equals(message)).toBe(true);
  });

  test("zstd and snappy, as a block or framed, are inflated too", async () => {
    const message = Buffer.alloc(300_000, "compressible ");
    const connection = connect(await serve());
    const encoded: [string, Uint8Array][] = [
      ["zstd", zlib.zstdCompressSync(message)],
      ["snappy", snappy.compress(new Uint8Array(message))],
      ["snappy", encodeFramed(message, await loadBlockEncoder())],
      ["gzip", zlib.gzipSync(message)],
    ];
    for (const [encoding, bytes] of encoded) {
      const call = connection.open(ECHO, { "grpc-encoding": encoding });
      call.stream.end(framed(bytes, 1));
      const answer = await call.answer;
      expect(answer.headers["grpc-status"]).toBe("0");
      expect(answer.body.equals(message)).toBe(true);
    }
  });

  test("an encoding may be named and the message sent as it is", async () => {
    const headers = await send(connect(await serve()), framed(Buffer.from("x")), { "grpc-encoding": "gzip" });
    expect(headers["grpc-status"]).toBe("0");
  });

  test("the prefix may be cut anywhere", async () => {
    const connection = connect(await serve({ keepalive: { enforcementMinTimeMs: 1e-3 } }));
    const bytes = framed(Buffer.from("hello"));
    const call = connection.open(ECHO);
    for (const byte of bytes.subarray(0, -1)) {
      await new Promise<void>((resolve) => call.stream.write(Uint8Array.of(byte), () => resolve()));
      await new Promise<void>((resolve) => connection.session.ping(() => resolve()));
    }
    call.stream.end(bytes.subarray(-1));
    expect((await call.answer).body.toString()).toBe("hello");
  });

  test("the handler runs when the last byte has come, before the client ends its side", async () => {
    const call = connect(await serve()).open(ECHO);
    call.stream.write(framed(Buffer.from("early")));
    await eventually(() => expect(call.stream.readableFlowing).toBe(true));
    await new Promise((resolve) => call.stream.once("response", resolve));
    call.stream.end();
    expect((await call.answer).body.toString()).toBe("early");
  });

  test("the handler sees path, headers, peer, and one connection object per connection", async () => {
    const seen: UnaryRequest[] = [];
    const address = await serve({}, (request) => {
      seen.push(request);
      return echo(request);
    });
    const connection = connect(address);
    await send(connection, framed(Buffer.from("a")), { "user-agent": "tester/1" });
    await send(connection, framed(Buffer.from("b")));
    await send(connect(address), framed(Buffer.from("c")));
    expect(seen[0]).toMatchObject({ path: ECHO, wireBytes: 6 });
    expect(seen[0]!.header("user-agent")).toBe("tester/1");
    expect(seen[0]!.header("absent")).toBeUndefined();
    expect(seen[0]!.connection.peerAddress).toBe("127.0.0.1");
    expect(seen[1]!.connection).toBe(seen[0]!.connection);
    expect(seen[2]!.connection).not.toBe(seen[0]!.connection);
  });
});

describe("answers", () => {
  test("a status arrives with its message, whatever characters that has, and its RetryInfo", async () => {
    const reply = { status: GrpcStatus.RESOURCE_EXHAUSTED, message: "völlig 100 % voll\n", retryAfterMs: 1500 };
    const address = await serve({}, () => Promise.resolve(reply));
    const answer = await callWithGrpcJs(address, ECHO, Buffer.from("x"));
    expect(answer).toMatchObject({ code: GrpcStatus.RESOURCE_EXHAUSTED, details: reply.message });
    const details = answer.metadata["grpc-status-details-bin"] as Buffer;
    expect(decodeRetryDetails(details.toString("base64"))).toBe(1500);
  });

  test("an error is one header block", async () => {
    const address = await serve({}, () => Promise.resolve({ status: GrpcStatus.UNAVAILABLE }));
    const headers = await send(connect(address), framed(Buffer.from("x")));
    expect(headers).toMatchObject({ ":status": 200, "content-type": "application/grpc", "grpc-status": "14" });
    expect(headers["grpc-message"]).toBeUndefined();
  });

  test.each([
    ["rejects", () => Promise.reject(new Error("bug"))],
    [
      "throws",
      (): Promise<GrpcReply> => {
        throw new Error("bug");
      },
    ],
  ])("a handler that %s is logged and counted, and the client may try again", async (_how, handler) => {
    const address = await serve({}, handler);
    const answer = await callWithGrpcJs(address, ECHO, Buffer.from("x"));
    expect(answer.code).toBe(GrpcStatus.UNAVAILABLE);
    expect(answer.details).not.toContain("bug");
    expect(context.metrics.value("podflame_server_handler_failures")).toBe(1);
    expect(context.errors.splice(0)).toEqual(["gRPC handler failed"]);
  });
});

describe("requests that can't be taken", () => {
  test("an unknown method", async () => {
    const answer = await callWithGrpcJs(await serve(), "/test.Service/Other", Buffer.alloc(100_000));
    expect(answer).toMatchObject({ code: GrpcStatus.UNIMPLEMENTED, details: "unknown method /test.Service/Other" });
    expect(context.refused("path")).toBe(1);
  });

  test.each([
    ["another content type", { "content-type": "application/json" }, 415, "content_type"],
    ["no content type", { "content-type": "" }, 415, "content_type"],
    ["another method", { ":method": "PUT" }, 405, "method"],
  ])("%s is an HTTP error", async (_what, headers, status, reason) => {
    const answer = await send(connect(await serve()), framed(Buffer.from("x")), headers);
    expect(answer[":status"]).toBe(status);
    expect(context.refused(reason)).toBe(1);
  });

  test.skipIf(!hasProgram("curl", "--version"))("curl learns that this is no place for JSON", async () => {
    const url = `http://${await serve()}${ECHO}`;
    const output = await curl("--http2-prior-knowledge", "-X", "POST", "-H", "content-type: application/json", url);
    expect(output).toContain("HTTP/2 415");
  });

  test("an unknown encoding, with those that are known", async () => {
    const answer = await send(connect(await serve()), framed(Buffer.from("x"), 1), { "grpc-encoding": "br" });
    expect(answer).toMatchObject({
      "grpc-status": String(GrpcStatus.UNIMPLEMENTED),
      "grpc-accept-encoding": "identity,gzip,deflate,zstd,snappy",
    });
  });

  test.each([
    ["a length above the limit", framed(Buffer.from("x"), 0, 4_194_305), "8", "too_large"],
    ["a flag that is none", framed(Buffer.from("x"), 2), "13", "framing"],
    ["compressed without an encoding", framed(Buffer.from("x"), 1), "13", "framing"],
    ["a message cut short", framed(Buffer.from("x"), 0, 10), "13", "truncated"],
    ["a prefix cut short", Buffer.from([0, 0]), "13", "truncated"],
    ["no message", Buffer.alloc(0), "12", "framing"],
    ["a second message", Buffer.concat([framed(Buffer.from("x")), framed(Buffer.from("y"))]), "12", "framing"],
  ])("%s", async (_what, bytes, status, reason) => {
    const connection = connect(await serve());
    expect((await send(connection, bytes))["grpc-status"]).toBe(status);
    expect(context.refused(reason)).toBe(1);
    // Neighbors on the same connection are unharmed.
    expect((await send(connection, framed(Buffer.from("good"))))["grpc-status"]).toBe("0");
  });

  test("an announced length above the limit takes no buffer", async () => {
    await send(connect(await serve()), framed(Buffer.from("x"), 0, 0xffffffff));
    expect(context.buffers.stats).toEqual({ idleBytes: 0, leased: 0 });
  });

  test.each(["gzip", "deflate", "zstd", "snappy"])("a %s bomb ends at the limit", async (encoding) => {
    const zeros = new Uint8Array(20 << 20);
    const bomb = {
      gzip: () => zlib.gzipSync(zeros),
      deflate: () => zlib.deflateSync(zeros),
      zstd: () => zlib.zstdCompressSync(zeros),
      snappy: () => snappy.compress(zeros),
    }[encoding]!();
    const answer = await send(connect(await serve()), framed(bomb, 1), { "grpc-encoding": encoding });
    expect(answer["grpc-status"]).toBe(String(GrpcStatus.RESOURCE_EXHAUSTED));
    expect(context.refused("too_large")).toBe(1);
    expect(context.buffers.stats.idleBytes).toBeLessThan(5 << 20);
  });

  test.each(["gzip", "deflate", "zstd", "snappy"])("what isn't %s although it says so", async (encoding) => {
    const answer = await send(connect(await serve()), framed(Buffer.from("rubbish"), 1), { "grpc-encoding": encoding });
    expect(answer["grpc-status"]).toBe(String(GrpcStatus.INTERNAL));
    expect(context.refused("corrupt_compression")).toBe(1);
  });

  test("a malformed grpc-timeout", async () => {
    const answer = await send(connect(await serve()), framed(Buffer.from("x")), { "grpc-timeout": "soon" });
    expect(answer["grpc-status"]).toBe(String(GrpcStatus.INTERNAL));
  });

  test("more bytes under way than there is room for", async () => {
    const connection = connect(await serve({ maxMessageBytes: 100_000 }));
    const calls = Array.from({ length: 65 }, () => {
      const call = connection.open(ECHO);
      call.stream.write(framed(Buffer.alloc(99_999), 0, 100_000));
      return call;
    });
    const { headers } = await Promise.race(calls.map((call) => call.answer));
    expect(headers["grpc-status"]).toBe(String(GrpcStatus.RESOURCE_EXHAUSTED));
    expect(decodeRetryDetails(String(headers["grpc-status-details-bin"]))).toBe(1000);
    for (const call of calls) call.stream.close();
    await nothingLeased(context);
    expect((await send(connection, framed(Buffer.from("x"))))["grpc-status"]).toBe("0");
  });
});

describe("clients that misbehave", () => {
  test("5 MiB of headers end the call or the connection, not the server", async () => {
    const address = await serve();
    const bad = new RawConnection(address, { maxSendHeaderBlockLength: 16 << 20, settings: {} });
    connections.push(bad);
    const call = bad.open(ECHO, { "x-large": "x".repeat(5 << 20) });
    call.stream.end(framed(Buffer.from("x")));
    const answer = await call.answer;
    expect(answer.headers["grpc-status"]).toBeUndefined();
    expect((await callWithGrpcJs(address, ECHO, Buffer.from("good"))).code).toBe(0);
  });

  test("a body that doesn't go on is given up after the message timeout", async () => {
    const clock = new ManualClock();
    const connection = connect(await serve({ messageTimeoutMs: 50 }, echo, testContext(clock)));
    const call = connection.open(ECHO);
    call.stream.write(framed(Buffer.from("x"), 0, 1000));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await clock.advance(100);
    expect((await call.answer).headers["grpc-status"]).toBe(String(GrpcStatus.DEADLINE_EXCEEDED));
    expect(context.refused("slow")).toBe(1);
  });

  test("announcing a lot and sending nothing keeps nobody out", async () => {
    const address = await serve();
    const connection = connect(address);
    const calls = Array.from({ length: 200 }, () => {
      const call = connection.open(ECHO);
      call.stream.write(framed(Buffer.from("x"), 0, 4 << 20));
      return call;
    });
    await eventually(() => expect(context.buffers.stats.leased).toBe(200));
    expect((await callWithGrpcJs(address, ECHO, Buffer.alloc(1 << 20))).code).toBe(0);
    for (const call of calls) call.stream.close();
  });

  test("a reset in the middle of the body gives the buffer back", async () => {
    const call = connect(await serve()).open(ECHO);
    call.stream.write(framed(Buffer.from("x"), 0, 1000));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    call.stream.close(8);
    await nothingLeased(context);
  });

  test("a lost connection gives the buffers back", async () => {
    const connection = connect(await serve());
    for (let i = 0; i < 10; i++) connection.open(ECHO).stream.write(framed(Buffer.from("x"), 0, 1000));
    await eventually(() => expect(context.buffers.stats.leased).toBe(10));
    connection.session.socket.resetAndDestroy?.();
    connection.session.destroy();
    await nothingLeased(context);
  });

  test("1000 resets, some with a message and some without, leave nothing behind", async () => {
    const connection = connect(await serve());
    for (let i = 0; i < 1000; i++) {
      const { stream } = connection.open(ECHO);
      if (i % 3 === 0) stream.end(framed(Buffer.from("whole")));
      else if (i % 3 === 1) stream.write(framed(Buffer.from("part"), 0, 1000));
      stream.close(8);
    }
    await nothingLeased(context);
    const fresh = connect(server.address);
    expect((await send(fresh, framed(Buffer.from("good"))))["grpc-status"]).toBe("0");
  });

  test("a reset while the handler runs: the message lives until the handler has settled", async () => {
    const gate = Promise.withResolvers<void>();
    let message = "";
    const address = await serve({}, async (request) => {
      await gate.promise;
      message = Buffer.from(request.message.bytes).toString();
      return { status: GrpcStatus.OK };
    });
    const call = connect(address).open(ECHO);
    call.stream.end(framed(Buffer.from("precious")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    call.stream.close(8);
    await call.answer;
    expect(context.buffers.stats.leased).toBe(1);
    gate.resolve();
    await nothingLeased(context);
    expect(message).toBe("precious");
  });

  test("a reset while the message is inflated gives both buffers back", async () => {
    const connection = connect(await serve());
    const call = connection.open(ECHO, { "grpc-encoding": "gzip" });
    const noise = Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(Math.random() * 256)));
    call.stream.end(framed(zlib.gzipSync(noise), 1));
    await eventually(() => expect(context.buffers.stats.leased).toBeGreaterThan(0));
    call.stream.close(8);
    await nothingLeased(context);
  });

  test("what comes behind the message is an error", async () => {
    const gate = Promise.withResolvers<GrpcReply>();
    const call = connect(await serve({}, () => gate.promise)).open(ECHO);
    call.stream.write(framed(Buffer.from("one")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    call.stream.write(framed(Buffer.from("two")));
    expect((await call.answer).headers["grpc-status"]).toBe(String(GrpcStatus.UNIMPLEMENTED));
    gate.resolve({ status: GrpcStatus.OK });
  });

  test("a client that has grpc-timeout isn't kept waiting longer", async () => {
    const clock = new ManualClock();
    const gate = Promise.withResolvers<GrpcReply>();
    const connection = connect(await serve({}, () => gate.promise, testContext(clock)));
    const call = connection.open(ECHO, { "grpc-timeout": "200m" });
    call.stream.end(framed(Buffer.from("x")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await clock.advance(1000);
    expect((await call.answer).headers["grpc-status"]).toBe(String(GrpcStatus.DEADLINE_EXCEEDED));
    gate.resolve({ status: GrpcStatus.OK });
  });
});

describe("closing", () => {
  test("lets calls under way finish, and takes no others", async () => {
    const gate = Promise.withResolvers<GrpcReply>();
    const address = await serve({}, () => gate.promise);
    const connection = connect(address);
    const call = connection.open(ECHO);
    call.stream.end(framed(Buffer.from("x")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    const closing = server.close(AbortSignal.timeout(20_000));
    await eventually(() => expect(connection.goaways.length).toBeGreaterThan(0));
    gate.resolve({ status: GrpcStatus.OK });
    expect((await call.answer).headers["grpc-status"]).toBe("0");
    await closing;
    expect((await callWithGrpcJs(address, ECHO, Buffer.from("x"))).code).toBe(GrpcStatus.UNAVAILABLE);
  });

  test("cuts what is left at the deadline", async () => {
    const gate = Promise.withResolvers<GrpcReply>();
    const call = connect(await serve({}, () => gate.promise)).open(ECHO);
    call.stream.end(framed(Buffer.from("x")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await server.close(AbortSignal.abort());
    expect((await call.answer).headers["grpc-status"]).toBeUndefined();
    gate.resolve({ status: GrpcStatus.OK });
  });

  test("may come before listening, and twice", async () => {
    server = createGrpcServer({ endpoint: "127.0.0.1:0" }, new Map(), context);
    await closed(server);
    await closed(server);
    await expect(server.listen()).rejects.toThrow("closed before it listened");
  });

  test("an address in use is said so", async () => {
    const address = await serve();
    const second = createGrpcServer({ endpoint: address }, new Map(), context);
    await expect(second.listen()).rejects.toThrow(`can't listen on ${address}: the address is in use`);
  });
});

describe("connections", () => {
  async function manual(
    settings: Partial<GrpcServerSettings>,
  ): Promise<{ clock: ManualClock; connection: RawConnection }> {
    const clock = new ManualClock();
    const connection = connect(await serve(settings, echo, testContext(clock)));
    await send(connection, framed(Buffer.from("x")));
    return { clock, connection };
  }

  test("are asked to go when they are old", async () => {
    const { clock, connection } = await manual({ keepalive: { maxConnectionAgeMs: 10_000 } });
    await clock.advance(8_900);
    expect(connection.goaways).toEqual([]);
    await clock.advance(3_000);
    await eventually(() => expect(connection.session.destroyed).toBe(true));
    expect(connection.goaways[0]).toBe(0);
  });

  test("are cut when the grace period is over", async () => {
    const gate = Promise.withResolvers<GrpcReply>();
    const clock = new ManualClock();
    const keepalive = { maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 5_000 };
    const connection = connect(await serve({ keepalive }, () => gate.promise, testContext(clock)));
    const call = connection.open(ECHO);
    call.stream.end(framed(Buffer.from("x")));
    await eventually(() => expect(context.buffers.stats.leased).toBe(1));
    await clock.advance(11_000);
    expect(connection.session.destroyed).toBe(false);
    await clock.advance(5_000);
    await call.answer;
    gate.resolve({ status: GrpcStatus.OK });
  });

  test("are asked to go when they are idle", async () => {
    const { clock, connection } = await manual({ keepalive: { maxConnectionIdleMs: 10_000 } });
    await clock.advance(9_000);
    await send(connection, framed(Buffer.from("x")));
    await clock.advance(9_000);
    expect(connection.session.destroyed).toBe(false);
    await clock.advance(2_000);
    await eventually(() => expect(connection.session.destroyed).toBe(true));
  });

  test("that ping too often are sent away", async () => {
    const { connection } = await manual({});
    for (let i = 0; i < 6; i++) connection.session.ping(() => undefined);
    await eventually(() => expect(connection.goaways).toContain(11));
  });

  test("that stay silent are pinged, and kept if they answer", async () => {
    const { clock, connection } = await manual({ keepalive: { timeMs: 1_000, timeoutMs: 500 } });
    let pings = 0;
    connection.session.on("ping", () => pings++);
    await clock.advance(2_000);
    await eventually(() => expect(pings).toBeGreaterThan(0));
    expect(connection.session.destroyed).toBe(false);
  });

  test("take no more calls at once than they may", async () => {
    const { connection } = await manual({ maxConcurrentStreams: 7 });
    expect(connection.session.remoteSettings.maxConcurrentStreams).toBe(7);
    expect(connection.session.remoteSettings.initialWindowSize).toBe(4 << 20);
  });
});
