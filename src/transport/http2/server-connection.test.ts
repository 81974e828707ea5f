import * as http2 from "node:http2";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { curl, eventually } from "../testing/transport-fixture.ts";
import { encodeStateless } from "./header-encoder.ts";
import {
  type Answer,
  frame,
  hello,
  RawPeer,
  RecordingServer,
  REQUEST,
  request,
  setting,
  uint32,
} from "./testing/http2-fixture.ts";
import { ErrorCode, Flag, FrameType, PREFACE, Setting } from "./protocol.ts";
import type { ServerConnectionSettings } from "./server-connection.ts";

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;
const HEAD = encodeStateless(REQUEST);

let server: RecordingServer;
let port: number;
const peers: RawPeer[] = [];

async function serve(settings: Partial<ServerConnectionSettings> = {}, answer?: Answer): Promise<void> {
  server = new RecordingServer(settings, answer);
  port = await server.listen();
}

async function connect(...bytes: Uint8Array[]): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peers.push(peer);
  peer.send(...bytes);
  return peer;
}

/** Waits for the GOAWAY of a connection error, and for the end of the connection. */
async function refusedWith(peer: RawPeer, code: number): Promise<void> {
  await eventually(() => expect(peer.goaways).toEqual([code]));
  await eventually(() => expect(peer.ended).toBe(true));
  peer.socket.end();
  await peer.closed;
  await eventually(() => expect(server.connections.every((connection) => connection.closed)).toBe(true));
  for (const { how } of server.requests) expect(how).not.toBe(undefined);
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await server.close();
});

describe("requests", () => {
  test("byte by byte, in one piece, and cut anywhere are the same", async () => {
    await serve();
    const body = Buffer.alloc(5000, "podflame ");
    const padded = Buffer.concat([Buffer.from([7]), body, Buffer.alloc(7)]);
    const half = HEAD.length >> 1;
    const session = Buffer.concat([
      hello,
      frame(SETTINGS, Flag.ACK, 0),
      frame(0xbe, 0xff, 0, Buffer.alloc(20)),
      frame(HEADERS, Flag.END_HEADERS | Flag.PRIORITY, 1, Buffer.concat([Buffer.alloc(5), HEAD])),
      frame(PRIORITY, 0, 1, Buffer.alloc(5)),
      frame(DATA, Flag.PADDED, 1, padded),
      frame(DATA, 0, 1, Buffer.alloc(0)),
      frame(DATA, Flag.END_STREAM, 1, body),
      frame(HEADERS, 0, 3, HEAD.subarray(0, half)),
      frame(CONTINUATION, 0, 3, Buffer.alloc(0)),
      frame(CONTINUATION, Flag.END_HEADERS, 3, HEAD.subarray(half)),
      frame(DATA, Flag.PADDED | Flag.END_STREAM, 3, Buffer.from([2, 0, 0])),
    ]);
    const check = async (pieces: Buffer[]): Promise<void> => {
      const peer = await connect();
      const before = server.requests.length;
      const connection = server.connections.length;
      await eventually(() => expect(server.connections.length).toBeGreaterThanOrEqual(connection));
      // Past the socket, which would put pieces together again.
      for (const piece of pieces) server.connections.at(-1)!.receive(piece, piece.length);
      await eventually(() => expect(peer.heads.length).toBe(4));
      const [first, second] = server.requests.slice(before);
      expect(first!.body.equals(Buffer.concat([body, body]))).toBe(true);
      expect(second).toMatchObject({ ended: true, how: "complete", fields: { ":path": "/test" } });
      expect(peer.goaways).toEqual([]);
      peer.socket.destroy();
      await peer.closed;
      await eventually(() => expect(server.connections.at(-1)!.closed).toBe(true));
    };
    await check([session]);
    await check(Array.from(session, (byte) => Buffer.from([byte])));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: session.length - 1 }), { maxLength: 40 }), async (cuts) => {
        const sorted = [0, ...cuts, session.length].sort((a, b) => a - b);
        await check(sorted.slice(1).map((to, at) => session.subarray(sorted[at], to)));
      }),
      { numRuns: 30 },
    );
  });

  test("curl speaks to it without negotiation", async () => {
    await serve();
    const said = await curl("--http2-prior-knowledge", "-d", "a body", `http://127.0.0.1:${port}/`);
    expect(said).toContain("HTTP/2 200");
    expect(said).toContain("a body");
  });

  test("an answer that comes before the request's end tells the client to stop", async () => {
    await serve({}, "silence");
    const peer = await connect(hello, frame(HEADERS, Flag.END_HEADERS, 1, HEAD));
    await eventually(() => expect(server.requests.length).toBe(1));
    server.connections[0]!.respond(server.requests[0]!.stream, encodeStateless([{ name: ":status", value: "400" }]));
    await eventually(() => expect(peer.resets).toEqual([[1, ErrorCode.NO_ERROR]]));
    // What was on its way is dropped without a word.
    peer.send(frame(DATA, Flag.END_STREAM, 1, Buffer.alloc(100)), request(3));
    await eventually(() => expect(server.requests.length).toBe(2));
    expect(peer.resets.length).toBe(1);
    expect(server.requests[0]!.pieces).toEqual([]);
  });

  test("replies of one turn leave together", async () => {
    await serve();
    const peer = await connect(hello);
    await eventually(() => expect(peer.of(SETTINGS).length).toBe(2));
    const write = vi.spyOn(server.connections[0]!.socket, "write");
    peer.send(...[1, 3, 5, 7].map((id) => request(id, Buffer.from("ping"))));
    await eventually(() => expect(peer.heads.length).toBe(8));
    expect(write).toHaveBeenCalledTimes(1);
  });
});

describe("flow control", () => {
  test("a reply waits for the client's windows, of the stream and of the connection", async () => {
    await serve();
    const body = Buffer.alloc(10_000, "window ");
    const peer = await connect(
      PREFACE,
      frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 10)),
      request(1, body),
    );
    const received = (): number => peer.of(DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    await eventually(() => expect(received()).toBe(10));
    peer.send(frame(WINDOW_UPDATE, 0, 1, uint32(5)));
    await eventually(() => expect(received()).toBe(15));
    // To zero and below: 15 sent, 3 allowed.
    peer.send(frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 3)));
    peer.send(frame(WINDOW_UPDATE, 0, 1, uint32(7)), frame(PING, 0, 0, Buffer.alloc(8)));
    await eventually(() => expect(peer.of(PING).length).toBe(1));
    expect(received()).toBe(15);
    peer.send(frame(WINDOW_UPDATE, 0, 1, uint32(1)));
    await eventually(() => expect(received()).toBe(16));
    peer.send(frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20)));
    await eventually(() => expect(received()).toBe(10_000));
    await eventually(() => expect(peer.heads.length).toBe(2));
    expect(Buffer.concat(peer.of(DATA).map(({ payload }) => payload)).equals(body)).toBe(true);
  });

  test("the connection's window holds for all streams together", async () => {
    await serve();
    const body = Buffer.alloc(40_000, "x");
    const upload = [1, 3].flatMap((id) => [
      frame(HEADERS, Flag.END_HEADERS, id, HEAD),
      ...[0, 1, 2, 3].map((part) =>
        frame(DATA, part === 3 ? Flag.END_STREAM : 0, id, body.subarray(part * 1e4, (part + 1) * 1e4)),
      ),
    ]);
    const peer = await connect(hello, ...upload);
    const received = (): number => peer.of(DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    await eventually(() => expect(received()).toBe(65_535));
    peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(20_000)));
    await eventually(() => expect(received()).toBe(80_000));
  });

  test("the client gets its windows back while it sends more than they hold", async () => {
    await serve({ streamWindowBytes: 30_000, connectionWindowBytes: 70_000 });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const body = Buffer.alloc(1_000_000, "upload ");
    const stream = session.request({ ":method": "POST" });
    const pieces: Buffer[] = [];
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.end(body);
    await new Promise((resolve) => stream.once("close", resolve));
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    session.destroy();
  });

  test("more than a stream's window is that stream's error", async () => {
    await serve({ streamWindowBytes: 10 }, "silence");
    const peer = await connect(hello, frame(HEADERS, Flag.END_HEADERS, 1, HEAD), frame(DATA, 0, 1, Buffer.alloc(11)));
    await eventually(() => expect(peer.resets).toEqual([[1, ErrorCode.FLOW_CONTROL_ERROR]]));
    expect(server.requests[0]).toMatchObject({ how: "reset", code: ErrorCode.FLOW_CONTROL_ERROR, pieces: [] });
  });

  test("more than the connection's window is the end of it", async () => {
    await serve({ connectionWindowBytes: 1000 }, "silence");
    const peer = await connect(hello, frame(HEADERS, Flag.END_HEADERS, 1, HEAD), frame(DATA, 0, 1, Buffer.alloc(1001)));
    await refusedWith(peer, ErrorCode.FLOW_CONTROL_ERROR);
  });

  test.each([
    ["WINDOW_UPDATE of the connection by nothing", frame(WINDOW_UPDATE, 0, 0, uint32(0)), ErrorCode.PROTOCOL_ERROR],
    [
      "a connection's window above 2^31-1",
      frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)),
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    ["an initial window above 2^31-1", frame(SETTINGS, 0, 0, setting(4, 0x80000000)), ErrorCode.FLOW_CONTROL_ERROR],
    [
      "an initial window that lifts a stream's above 2^31-1",
      Buffer.concat([
        frame(HEADERS, Flag.END_HEADERS, 1, HEAD),
        frame(WINDOW_UPDATE, 0, 1, uint32(1000)),
        frame(SETTINGS, 0, 0, setting(4, 0x7fffffff)),
      ]),
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
  ])("%s", async (_what, bytes, code) => {
    await serve({}, "silence");
    await refusedWith(await connect(hello, bytes), code);
  });

  test.each([
    ["by nothing", 0, ErrorCode.PROTOCOL_ERROR],
    ["above 2^31-1", 0x7fffffff, ErrorCode.FLOW_CONTROL_ERROR],
  ])("WINDOW_UPDATE of a stream %s", async (_what, by, code) => {
    await serve({}, "silence");
    const peer = await connect(
      hello,
      frame(HEADERS, Flag.END_HEADERS, 1, HEAD),
      frame(WINDOW_UPDATE, 0, 1, uint32(by)),
    );
    await eventually(() => expect(peer.resets).toEqual([[1, code]]));
    expect(server.requests[0]).toMatchObject({ how: "reset", code });
  });
});

describe("connection errors", () => {
  const begin = frame(HEADERS, Flag.END_HEADERS, 1, HEAD);
  test.each([
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), ErrorCode.PROTOCOL_ERROR],
    ["a preface that is cut short", PREFACE.subarray(0, 20), ErrorCode.NO_ERROR],
    ["no SETTINGS first", Buffer.concat([PREFACE, frame(PING, 0, 0, Buffer.alloc(8))]), ErrorCode.PROTOCOL_ERROR],
    ["an acknowledgment first", Buffer.concat([PREFACE, frame(SETTINGS, 1, 0)]), ErrorCode.PROTOCOL_ERROR],
    [
      "a frame larger than allowed",
      Buffer.concat([hello, begin, frame(DATA, 0, 1, Buffer.alloc(16_385))]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    [
      "a frame that says 16 MiB",
      Buffer.concat([hello, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    ["SETTINGS of a stream", Buffer.concat([hello, frame(SETTINGS, 0, 1)]), ErrorCode.PROTOCOL_ERROR],
    [
      "SETTINGS of an odd length",
      Buffer.concat([hello, frame(SETTINGS, 0, 0, Buffer.alloc(5))]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    [
      "an acknowledgment with settings",
      Buffer.concat([hello, frame(SETTINGS, 1, 0, setting(4, 1))]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    ["ENABLE_PUSH of 2", Buffer.concat([hello, frame(SETTINGS, 0, 0, setting(2, 2))]), ErrorCode.PROTOCOL_ERROR],
    ["MAX_FRAME_SIZE of 1", Buffer.concat([hello, frame(SETTINGS, 0, 0, setting(5, 1))]), ErrorCode.PROTOCOL_ERROR],
    ["PING of a stream", Buffer.concat([hello, frame(PING, 0, 1, Buffer.alloc(8))]), ErrorCode.PROTOCOL_ERROR],
    ["PING of seven bytes", Buffer.concat([hello, frame(PING, 0, 0, Buffer.alloc(7))]), ErrorCode.FRAME_SIZE_ERROR],
    ["a short GOAWAY", Buffer.concat([hello, frame(GOAWAY, 0, 0, Buffer.alloc(7))]), ErrorCode.FRAME_SIZE_ERROR],
    [
      "a short RST_STREAM",
      Buffer.concat([hello, begin, frame(RST_STREAM, 0, 1, Buffer.alloc(3))]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    [
      "RST_STREAM of an idle stream",
      Buffer.concat([hello, frame(RST_STREAM, 0, 1, uint32(8))]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      "WINDOW_UPDATE of an idle stream",
      Buffer.concat([hello, frame(WINDOW_UPDATE, 0, 5, uint32(8))]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      "a short WINDOW_UPDATE",
      Buffer.concat([hello, frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(2))]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    ["a short PRIORITY", Buffer.concat([hello, frame(PRIORITY, 0, 1, Buffer.alloc(4))]), ErrorCode.FRAME_SIZE_ERROR],
    ["PUSH_PROMISE", Buffer.concat([hello, frame(PUSH_PROMISE, 4, 1, uint32(2))]), ErrorCode.PROTOCOL_ERROR],
    ["DATA of stream 0", Buffer.concat([hello, frame(DATA, 0, 0, Buffer.alloc(1))]), ErrorCode.PROTOCOL_ERROR],
    ["DATA of an idle stream", Buffer.concat([hello, frame(DATA, 0, 1, Buffer.alloc(1))]), ErrorCode.PROTOCOL_ERROR],
    [
      "more padding than DATA",
      Buffer.concat([hello, begin, frame(DATA, Flag.PADDED, 1, Buffer.from([9, 1]))]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      "padded DATA without a pad length",
      Buffer.concat([hello, begin, frame(DATA, Flag.PADDED, 1)]),
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    [
      "more padding than HEADERS",
      Buffer.concat([hello, frame(HEADERS, Flag.PADDED | 4, 1, Buffer.from([200, 0x82]))]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    ["HEADERS of stream 0", Buffer.concat([hello, frame(HEADERS, 4, 0, HEAD)]), ErrorCode.PROTOCOL_ERROR],
    ["HEADERS of an even stream", Buffer.concat([hello, frame(HEADERS, 4, 2, HEAD)]), ErrorCode.PROTOCOL_ERROR],
    [
      "a lower stream number",
      Buffer.concat([hello, frame(HEADERS, 4, 5, HEAD), frame(HEADERS, 4, 3, HEAD)]),
      ErrorCode.STREAM_CLOSED,
    ],
    ["CONTINUATION of nothing", Buffer.concat([hello, frame(CONTINUATION, 4, 1, HEAD)]), ErrorCode.PROTOCOL_ERROR],
    [
      "a header block that is interrupted",
      Buffer.concat([hello, frame(HEADERS, 0, 1, HEAD), frame(PING, 0, 0, Buffer.alloc(8))]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      "CONTINUATION of another stream",
      Buffer.concat([hello, frame(HEADERS, 0, 1, HEAD), frame(CONTINUATION, 4, 3, HEAD)]),
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      "a header block that is none",
      Buffer.concat([hello, frame(HEADERS, 4, 1, Buffer.from([0x80]))]),
      ErrorCode.COMPRESSION_ERROR,
    ],
  ])("%s", async (_what, bytes, code) => {
    await serve({}, "silence");
    const peer = await connect(bytes);
    if (code === ErrorCode.NO_ERROR) peer.socket.end();
    await refusedWith(peer, code);
  });

  test("bytes that are cut off by FIN end the connection, and with it its calls", async () => {
    await serve({}, "silence");
    const peer = await connect(hello, begin, frame(DATA, 0, 1, Buffer.alloc(100)).subarray(0, 50));
    await eventually(() => expect(server.requests[0]?.pieces.length).toBe(1));
    peer.socket.end();
    await refusedWith(peer, ErrorCode.NO_ERROR);
    expect(server.requests[0]!.how).toBe("lost");
  });

  test("a connection that is torn down loses its calls once", async () => {
    await serve({}, "silence");
    const peer = await connect(hello, begin, frame(HEADERS, Flag.END_HEADERS, 3, HEAD));
    await eventually(() => expect(server.requests.length).toBe(2));
    peer.socket.resetAndDestroy();
    await eventually(() => expect(server.requests.map(({ how }) => how)).toEqual(["lost", "lost"]));
    expect(server.closed).toBe(1);
  });
});

describe("stream errors leave the neighbors alone", () => {
  const fields = (...more: [string, string][]) => [...REQUEST, ...more.map(([name, value]) => ({ name, value }))];
  test.each([
    ["an upper-case name", fields(["X-Upper", "1"]), ErrorCode.PROTOCOL_ERROR],
    ["a connection-specific header", fields(["connection", "close"]), ErrorCode.PROTOCOL_ERROR],
    ["te that isn't trailers", fields(["te", "gzip"]), ErrorCode.PROTOCOL_ERROR],
    ["a pseudo-header behind a header", fields([":authority", "late"]), ErrorCode.PROTOCOL_ERROR],
    ["an unknown pseudo-header", [{ name: ":new", value: "1" }, ...REQUEST], ErrorCode.PROTOCOL_ERROR],
    ["a repeated pseudo-header", [REQUEST[0]!, ...REQUEST], ErrorCode.PROTOCOL_ERROR],
    ["a status in a request", [{ name: ":status", value: "200" }, ...REQUEST], ErrorCode.PROTOCOL_ERROR],
    ["no path", REQUEST.filter(({ name }) => name !== ":path"), ErrorCode.PROTOCOL_ERROR],
    [
      "an empty path",
      REQUEST.map((one) => (one.name === ":path" ? { name: ":path", value: "" } : one)),
      ErrorCode.PROTOCOL_ERROR,
    ],
    ["a value with a line break", fields(["x", "a\nb"]), ErrorCode.PROTOCOL_ERROR],
  ])("%s", async (_what, head, code) => {
    await serve();
    const peer = await connect(hello, request(1, undefined, head), request(3, Buffer.from("good")));
    await eventually(() => expect(peer.heads.map(({ id }) => id)).toEqual([3, 3]));
    expect(peer.resets).toEqual([[1, code]]);
    expect(server.requests.length).toBe(1);
  });

  test("more streams than allowed are refused", async () => {
    await serve({ maxConcurrentStreams: 2 }, "silence");
    const peer = await connect(hello, request(1), request(3), request(5));
    await eventually(() => expect(peer.resets).toEqual([[5, ErrorCode.REFUSED_STREAM]]));
    expect(server.requests.length).toBe(2);
  });

  test("headers above the limit", async () => {
    await serve({ maxHeaderListBytes: 1000 });
    const large = request(1, undefined, fields(["x-large", "x".repeat(900)]));
    const peer = await connect(hello, large, request(3));
    await eventually(() => expect(peer.heads.length).toBe(2));
    expect(peer.resets).toEqual([[1, ErrorCode.ENHANCE_YOUR_CALM]]);
    expect(server.tooLarge).toBe(1);
  });

  test("DATA and trailers behind the end of a request", async () => {
    await serve({}, "silence");
    const peer = await connect(hello, request(1), frame(DATA, 0, 1, Buffer.alloc(5)));
    await eventually(() => expect(peer.resets).toEqual([[1, ErrorCode.STREAM_CLOSED]]));
    peer.send(request(3), frame(HEADERS, 5, 3, encodeStateless([{ name: "x", value: "y" }])));
    await eventually(() => expect(peer.resets.at(-1)).toEqual([3, ErrorCode.STREAM_CLOSED]));
  });

  test("DATA of a stream that is over", async () => {
    await serve();
    const peer = await connect(hello, request(1));
    await eventually(() => expect(peer.heads.length).toBe(2));
    peer.send(frame(DATA, 0, 1, Buffer.alloc(5)));
    await eventually(() => expect(peer.resets).toEqual([[1, ErrorCode.STREAM_CLOSED]]));
  });

  test("trailers end a request, and those that don't are an error", async () => {
    await serve();
    const trailers = encodeStateless([{ name: "x", value: "y" }]);
    const peer = await connect(
      hello,
      frame(HEADERS, Flag.END_HEADERS, 1, HEAD),
      frame(HEADERS, Flag.END_HEADERS | Flag.END_STREAM, 1, trailers),
      frame(HEADERS, Flag.END_HEADERS, 3, HEAD),
      frame(HEADERS, Flag.END_HEADERS, 3, trailers),
    );
    await eventually(() => expect(peer.heads.length).toBe(2));
    expect(peer.resets).toEqual([[3, ErrorCode.PROTOCOL_ERROR]]);
  });
});

describe("floods end the connection", () => {
  const many = (count: number, one: (at: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, at) => one(at)));

  test.each([
    ["of PING", () => many(20_000, () => frame(PING, 0, 0, Buffer.alloc(8)))],
    ["of SETTINGS", () => many(20_000, () => frame(SETTINGS, 0, 0, setting(4, 1000)))],
    ["of PRIORITY", () => many(20_000, (at) => frame(PRIORITY, 0, 2 * at + 1, Buffer.alloc(5)))],
    ["of unknown frames", () => many(20_000, () => frame(77, 0, 0))],
    ["of WINDOW_UPDATE", () => many(20_000, () => frame(WINDOW_UPDATE, 0, 0, uint32(1)))],
    ["of empty DATA", () => Buffer.concat([frame(HEADERS, 4, 1, HEAD), many(20_000, () => frame(DATA, 0, 1))])],
    [
      "of padding",
      () => Buffer.concat([frame(HEADERS, 4, 1, HEAD), many(20_000, () => frame(DATA, 8, 1, Buffer.alloc(9, 8)))]),
    ],
    [
      "of empty CONTINUATION",
      () => Buffer.concat([frame(HEADERS, 0, 1, HEAD), many(20_000, () => frame(CONTINUATION, 0, 1))]),
    ],
    [
      "of rapid resets",
      () =>
        many(10_000, (at) =>
          Buffer.concat([frame(HEADERS, 4, 2 * at + 1, HEAD), frame(RST_STREAM, 0, 2 * at + 1, uint32(8))]),
        ),
    ],
    [
      "of resets that it provokes",
      () =>
        many(10_000, (at) =>
          Buffer.concat([frame(HEADERS, 4, 2 * at + 1, HEAD), frame(WINDOW_UPDATE, 0, 2 * at + 1, uint32(0))]),
        ),
    ],
    ["of malformed requests", () => many(10_000, (at) => frame(HEADERS, 5, 2 * at + 1, Buffer.from([0x82])))],
    ["of streams beyond the limit", () => many(10_000, (at) => frame(HEADERS, 4, 2 * at + 1, HEAD))],
    [
      "of header bytes",
      () =>
        Buffer.concat([
          frame(HEADERS, 0, 1, HEAD),
          many(400, () => frame(CONTINUATION, 0, 1, Buffer.alloc(16_384, 0x41))),
        ]),
    ],
  ])("%s", async (_what, bytes) => {
    await serve({}, "silence");
    await refusedWith(await connect(hello, bytes()), ErrorCode.ENHANCE_YOUR_CALM);
  });

  test("an HPACK bomb costs its call", async () => {
    await serve();
    const seed = Buffer.concat([
      HEAD,
      Buffer.from([0x40, 4]),
      Buffer.from("bomb"),
      Buffer.from([0x7f, 0xa1, 0x1e]),
      Buffer.alloc(4000, "x"),
    ]);
    const references = Buffer.concat([HEAD, Buffer.alloc(16_000, 0xbe)]);
    const peer = await connect(hello, frame(HEADERS, 5, 1, seed), frame(HEADERS, 5, 3, references), request(5));
    await eventually(() => expect(peer.heads.filter(({ id }) => id === 5).length).toBe(2));
    expect(peer.resets).toEqual([[3, ErrorCode.ENHANCE_YOUR_CALM]]);
  });

  test.each([
    ["replies with a body wait for windows and count as open streams", "echo"],
    ["replies without one wait in memory", "refuse"],
  ] as const)("a client that doesn't read is cut: %s", async (_how, answer) => {
    await serve({}, answer);
    const peer = await connect(hello);
    await eventually(() => expect(server.connections[0]?.open).toBe(true));
    peer.socket.pause();
    let id = 1;
    await eventually(() => {
      peer.send(frame(WINDOW_UPDATE, 0, 0, uint32(200_000)));
      for (let i = 0; i < 100; i++, id += 2) peer.send(request(id, Buffer.alloc(2000, "x")));
      expect(server.connections[0]!.open).toBe(false);
    });
    const words = answer === "echo" ? "too many streams" : "doesn't read what it is sent";
    expect(server.connections[0]!.failure?.message).toContain(words);
  });

  test("a client that takes its replies may ping with each call", async () => {
    await serve();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    for (let i = 0; i < 3000; i++) {
      const stream = session.request({ ":method": "POST" });
      stream.resume().end("x");
      session.ping(() => undefined);
      await new Promise((resolve) => stream.once("close", resolve));
    }
    expect(server.connections[0]!.open).toBe(true);
    session.destroy();
  });
});

describe("going away", () => {
  test("what comes after the notice is served, what comes after the last word is not", async () => {
    await serve({}, "silence");
    const peer = await connect(hello, request(1));
    await eventually(() => expect(server.requests.length).toBe(1));
    const connection = server.connections[0]!;
    connection.drainNotice();
    await eventually(() => expect(peer.goaways).toEqual([0]));
    expect(peer.of(GOAWAY)[0]!.payload.readUInt32BE(0)).toBe(0x7fffffff);
    peer.send(request(3));
    await eventually(() => expect(server.requests.length).toBe(2));
    connection.drain();
    await eventually(() => expect(peer.goaways).toEqual([0, 0]));
    expect(peer.of(GOAWAY)[1]!.payload.readUInt32BE(0)).toBe(3);
    peer.send(request(5, Buffer.from("late")), frame(PING, 0, 0, Buffer.alloc(8)));
    await eventually(() => expect(peer.of(PING).length).toBe(1));
    expect(server.requests.length).toBe(2);
    for (const { stream } of server.requests)
      connection.respond(stream, encodeStateless([{ name: ":status", value: "200" }]));
    await eventually(() => expect(peer.ended).toBe(true));
    expect(peer.heads.length).toBe(2);
  });

  test("without calls it is over at once", async () => {
    await serve();
    const peer = await connect(hello, frame(SETTINGS, Flag.ACK, 0));
    await eventually(() => expect(server.ready).toBe(1));
    server.connections[0]!.drain();
    await eventually(() => expect(peer.ended).toBe(true));
    expect(peer.goaways).toEqual([0]);
  });
});

test("a recorded session with any bytes changed is answered or ended, and leaves nothing behind", async () => {
  await serve({ maxConcurrentStreams: 5, streamWindowBytes: 65_535 });
  const session = Buffer.concat([
    hello,
    frame(SETTINGS, 0, 0, Buffer.concat([setting(1, 1000), setting(4, 100_000), setting(5, 20_000)])),
    frame(WINDOW_UPDATE, 0, 0, uint32(1 << 20)),
    request(1, Buffer.alloc(100, "a")),
    frame(PING, 0, 0, Buffer.alloc(8)),
    frame(HEADERS, 0, 3, HEAD.subarray(0, 5)),
    frame(CONTINUATION, 4, 3, HEAD.subarray(5)),
    frame(DATA, Flag.PADDED, 3, Buffer.concat([Buffer.from([3]), Buffer.alloc(40)])),
    frame(WINDOW_UPDATE, 0, 3, uint32(1000)),
    frame(RST_STREAM, 0, 3, uint32(8)),
    request(5, Buffer.alloc(300, "b")),
    frame(GOAWAY, 0, 0, uint32(0, 0)),
    request(7),
  ]);
  const mutation = fc.record({ at: fc.nat(session.length - 1), byte: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      fc.nat(session.length),
      async (mutations, cut) => {
        const bytes = Buffer.from(session);
        for (const { at, byte } of mutations) bytes[at] = byte;
        const before = server.requests.length;
        const peer = await connect(bytes.subarray(0, cut), bytes.subarray(cut));
        peer.socket.end();
        await eventually(() => expect(peer.ended).toBe(true));
        expect(peer.goaways.length).toBe(1);
        await peer.closed;
        await eventually(() => expect(server.connections.at(-1)!.closed).toBe(true));
        for (const seen of server.requests.slice(before)) expect(seen.how).toBeDefined();
      },
    ),
    { numRuns: 300 },
  );
});
