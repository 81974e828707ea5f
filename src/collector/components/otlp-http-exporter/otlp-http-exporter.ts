import {
  decodeJsonResponse,
  EXPERIMENTAL_PROFILES_PATHS,
  loadTranscoder,
  ParseError,
  type Payload,
  SIGNAL_PATHS,
  type Transcoder,
} from "#otlp";
import { type Client, createHttpClient } from "#transport";
import {
  CallHeaders,
  type Component,
  type ComponentContext,
  type Consumer,
  errorFrom,
  outcomeOf,
  ProfilesLayout,
  Sender,
  type SendOutcome,
} from "#collector";
import type { MessageBuffer } from "#wire";
import type { OtlpHttpExporterConfig } from "./config.ts";

/** Posts requests as they are, profiles in the layout of `layout`, or all as OTLP/JSON, to the path of their signal. */
export class OtlpHttpExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: OtlpHttpExporterConfig;
  readonly #sender: Sender;
  readonly #layout: ProfilesLayout;
  #client: Client | undefined;
  #headers: CallHeaders | undefined;
  #transcoder: Transcoder | undefined;

  constructor(context: ComponentContext, config: OtlpHttpExporterConfig) {
    this.#context = context;
    this.#config = config;
    const endpoint = config.endpoints.profiles ?? config.client.endpoint;
    this.#layout = new ProfilesLayout(context, config.layout, endpoint);
    this.#sender = new Sender(context, config.sending, (payload, signal) =>
      this.#layout.send(payload, (one) => this.#send(one, signal)),
    );
  }

  async start(): Promise<void> {
    const { client, encoding, authenticator } = this.#config;
    if (encoding === "json") this.#transcoder = await loadTranscoder();
    this.#headers = new CallHeaders(this.#context, authenticator);
    const contentType = encoding === "json" ? "application/json" : "application/x-protobuf";
    const headers = { ...client.headers, "content-type": { reveal: () => contentType } };
    this.#client = createHttpClient({ ...client, headers }, this.#context);
    await this.#sender.start();
  }

  consume(payload: Payload): Promise<void> {
    return this.#sender.consume(payload);
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    await this.#sender.shutdown(deadline);
    this.#layout.close();
    await this.#client?.close();
    this.#client = undefined;
  }

  async #send(payload: Payload, signal: AbortSignal): Promise<SendOutcome> {
    const path = this.#pathOf(payload);
    if (path === undefined) {
      return { kind: "permanent", message: `no endpoint is configured for ${payload.signal}` };
    }
    let headers;
    try {
      headers = this.#headers!.of(payload);
    } catch (cause) {
      return { kind: "retryable", message: "no credential to send with", cause: errorFrom(cause) };
    }
    const options = { timeoutMs: this.#config.sending.timeoutMs, headers, signal };
    if (!this.#transcoder) return outcomeOf(await this.#client!.call(path, payload.buffer, options));

    const body = this.#encode(payload, this.#transcoder);
    if (body instanceof ParseError) {
      return { kind: "permanent", message: `cannot be written as JSON: ${body.message}` };
    }
    try {
      const result = await this.#client!.call(path, body, options);
      return outcomeOf(result, (answer) => decodeJsonResponse(payload.signal, answer));
    } finally {
      body.release();
    }
  }

  #encode(payload: Payload, transcoder: Transcoder): MessageBuffer | ParseError {
    const json = transcoder.protobufToJson(payload.signal, payload.bytes);
    return json instanceof ParseError ? json : this.#context.buffers.copyOf(Buffer.from(json));
  }

  /** A path behind the endpoint, or a URL. */
  #pathOf({ signal, origin }: Payload): string | undefined {
    const own = this.#config.endpoints[signal];
    if (own !== undefined) return own;
    if (this.#config.client.endpoint === "") return undefined;
    return signal === "profiles" && origin.profilesService === "v1experimental"
      ? EXPERIMENTAL_PROFILES_PATHS.http
      : SIGNAL_PATHS[signal].http;
  }
}
