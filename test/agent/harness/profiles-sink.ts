/**
 * Takes profiles over OTLP/gRPC and keeps them as they came over the wire, so that their size there is known as well.
 * Knows just enough of gRPC: one message a call, gzip or nothing, always success.
 */
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { readSamples, type Sample } from "./samples.ts";

/** Compressed flag and length of a message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

/** An export request. */
export interface ReceivedProfiles {
  /** `performance.now()` of its arrival. */
  readonly atMs: number;
  /** Body of the call: prefix and message, compressed if it came so. */
  readonly wireBytes: number;
  /** The message, decompressed. */
  readonly message: Uint8Array;
  /** Taken apart when asked for, once. */
  samples(): readonly Sample[];
}

export class ProfilesSink {
  readonly requests: ReceivedProfiles[] = [];
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor() {
    this.#server = createServer();
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream: ServerHttp2Stream) => this.#take(stream));
  }

  static async start(): Promise<ProfilesSink> {
    const sink = new ProfilesSink();
    sink.#server.listen(0, "127.0.0.1");
    await once(sink.#server, "listening");
    return sink;
  }

  /** For `endpoint` of `otlp_grpc`. */
  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All samples so far. */
  samples(): Sample[] {
    return this.requests.flatMap((request) => request.samples());
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #take(stream: ServerHttp2Stream): void {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    // A sender that ends in the middle of a call is none of ours.
    stream.on("error", () => {});
    stream.on("end", () => {
      const body = Buffer.concat(chunks);
      this.requests.push(received(body));
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(PREFIX_BYTES));
    });
  }
}

function received(body: Buffer): ReceivedProfiles {
  const sent = body.subarray(PREFIX_BYTES);
  const message = body[0] === 1 ? gunzipSync(sent) : sent;
  let samples: readonly Sample[] | undefined;
  return {
    atMs: performance.now(),
    wireBytes: body.length,
    message,
    samples: () => (samples ??= readSamples(message)),
  };
}
