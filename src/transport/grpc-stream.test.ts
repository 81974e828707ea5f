import * as http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "#telemetry";
import { createGrpcClient } from "./grpc-client.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { MessageSplitter } from "./message-splitter.ts";
import {
  closed,
  eventually,
  framed,
  nothingLeased,
  RawConnection,
  testContext,
  type TestContext,
} from "./testing/transport-fixture.ts";
import { type CallResult, GrpcStatus, type GrpcStreamHandler, type Server, type StreamOptions } from "./types.ts";

const COUNT = "/test.Service/Count";
const identity = (bytes: Buffer): Buffer => bytes;

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

/** Sends as many messages as the request says, each of as many bytes as it says. */
const count: GrpcStreamHandler = async (request, messages) => {
  const [number, bytes] = Buffer.from(request.message.bytes).toString().split(" ").map(Number);
  for (let at = 0; at < number!; at++) {
    if (!(await messages.send(Buffer.alloc(bytes!, at)))) break;
  }
  return { status: GrpcStatus.OK };
};

async function serve(handler: GrpcStreamHandler = count): Promise<Server> {
  const server = createGrpcServer({ endpoint: "127.0.0.1:0" }, new Map(), context, new Map([[COUNT, handler]]));
  await server.listen();
  cleanUp.push(() => closed(server));
  return server;
}

interface Streamed {
  readonly result: Promise<CallResult>;
  readonly messages: string[];
}

function follow(endpoint: string, request: string, options: Partial<StreamOptions> = {}): Streamed {
  const client = createGrpcClient({ endpoint }, context);
  cleanUp.push(() => client.close());
  const message = context.buffers.copyOf(Buffer.from(request));
  const messages: string[] = [];
  const result = client.stream(COUNT, message, {
    connectTimeoutMs: 2000,
    onMessage: (bytes) => void messages.push(Buffer.from(bytes).toString("latin1")),
    ...options,
  });
  message.release();
  return { result, messages };
}

/** A streaming server that we did not write. */
async function grpcJs(handle: (call: grpc.ServerWritableStream<Buffer, Buffer>) => void): Promise<string> {
  const server = new grpc.Server();
  server.register(COUNT, handle, identity, identity, "serverStream");
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  cleanUp.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** What a streaming client that we did not write gets. */
function followWithGrpcJs(address: string, request: string): grpc.ClientReadableStream<Buffer> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  cleanUp.push(() => client.close());
  return client.makeServerStreamRequest(COUNT, identity, identity, Buffer.from(request), new grpc.Metadata());
}

describe("the client", () => {
  test("hands over each message of grpc-js in its order, and how the stream ended", async () => {
    const address = await grpcJs((call) => {
      for (const word of call.request.toString().split(" ")) call.write(Buffer.from(word));
      call.end();
    });
    const { result, messages } = follow(address, "one two  three");
    expect(await result).toEqual({ grpcStatus: GrpcStatus.OK, message: "OK" });
    expect(messages).toEqual(["one", "two", "", "three"]);
  });

  test("takes messages that are larger than a window", async () => {
    const address = await grpcJs((call) => {
      call.write(Buffer.alloc(3 << 20, 7));
      call.end();
    });
    const { result, messages } = follow(address, "x");
    await result;
    expect(messages[0]!.length).toBe(3 << 20);
  });

  test("says with which status a stream broke off, after what came before", async () => {
    const address = await grpcJs((call) => {
      call.write(Buffer.from("one"));
      call.emit("error", { code: grpc.status.UNAVAILABLE, details: "going away" });
    });
    const { result, messages } = follow(address, "x");
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE, message: "going away" });
    expect(messages).toEqual(["one"]);
  });

  test("gives up when it is asked to", async () => {
    const cancelled = Promise.withResolvers<void>();
    const address = await grpcJs((call) => {
      call.on("cancelled", () => cancelled.resolve());
      call.write(Buffer.from("one"));
    });
    const giveUp = new AbortController();
    const { result } = follow(address, "x", { signal: giveUp.signal, onMessage: () => giveUp.abort() });
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.CANCELLED });
    await cancelled.promise;
  });

  test("ends a stream whose message nobody wants", async () => {
    const address = await grpcJs((call) => void call.write(Buffer.from("one")));
    const cause = new Error("no such event");
    const { result } = follow(address, "x", {
      onMessage() {
        throw cause;
      },
    });
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.INTERNAL, cause });
  });

  test("ends a stream with a message that is too long", async () => {
    const address = await grpcJs((call) => void call.write(Buffer.alloc(1001)));
    const { result } = follow(address, "x", { maxMessageBytes: 1000 });
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.RESOURCE_EXHAUSTED });
  });

  test("ends a stream that has been silent for too long, counted from what came last", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    const writes = Promise.withResolvers<grpc.ServerWritableStream<Buffer, Buffer>>();
    const address = await grpcJs((call) => {
      call.write(Buffer.from("one"));
      writes.resolve(call);
    });
    const { result, messages } = follow(address, "x", { maxSilenceMs: 10_000 });
    const call = await writes.promise;
    await eventually(() => expect(messages.length).toBe(1));
    await clock.advance(9000);
    call.write(Buffer.from("two"));
    await eventually(() => expect(messages.length).toBe(2));
    await clock.advance(9000);
    let isOver = false;
    void result.then(() => (isOver = true));
    await clock.advance(0);
    expect(isOver).toBe(false);
    await clock.advance(1000);
    expect(await result).toEqual({ grpcStatus: GrpcStatus.UNAVAILABLE, message: "nothing came for 10 s" });
  });

  test("says that a server doesn't know the method, and that there is none", async () => {
    const address = await grpcJs(() => undefined);
    const client = createGrpcClient({ endpoint: address }, context);
    cleanUp.push(() => client.close());
    const message = context.buffers.copyOf(Buffer.from("x"));
    const options = { connectTimeoutMs: 2000, onMessage: () => undefined };
    expect(await client.stream("/test.Service/Other", message, options)).toMatchObject({
      grpcStatus: GrpcStatus.UNIMPLEMENTED,
    });
    message.release();
    expect(await follow("127.0.0.1:1", "x").result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE });
  });

  test("takes a stream that is cut within a message for broken, whatever its status", async () => {
    const server = http2.createServer();
    cleanUp.push(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(framed(Buffer.from("cut"), 0, 10));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { result } = follow(`127.0.0.1:${port}`, "x");
    expect(await result).toEqual({ grpcStatus: GrpcStatus.INTERNAL, message: "the stream ended within a message" });
    for (const step of cleanUp.splice(1)) await step();
  });
});

describe("the server", () => {
  test.each([
    ["no message", "0 0"],
    ["small ones", "100 10"],
    ["empty ones", "3 0"],
    ["such as are pointed to", "20 5000"],
    ["such as need many windows", "3 3000000"],
  ])("streams %s to grpc-js", async (_what, request) => {
    const { address } = await serve();
    const [number, bytes] = request.split(" ").map(Number);
    const stream = followWithGrpcJs(address, request);
    const status = new Promise<grpc.StatusObject>((resolve) => void stream.on("status", resolve));
    const messages: Buffer[] = [];
    for await (const message of stream as AsyncIterable<Buffer>) messages.push(message);
    expect(messages.length).toBe(number);
    expect(messages.every((message, at) => message.equals(Buffer.alloc(bytes!, at)))).toBe(true);
    expect((await status).code).toBe(GrpcStatus.OK);
  });

  test("streams to its own client, several streams on one connection", async () => {
    const { address } = await serve();
    const client = createGrpcClient({ endpoint: address }, context);
    cleanUp.push(() => client.close());
    const received = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const message = context.buffers.copyOf(Buffer.from(`${at} ${at * 500}`));
        let bytes = 0;
        const onMessage = (piece: Uint8Array): void => void (bytes += piece.length);
        await client.stream(COUNT, message, { connectTimeoutMs: 2000, onMessage });
        message.release();
        return bytes;
      }),
    );
    expect(received).toEqual(received.map((_, at) => at * at * 500));
  });

  test("waits for a client that doesn't read, and holds one message meanwhile", async () => {
    let sent = 0;
    const over = Promise.withResolvers<boolean>();
    const { address } = await serve(async (_request, messages) => {
      while (await messages.send(Buffer.alloc(100_000))) sent++;
      over.resolve(messages.signal.aborted);
      return { status: GrpcStatus.OK };
    });
    const raw = new RawConnection(address, { settings: { initialWindowSize: 250_000 } });
    const call = raw.open(COUNT);
    call.stream.pause();
    call.stream.end(framed(Buffer.from("x")));
    await eventually(() => expect(sent).toBe(2));
    // Whatever is on its way overtakes no ping.
    await new Promise((resolve) => void raw.session.ping(resolve));
    expect(sent).toBe(2);
    await raw.close();
    expect(await over.promise).toBe(true);
  });

  test("ends a stream with the status that the handler gives, after its messages", async () => {
    const { address } = await serve(async (_request, messages) => {
      await messages.send(Buffer.from("one"));
      return { status: GrpcStatus.FAILED_PRECONDITION, message: "no ö" };
    });
    const { result, messages } = follow(address, "x");
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.FAILED_PRECONDITION, message: "no ö" });
    expect(messages).toEqual(["one"]);
  });

  test("answers a handler that fails, and goes on", async () => {
    const { address } = await serve(() => Promise.reject(new Error("bug")));
    expect(await follow(address, "x").result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE });
    expect(context.errors).toEqual(["gRPC handler failed"]);
  });

  test("asks handlers to come to an end when it closes, and closes then", async () => {
    const server = await serve(async (_request, messages) => {
      await messages.send(Buffer.from("one"));
      await new Promise((resolve) => messages.signal.addEventListener("abort", resolve));
      return { status: GrpcStatus.UNAVAILABLE, message: "going away" };
    });
    const { result, messages } = follow(server.address, "x");
    await eventually(() => expect(messages.length).toBe(1));
    await server.close(AbortSignal.timeout(20_000));
    expect(await result).toMatchObject({ grpcStatus: GrpcStatus.UNAVAILABLE, message: "going away" });
  });

  test("takes pings as long as it streams: a client has reason to send some", async () => {
    const { address } = await serve(async (_request, messages) => {
      while (await messages.send(Buffer.from("tick"))) await new Promise((resolve) => setImmediate(resolve));
      return { status: GrpcStatus.OK };
    });
    const raw = new RawConnection(address);
    cleanUp.push(() => raw.close());
    const call = raw.open(COUNT);
    call.stream.end(framed(Buffer.from("x")));
    for (let pings = 0; pings < 10; pings++) {
      await new Promise((resolve) => void call.stream.once("data", resolve));
      await new Promise((resolve) => void raw.session.ping(resolve));
    }
    expect(raw.goaways).toEqual([]);
  });

  test("ends a stream at the deadline that its client gave", async () => {
    const clock = new ManualClock();
    context = testContext(clock);
    const begun = Promise.withResolvers<void>();
    const { address } = await serve(async (_request, messages) => {
      begun.resolve();
      await new Promise((resolve) => messages.signal.addEventListener("abort", resolve));
      return { status: GrpcStatus.OK };
    });
    const raw = new RawConnection(address);
    cleanUp.push(() => raw.close());
    const call = raw.open(COUNT, { "grpc-timeout": "2S" });
    call.stream.end(framed(Buffer.from("x")));
    await begun.promise;
    await clock.advance(4000);
    const { headers } = await call.answer;
    expect(headers["grpc-status"]).toBe(String(GrpcStatus.DEADLINE_EXCEEDED));
  });
});

describe("a stream's bytes", () => {
  test("give the same messages wherever they are cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((message) => framed(message)));
        const got: Uint8Array[] = [];
        const splitter = new MessageSplitter(30, (message) => void got.push(Uint8Array.from(message)));
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const end = Math.min(bytes.length, at + 1 + cuts[cut % cuts.length]!);
          expect(splitter.push(bytes, at, end)).toBeUndefined();
          at = end;
        }
        expect(splitter.isWithin).toBe(false);
        expect(got).toEqual(sent);
      }),
    );
  });

  test.each([
    ["too large", framed(Buffer.alloc(0), 0, 31)],
    ["compressed", framed(Buffer.alloc(1), 1)],
    ["bad flag", framed(Buffer.alloc(1), 2)],
  ])("that are %s are refused, cut or not", (problem, bytes) => {
    const whole = new MessageSplitter(30, () => expect.unreachable());
    expect(whole.push(bytes, 0, bytes.length)).toBe(problem);
    const cut = new MessageSplitter(30, () => expect.unreachable());
    expect(cut.push(bytes, 0, 3) ?? cut.push(bytes, 3, bytes.length)).toBe(problem);
  });
});
