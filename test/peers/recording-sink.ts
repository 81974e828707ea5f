import { Server, ServerCredentials, type MethodDefinition, type UntypedHandleCall } from "@grpc/grpc-js";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { until } from "./program.ts";
import { PATHS, SIGNALS, type Signal } from "./signals.ts";

/** A request that arrived. */
export interface Recorded {
  readonly signal: Signal;
  readonly protocol: "grpc" | "http";
  readonly bytes: Uint8Array;
}

/** The end of every chain: takes all signals over gRPC (grpc-js) and HTTP (protobuf), answers success, keeps the bytes. */
export class RecordingSink {
  readonly #grpc = new Server({ "grpc.max_receive_message_length": -1 });
  readonly #http: HttpServer;
  readonly #requests: Recorded[] = [];
  #grpcPort = 0;

  private constructor() {
    for (const signal of SIGNALS) {
      const handle: UntypedHandleCall = (
        call: { request: Buffer },
        answer: (error: null, reply: Buffer) => void,
      ): void => {
        this.#requests.push({ signal, protocol: "grpc", bytes: call.request });
        answer(null, Buffer.alloc(0));
      };
      this.#grpc.addService({ export: exportMethod(signal) }, { export: handle });
    }
    this.#http = createServer((request, response) => {
      readBody(request).then(
        (body) => {
          const signal = SIGNALS.find((each) => PATHS[each].http === request.url);
          if (signal === undefined || request.headers["content-type"] !== "application/x-protobuf") {
            response.writeHead(signal === undefined ? 404 : 415).end();
            return;
          }
          this.#requests.push({ signal, protocol: "http", bytes: body });
          response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
        },
        () => response.writeHead(400).end(),
      );
    });
  }

  static async start(): Promise<RecordingSink> {
    const sink = new RecordingSink();
    sink.#grpcPort = await new Promise<number>((settle, fail) => {
      sink.#grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? settle(port) : fail(error),
      );
    });
    sink.#http.listen(0, "127.0.0.1");
    await once(sink.#http, "listening");
    return sink;
  }

  get grpcEndpoint(): string {
    return `127.0.0.1:${this.#grpcPort}`;
  }

  get httpEndpoint(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Waits for the next request since the last call, and forgets it; rejects when there are several. */
  async next(): Promise<Recorded> {
    await until("a request at the sink", () => this.#requests.length > 0);
    const [request, ...more] = this.#requests.splice(0);
    if (more.length > 0) throw new Error(`${more.length + 1} requests at the sink, one expected`);
    return request!;
  }

  async close(): Promise<void> {
    this.#grpc.forceShutdown();
    this.#http.closeAllConnections();
    await new Promise((closed) => this.#http.close(closed));
  }
}

/** Export of a signal with bytes for messages. */
export function exportMethod(signal: Signal): MethodDefinition<Buffer, Buffer> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    path: `/${PATHS[signal].service}/Export`,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}
