import * as http2 from "node:http2";
import * as net from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../testing/transport-fixture.ts";
import { ClientConnection } from "./client-connection.ts";
import type { ConnectionSettings } from "./connection.ts";
import { encodeStateless, type OutgoingField } from "./header-encoder.ts";
import type { HeaderField } from "./header-field.ts";
import { ErrorCode, Flag, FrameType, PREFACE, Setting } from "./protocol.ts";
import type { Stream, StreamEnd, StreamReceiver } from "./stream.ts";
import { frame, RawPeer, record, REQUEST, setting, SETTINGS, uint32 } from "./testing/http2-fixture.ts";

const { DATA, HEADERS, RST_STREAM, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE } = FrameType;
const SETTINGS_FRAME = frame(FrameType.SETTINGS, 0, 0);
const HEAD: readonly OutgoingField[] = [
  ...REQUEST.slice(0, 3),
  { name: ":authority", value: "test" },
  ...REQUEST.slice(3),
];
const OK = encodeStateless([{ name: ":status", value: "200" }]);
const TRAILERS = encodeStateless([{ name: "grpc-status", value: "0" }]);
const answer = (id: number): Buffer =>
  Buffer.concat([frame(HEADERS, Flag.END_HEADERS, id, OK), frame(HEADERS, 5, id, TRAILERS)]);

/** What came of a request. */
class Reply implements StreamReceiver {
  readonly blocks: Record<string, string>[] = [];
  readonly pieces: Buffer[] = [];
  ended = 0;
  how: StreamEnd | undefined;
  code = -1;
  released = 0;
  stream: Stream | undefined;

  onHeaders(fields: readonly HeaderField[]): void {
    this.blocks.push(record(fields));
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.pieces.push(Buffer.from(chunk.subarray(start, end)));
  }

  onEnd(): void {
    this.ended++;
  }

  onClosed(how: StreamEnd, code: number): void {
    if (this.how !== undefined) throw new Error("closed twice");
    this.how = how;
    this.code = code;
  }

  onReleased(): void {
    this.released++;
  }
}

let cleanUp: (() => unknown)[];
let goaways: number[];
let replies: Reply[];

beforeEach(() => {
  cleanUp = [];
  goaways = [];
  replies = [];
});

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  for (const reply of replies) {
    expect(reply.how).toBeDefined();
    expect(reply.released).toBe(1);
  }
});

/** A client; its connection works when the promise settles, or is over. */
async function connect(port: number, settings: Partial<ConnectionSettings> = {}): Promise<ClientConnection> {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  const settled = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const events = {
    onReady: settled.resolve,
    onGoaway: (code: number) => void goaways.push(code),
    onClosed: () => {
      settled.resolve();
      closed.resolve();
    },
  };
  const client = new ClientConnection(socket, { ...SETTINGS, ...settings }, events, false);
  cleanUp.push(async () => {
    client.destroy();
    await closed.promise;
  });
  await settled.promise;
  return client;
}

function send(client: ClientConnection, body: Uint8Array = Buffer.from("x"), varying: OutgoingField[] = []): Reply {
  const reply = new Reply();
  reply.stream = client.request({ constant: HEAD, varying }, body, reply);
  if (reply.stream) replies.push(reply);
  return reply;
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** A server whose frames the test shapes; each connection is sent `greeting`. */
async function rawServer(...greeting: Uint8Array[]): Promise<{ port: number; peers: RawPeer[] }> {
  const peers: RawPeer[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket, PREFACE.length);
    peers.push(peer);
    peer.send(...greeting);
  });
  const port = await listening(server);
  cleanUp.push(() => {
    for (const { socket } of peers) socket.destroy();
  });
  return { port, peers };
}

/** nghttp2 as the server. */
async function nodeServer(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {},
): Promise<number> {
  const server = http2.createServer({ settings });
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    onStream(stream, headers);
  });
  return listening(server);
}

describe("against nghttp2", () => {
  const echo = (stream: http2.ServerHttp2Stream): void => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.pipe(stream);
  };

  test.each([1, 100, 16_384, 16_385, 3_000_000])("a body of %i bytes goes and comes back", async (size) => {
    const client = await connect(await nodeServer(echo));
    const body = Buffer.alloc(size, "podflame ");
    const reply = send(client, body);
    await eventually(() => expect(reply.how).toBe("complete"));
    expect(Buffer.concat(reply.pieces).equals(body)).toBe(true);
    expect(reply.blocks.map((block) => block["grpc-status"])).toEqual([undefined, "0"]);
    expect(reply.ended).toBe(1);
  });

  test("windows of any size, on both sides", async () => {
    const windows = fc.record({
      theirs: fc.integer({ min: 20, max: 5000 }),
      ours: fc.integer({ min: 100, max: 70_000 }),
    });
    await fc.assert(
      fc.asyncProperty(windows, fc.integer({ min: 1, max: 100 }), async ({ theirs, ours }, turns) => {
        const size = Math.min(theirs, ours) * turns;
        const port = await nodeServer(echo, { initialWindowSize: theirs, maxFrameSize: 16_384 + theirs });
        const client = await connect(port, { streamWindowBytes: ours, connectionWindowBytes: 65_535 });
        const body = Buffer.alloc(size, "window ");
        const pair = [send(client, body), send(client, body)];
        await eventually(() => expect(pair.map(({ how }) => how)).toEqual(["complete", "complete"]));
        for (const { pieces } of pair) expect(Buffer.concat(pieces).equals(body)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test("more requests than the server takes at once wait for their turn", async () => {
    const open: http2.ServerHttp2Stream[] = [];
    let most = 0;
    const port = await nodeServer(
      (stream) => {
        stream.resume();
        open.push(stream);
        most = Math.max(most, open.length);
        setImmediate(() => {
          open.splice(open.indexOf(stream), 1);
          stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
        });
      },
      { maxConcurrentStreams: 3 },
    );
    const client = await connect(port);
    const many = Array.from({ length: 50 }, () => send(client));
    await eventually(() => expect(many.every(({ how }) => how === "complete")).toBe(true));
    expect(most).toBeLessThanOrEqual(3);
  });

  test("requests that are given up while they wait are forgotten", async () => {
    const client = await connect(await nodeServer((stream) => stream.resume(), { maxConcurrentStreams: 1 }));
    const [under, ...waiting] = Array.from({ length: 20 }, () => send(client));
    await eventually(() => expect(under!.released).toBe(1));
    for (const { stream } of waiting) client.reset(stream!, ErrorCode.CANCEL);
    expect(waiting.every(({ how, released }) => how === "reset" && released === 1)).toBe(true);
    expect(client.openStreams).toBe(1);
  });

  test("a reset carries its code, in both directions", async () => {
    const codes: number[] = [];
    const port = await nodeServer((stream, headers) => {
      stream.resume();
      stream.on("close", () => codes.push(stream.rstCode!));
      if (headers["x-reset"]) stream.close(Number(headers["x-reset"]));
    });
    const client = await connect(port);
    const theirs = send(client, Buffer.from("x"), [{ name: "x-reset", value: "11" }]);
    await eventually(() => expect(theirs).toMatchObject({ how: "reset", code: 11 }));
    const ours = send(client);
    await eventually(() => expect(ours.released).toBe(1));
    client.reset(ours.stream!, ErrorCode.CANCEL);
    expect(ours).toMatchObject({ how: "reset", code: ErrorCode.CANCEL });
    await eventually(() => expect(codes).toEqual([11, ErrorCode.CANCEL]));
  });

  test("large headers are continued", async () => {
    let length = 0;
    const port = await nodeServer((stream, headers) => {
      length = String(headers["x-large"]).length;
      stream.respond({ ":status": 200 }, { endStream: true });
    });
    const client = await connect(port);
    const reply = send(client, Buffer.from("x"), [{ name: "x-large", value: "x".repeat(40_000) }]);
    await eventually(() => expect(reply.how).toBe("complete"));
    expect(length).toBe(40_000);
  });
});

describe("requests", () => {
  test("a request is one write, and a large message is not copied", async () => {
    const { port, peers } = await rawServer(
      frame(FrameType.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20)),
      frame(WINDOW_UPDATE, 0, 0, uint32(1 << 20)),
    );
    const client = await connect(port);
    const body = Buffer.alloc(100_000, "x");
    const reply = send(client, body);
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(7));
    expect(peers[0]!.of(DATA).at(-1)!.flags).toBe(Flag.END_STREAM);
    // The kernel has it all before the server said anything.
    await eventually(() => expect(reply.released).toBe(1));
    expect(reply.how).toBeUndefined();
  });

  test("a canceled request whose bytes wait for a window is released at once, and sends no more", async () => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client, Buffer.alloc(200_000));
    const received = (): number => peers[0]!.of(DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    await eventually(() => expect(received()).toBe(65_535));
    expect(reply.released).toBe(0);
    client.reset(reply.stream!, ErrorCode.CANCEL);
    await eventually(() => expect(reply.released).toBe(1));
    peers[0]!.send(frame(WINDOW_UPDATE, 0, 0, uint32(100_000)), frame(PING, 0, 0, Buffer.alloc(8)));
    await eventually(() => expect(peers[0]!.of(PING).length).toBe(1));
    expect(received()).toBe(65_535);
    expect(peers[0]!.resets).toEqual([[1, ErrorCode.CANCEL]]);
  });

  test("a canceled request isn't released while the kernel still has to take bytes of it", async () => {
    const { port, peers } = await rawServer(
      frame(FrameType.SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 30)),
      frame(WINDOW_UPDATE, 0, 0, uint32(1 << 30)),
    );
    const client = await connect(port);
    peers[0]!.socket.pause();
    const reply = send(client, Buffer.alloc(64 << 20));
    let at = -1;
    let still = 0;
    // Until the socket's buffers are full.
    await eventually(() => {
      still = reply.stream!.bodyAt === at ? still + 1 : 0;
      at = reply.stream!.bodyAt;
      expect(still).toBeGreaterThan(200);
    });
    client.reset(reply.stream!, ErrorCode.CANCEL);
    expect(reply).toMatchObject({ how: "reset", released: 0 });
    peers[0]!.socket.resume();
    await eventually(() => expect(reply.released).toBe(1));
    await eventually(() => expect(peers[0]!.resets).toEqual([[1, ErrorCode.CANCEL]]));
    expect(reply.stream!.bodyAt).toBe(at);
  });

  test("an answer before all was sent ends the sending", async () => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client, Buffer.alloc(200_000));
    await eventually(() => expect(peers[0]!.of(DATA).length).toBeGreaterThan(3));
    peers[0]!.send(frame(HEADERS, 5, 1, Buffer.concat([OK, TRAILERS])));
    await eventually(() => expect(reply).toMatchObject({ how: "complete", code: 0 }));
    await eventually(() => expect(peers[0]!.resets).toEqual([[1, ErrorCode.NO_ERROR]]));
  });

  test("1xx come before the answer", async () => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client);
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(1));
    peers[0]!.send(frame(HEADERS, 4, 1, encodeStateless([{ name: ":status", value: "103" }])), answer(1));
    await eventually(() => expect(reply.how).toBe("complete"));
    expect(reply.blocks).toEqual([{ ":status": "200" }, { "grpc-status": "0" }]);
  });

  test("a lost connection loses what is under way", async () => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const some = [send(client), send(client, Buffer.alloc(500_000))];
    await eventually(() => expect(peers[0]!.of(DATA).length).toBeGreaterThan(2));
    peers[0]!.socket.resetAndDestroy();
    await eventually(() => expect(some.map(({ how }) => how)).toEqual(["lost", "lost"]));
    expect(client.usable).toBe(false);
    expect(send(client).stream).toBeUndefined();
  });
});

describe("going away", () => {
  test("requests above the last stream are given back, the others finish", async () => {
    const { port, peers } = await rawServer(
      frame(FrameType.SETTINGS, 0, 0, setting(Setting.MAX_CONCURRENT_STREAMS, 2)),
    );
    const client = await connect(port);
    const some = [send(client), send(client), send(client)];
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(2));
    peers[0]!.send(frame(GOAWAY, 0, 0, uint32(1, 0)));
    await eventually(() => expect(some.map(({ how }) => how)).toEqual([undefined, "unprocessed", "unprocessed"]));
    expect(goaways).toEqual([0]);
    expect(send(client).stream).toBeUndefined();
    peers[0]!.send(answer(1));
    await eventually(() => expect(some[0]!.how).toBe("complete"));
    await eventually(() => expect(peers[0]!.ended).toBe(true));
  });

  test("draining lets requests finish and then ends the connection", async () => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client);
    client.drain();
    expect(client.usable).toBe(false);
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(1));
    expect(peers[0]!.ended).toBe(false);
    peers[0]!.send(answer(1));
    await eventually(() => expect(peers[0]!.ended).toBe(true));
    expect(reply.how).toBe("complete");
  });
});

describe("servers that are wrong", () => {
  test.each([
    ["another protocol", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrorCode.FRAME_SIZE_ERROR],
    ["PUSH_PROMISE", frame(PUSH_PROMISE, 4, 1, uint32(2)), ErrorCode.PROTOCOL_ERROR],
    ["HEADERS of a stream that isn't open", frame(HEADERS, 4, 99, OK), ErrorCode.PROTOCOL_ERROR],
    ["DATA of a stream that isn't open", frame(DATA, 0, 99, OK), ErrorCode.PROTOCOL_ERROR],
    ["a header block that is none", frame(HEADERS, 4, 1, Buffer.from([0x80])), ErrorCode.COMPRESSION_ERROR],
    [
      "a flood of PING",
      Buffer.concat(Array.from({ length: 20_000 }, () => frame(PING, 0, 0, Buffer.alloc(8)))),
      ErrorCode.ENHANCE_YOUR_CALM,
    ],
  ])("%s ends the connection", async (_what, bytes, code) => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client);
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(1));
    peers[0]!.send(bytes);
    await eventually(() => expect(reply.how).toBe("lost"));
    await eventually(() => expect(peers[0]!.goaways).toEqual([code]));
    expect(client.failure).toBeInstanceOf(Error);
  });

  test.each([
    ["DATA before HEADERS", frame(DATA, 0, 1, OK)],
    ["an answer without a status", frame(HEADERS, 5, 1, TRAILERS)],
    ["trailers that don't end", Buffer.concat([frame(HEADERS, 4, 1, OK), frame(HEADERS, 4, 1, TRAILERS)])],
    ["trailers with a status", Buffer.concat([frame(HEADERS, 4, 1, OK), frame(HEADERS, 5, 1, OK)])],
    ["1xx that end", frame(HEADERS, 5, 1, encodeStateless([{ name: ":status", value: "100" }]))],
  ])("%s ends the call", async (_what, bytes) => {
    const { port, peers } = await rawServer(SETTINGS_FRAME);
    const client = await connect(port);
    const reply = send(client);
    await eventually(() => expect(peers[0]!.of(DATA).length).toBe(1));
    peers[0]!.send(bytes);
    await eventually(() => expect(reply).toMatchObject({ how: "reset", code: ErrorCode.PROTOCOL_ERROR }));
    expect(client.usable).toBe(true);
  });

  test("any bytes changed in what a server sends: every call ends, and its message is released", async () => {
    const session = Buffer.concat([
      frame(FrameType.SETTINGS, 0, 0, Buffer.concat([setting(1, 100), setting(3, 2), setting(4, 100_000)])),
      frame(FrameType.SETTINGS, Flag.ACK, 0),
      frame(WINDOW_UPDATE, 0, 0, uint32(1 << 20)),
      answer(1),
      frame(PING, 0, 0, Buffer.alloc(8)),
      frame(HEADERS, 4, 3, OK),
      frame(DATA, 0, 3, Buffer.alloc(50)),
      frame(HEADERS, 5, 3, TRAILERS),
      frame(RST_STREAM, 0, 5, uint32(7)),
      frame(GOAWAY, 0, 0, uint32(7, 0)),
      answer(7),
    ]);
    const mutation = fc.record({ at: fc.integer({ min: 27, max: session.length - 1 }), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 6 }), async (mutations) => {
        const bytes = Buffer.from(session);
        for (const { at, byte } of mutations) bytes[at] = byte;
        const { port, peers } = await rawServer(bytes.subarray(0, 27));
        const client = await connect(port);
        const some = Array.from({ length: 5 }, () => send(client, Buffer.alloc(3000)));
        await eventually(() => expect(peers.length).toBe(1));
        peers[0]!.send(bytes.subarray(27));
        peers[0]!.socket.end();
        await eventually(() => expect(peers[0]!.ended).toBe(true));
        await eventually(() => expect(client.closed).toBe(true));
        for (const { stream, how, released } of some)
          if (stream) expect([how !== undefined, released]).toEqual([true, 1]);
      }),
      { numRuns: 200 },
    );
  });
});
