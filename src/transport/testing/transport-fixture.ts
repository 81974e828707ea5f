/** What the tests of this module share: a context that can be looked into, and senders that we did not write. */
import { execFile } from "node:child_process";
import * as http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { type Clock, type Logger, MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { BufferPool } from "#wire";
import type { TransportContext } from "../settings.ts";
import type { Server } from "../types.ts";

/** A context with its own pool and metrics. */
export interface TestContext extends TransportContext {
  readonly metrics: MetricRegistry;
  /** Lines logged as errors. */
  readonly errors: string[];
  refused(reason: string): number;
}

export function testContext(clock: Clock = systemClock): TestContext {
  const metrics = new MetricRegistry();
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (message) => void errors.push(message) };
  return {
    telemetry: { clock, metrics, logger },
    buffers: new BufferPool(),
    metrics,
    errors,
    refused(reason) {
      const value = (transport: string) =>
        metrics.value("podflame_server_refused_requests", { transport, reason }) ?? 0;
      return value("grpc") + value("http");
    },
  };
}

/** Lets I/O go on until `holds` doesn't throw any more; after 20 seconds its error is the test's. */
export async function eventually(holds: () => void): Promise<void> {
  const giveUpMs = performance.now() + 20_000;
  for (;;) {
    try {
      return holds();
    } catch (error) {
      if (performance.now() > giveUpMs) throw error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until every buffer is back, and fails if one stays out. */
export async function nothingLeased(context: TransportContext): Promise<void> {
  await eventually(() => {
    const { leased } = context.buffers.stats;
    if (leased !== 0) throw new Error(`${leased} buffers are still leased`);
  });
}

export async function closed(server: Server): Promise<void> {
  await server.close(AbortSignal.timeout(20_000));
}

/** What a gRPC call came to. */
export interface GrpcAnswer {
  readonly code: number;
  readonly details: string;
  readonly metadata: Record<string, grpc.MetadataValue>;
  readonly body: Buffer | undefined;
}

/** Calls with grpc-js; `algorithm` 0 none, 1 deflate, 2 gzip. */
export async function callWithGrpcJs(
  address: string,
  path: string,
  body: Uint8Array,
  options: { algorithm?: number; deadlineMs?: number } = {},
): Promise<GrpcAnswer> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.default_compression_algorithm": options.algorithm ?? 0,
  });
  try {
    return await new Promise((resolve) => {
      const identity = (bytes: Buffer): Buffer => bytes;
      const deadline = Date.now() + (options.deadlineMs ?? 5000);
      client.makeUnaryRequest(
        path,
        identity,
        identity,
        Buffer.from(body),
        new grpc.Metadata(),
        { deadline },
        (error, reply) => {
          if (error)
            resolve({ code: error.code, details: error.details, metadata: error.metadata.getMap(), body: undefined });
          else resolve({ code: 0, details: "", metadata: {}, body: reply });
        },
      );
    });
  } finally {
    client.close();
  }
}

/** A connection whose frames the test shapes itself. */
export class RawConnection {
  readonly session: http2.ClientHttp2Session;
  readonly goaways: number[] = [];

  constructor(address: string, options: http2.ClientSessionOptions = {}) {
    this.session = http2.connect(`http://${address}`, options);
    this.session.on("error", () => undefined);
    this.session.on("goaway", (code: number) => this.goaways.push(code));
  }

  /** Opens a call; the caller writes and ends it. */
  open(path: string, headers: http2.OutgoingHttpHeaders = {}): RawCall {
    return new RawCall(
      this.session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        ...headers,
      }),
    );
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.session.destroyed) return resolve();
      this.session.once("close", resolve);
      this.session.destroy();
    });
  }
}

/** One call of a `RawConnection`. */
export class RawCall {
  readonly stream: http2.ClientHttp2Stream;
  /** Resolves when the stream is closed. Header blocks joined; `body` without its prefix. */
  readonly answer: Promise<{ headers: Record<string, unknown>; body: Buffer; rstCode: number }>;

  constructor(stream: http2.ClientHttp2Stream) {
    this.stream = stream;
    const headers: Record<string, unknown> = {};
    const pieces: Buffer[] = [];
    stream.on("response", (block) => Object.assign(headers, block));
    stream.on("trailers", (block: http2.IncomingHttpHeaders) => Object.assign(headers, block));
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", () => undefined);
    this.answer = new Promise((resolve) => {
      stream.on("close", () =>
        resolve({ headers, body: Buffer.concat(pieces).subarray(5), rstCode: stream.rstCode ?? 0 }),
      );
    });
  }
}

/** A message behind its gRPC prefix. */
export function framed(message: Uint8Array, flag = 0, announced = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(announced, 1);
  return Buffer.concat([prefix, message]);
}

/** Runs curl and gives what it printed, headers included. */
export function curl(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("curl", ["-sS", "-i", "--max-time", "5", ...args], (error, output, complaint) => {
      if (error && output === "") reject(new Error(complaint || error.message));
      else resolve(output);
    });
  });
}
