/** What the tests of this module share: a peer that sends any bytes it likes, and servers that count what happens. */
import * as net from "node:net";
import { systemClock } from "#telemetry";
import { HeaderDecoder } from "../header-decoder.ts";
import { encodeStateless, type OutgoingField } from "../header-encoder.ts";
import type { HeaderField } from "../header-field.ts";
import { FRAME_HEADER_BYTES, Flag, FrameType, PREFACE } from "../protocol.ts";
import { ServerConnection, type ServerConnectionSettings } from "../server-connection.ts";
import type { Stream, StreamEnd, StreamReceiver } from "../stream.ts";

export const SETTINGS: ServerConnectionSettings = {
  clock: systemClock,
  streamWindowBytes: 4 << 20,
  connectionWindowBytes: 16 << 20,
  maxHeaderListBytes: 64 << 10,
  maxConcurrentStreams: 100,
};

export const REQUEST: readonly OutgoingField[] = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/test" },
  { name: "content-type", value: "application/grpc" },
];
export const OK_HEAD: Buffer = encodeStateless([{ name: ":status", value: "200" }]);
export const OK_TRAILERS: Buffer = encodeStateless([{ name: "grpc-status", value: "0" }]);

const LARGE_HEAD = encodeStateless([
  { name: ":status", value: "400" },
  { name: "x-why", value: "x".repeat(2000) },
]);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, payload]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, at * 4);
  return bytes;
}

export function setting(name: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, name]), uint32(value)]);
}

export const hello: Buffer = Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]);

export function request(id: number, body?: Uint8Array, fields: readonly OutgoingField[] = REQUEST): Buffer {
  const head = encodeStateless(fields);
  if (body === undefined) return frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, id, head);
  return Buffer.concat([
    frame(FrameType.HEADERS, Flag.END_HEADERS, id, head),
    frame(FrameType.DATA, Flag.END_STREAM, id, body),
  ]);
}

/** The whole frames at the beginning of `bytes`. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length;) {
    const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + FRAME_HEADER_BYTES, end);
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, id: bytes.readUInt32BE(at + 5), payload });
    at = end;
  }
  return frames;
}

/** A socket whose frames the test writes byte for byte. */
export class RawPeer {
  readonly socket: net.Socket;
  readonly #pieces: Buffer[] = [];
  readonly closed: Promise<void>;
  readonly #skip: number;
  #ended = false;

  /** @param skip bytes before the first frame: a client's preface */
  constructor(socket: net.Socket, skip = 0) {
    this.socket = socket;
    this.#skip = skip;
    socket.on("data", (piece: Buffer) => this.#pieces.push(piece));
    socket.on("error", () => undefined);
    socket.on("end", () => (this.#ended = true));
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = net.connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    const peer = new RawPeer(socket);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    return peer;
  }

  get frames(): Frame[] {
    return framesOf(Buffer.concat(this.#pieces).subarray(this.#skip));
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(...bytes: Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  of(type: number): Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  /** Error codes of the GOAWAYs received. */
  get goaways(): number[] {
    return this.of(FrameType.GOAWAY).map(({ payload }) => payload.readUInt32BE(4));
  }

  /** Stream and code of the resets received. */
  get resets(): [number, number][] {
    return this.of(FrameType.RST_STREAM).map(({ id, payload }) => [id, payload.readUInt32BE(0)]);
  }

  /** Header blocks received, decoded in their order. */
  get heads(): { id: number; fields: Record<string, string> }[] {
    const decoder = new HeaderDecoder(1 << 20);
    return this.of(FrameType.HEADERS).map(({ id, payload }) => {
      const fields: HeaderField[] = [];
      decoder.decode(payload, 0, payload.length, fields);
      return { id, fields: record(fields) };
    });
  }
}

export function record(fields: readonly HeaderField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

/** A request as the recording server saw it. */
export class RecordedRequest implements StreamReceiver {
  readonly stream: Stream;
  readonly fields: Record<string, string>;
  readonly pieces: Buffer[] = [];
  ended = false;
  how: StreamEnd | undefined;
  code = -1;
  released = 0;
  readonly #answer: ((request: RecordedRequest) => void) | undefined;

  constructor(stream: Stream, fields: readonly HeaderField[], answer?: (request: RecordedRequest) => void) {
    this.stream = stream;
    this.fields = record(fields);
    this.#answer = answer;
  }

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }

  onHeaders(): void {}

  onData(chunk: Buffer, start: number, end: number): void {
    if (this.how !== undefined) throw new Error("data after the end");
    this.pieces.push(Buffer.from(chunk.subarray(start, end)));
  }

  onEnd(): void {
    this.ended = true;
    this.#answer?.(this);
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

/** What a recording server does with complete requests: send them back, nothing, or refuse them in one large header. */
export type Answer = "echo" | "silence" | "refuse";

/** A server that records, and echoes what it gets once that is complete unless told otherwise. */
export class RecordingServer {
  readonly requests: RecordedRequest[] = [];
  readonly connections: ServerConnection[] = [];
  tooLarge = 0;
  ready = 0;
  pings = 0;
  closed = 0;
  readonly #server: net.Server;

  constructor(settings: Partial<ServerConnectionSettings> = {}, answer: Answer = "echo") {
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new ServerConnection(
        socket,
        { ...SETTINGS, ...settings },
        {
          onRequest: (stream, fields) => {
            const answers: Record<Answer, ((done: RecordedRequest) => void) | undefined> = {
              echo: ({ body }) =>
                connection.respond(stream, OK_HEAD, body.length > 0 ? body : Buffer.from("."), OK_TRAILERS),
              silence: undefined,
              refuse: () => connection.respond(stream, LARGE_HEAD),
            };
            const recorded = new RecordedRequest(stream, fields, answers[answer]);
            this.requests.push(recorded);
            return recorded;
          },
          onHeadersTooLarge: () => this.tooLarge++,
          onReady: () => this.ready++,
          onPing: () => this.pings++,
          onClosed: () => this.closed++,
        },
      );
      this.connections.push(connection);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
