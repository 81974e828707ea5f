import { fromBinary } from "@bufbuild/protobuf";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import type { KeyValue } from "../generated/opentelemetry/proto/common/v1/common_pb.js";
import { ExportLogsServiceRequestSchema } from "../generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";

/** The attribute that numbers the resources of a test. */
export const NUMBER = "test.number";

/** Takes logs over HTTP and remembers by which pod's name each numbered resource came. */
export class NameSink implements AsyncDisposable {
  /** Names by number; undefined for a resource that came without one. */
  readonly names = new Map<number, string | undefined>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      readBody(request).then(
        (body) => {
          for (const { resource } of fromBinary(ExportLogsServiceRequestSchema, body).resourceLogs) {
            const attributes = resource?.attributes ?? [];
            this.names.set(Number(valueOf(attributes, NUMBER)), valueOf(attributes, "k8s.pod.name"));
          }
          response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
        },
        () => response.writeHead(400).end(),
      );
    });
  }

  static async start(): Promise<NameSink> {
    const sink = new NameSink();
    sink.#server.listen(0, "127.0.0.1");
    await once(sink.#server, "listening");
    return sink;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

function valueOf(attributes: readonly KeyValue[], key: string): string | undefined {
  const value = attributes.find((attribute) => attribute.key === key)?.value?.value;
  return value?.case === "stringValue" ? value.value : undefined;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
}
