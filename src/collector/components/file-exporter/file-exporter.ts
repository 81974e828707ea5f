import { loadTranscoder, ParseError, type Payload, type Transcoder } from "#otlp";
import {
  type Component,
  type ComponentContext,
  type Consumer,
  errorFrom,
  SENT,
  Sender,
  type SendOutcome,
} from "#collector";
import type { FileExporterConfig } from "./config.ts";
import { RecordFile } from "./record-file.ts";

type Compress = (bytes: Uint8Array) => Promise<Uint8Array>;

/** Writes each request as one record: a line of OTLP/JSON, or protobuf behind its length. */
export class FileExporter implements Component, Consumer {
  readonly #config: FileExporterConfig;
  readonly #file: RecordFile;
  readonly #sender: Sender;
  #transcoder: Transcoder | undefined;
  #compress: Compress | undefined;

  constructor(context: ComponentContext, config: FileExporterConfig) {
    this.#config = config;
    this.#file = new RecordFile(config, context.telemetry);
    const settings = { timeoutMs: 0, queue: undefined, retry: undefined };
    this.#sender = new Sender(context, settings, (payload) => this.#write(payload));
  }

  async start(): Promise<void> {
    if (this.#config.format === "json") this.#transcoder = await loadTranscoder();
    if (this.#config.compression === "zstd") this.#compress = await loadZstd();
    await this.#file.open();
  }

  consume(payload: Payload): Promise<void> {
    return this.#sender.consume(payload);
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    await this.#sender.shutdown(deadline);
    await this.#file.close();
  }

  async #write(payload: Payload): Promise<SendOutcome> {
    const message = this.#encode(payload);
    if (message instanceof ParseError) {
      return { kind: "permanent", message: `cannot be written as JSON: ${message.message}` };
    }
    try {
      await this.#file.write(await this.#record(message));
      return SENT;
    } catch (caught) {
      const cause = errorFrom(caught);
      return { kind: "retryable", message: `cannot write to ${this.#config.path}`, cause };
    }
  }

  #encode({ signal, bytes }: Payload): Uint8Array | ParseError {
    if (!this.#transcoder) return bytes;
    const json = this.#transcoder.protobufToJson(signal, bytes);
    return json instanceof ParseError ? json : Buffer.from(json);
  }

  /** Lines for JSON; everything else stands behind its length, 4 bytes, most significant first. */
  async #record(message: Uint8Array): Promise<readonly Uint8Array[]> {
    if (this.#transcoder && !this.#compress) return [message, LINE_END];
    const content = this.#compress ? await this.#compress(message) : message;
    const prefix = Buffer.allocUnsafe(4);
    prefix.writeUInt32BE(content.length);
    return [prefix, content];
  }
}

const LINE_END = Buffer.from("\n");

async function loadZstd(): Promise<Compress> {
  const [{ zstdCompress }, { promisify }] = await Promise.all([import("node:zlib"), import("node:util")]);
  return promisify<Uint8Array, Uint8Array>(zstdCompress);
}
