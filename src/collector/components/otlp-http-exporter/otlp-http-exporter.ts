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
import { type ComponentContext, type OtlpCall, OtlpExporter, type OtlpProtocol, type SendOutcome } from "#collector";
import type { MessageBuffer } from "#wire";
import type { OtlpHttpExporterConfig } from "./config.ts";

/** Posts requests as they are, profiles in the layout of `layout`, or all as OTLP/JSON, to the path of their signal. */
export function otlpHttpExporter(context: ComponentContext, config: OtlpHttpExporterConfig): OtlpExporter {
  return new OtlpExporter(context, config, new OtlpOverHttp(context, config));
}

class OtlpOverHttp implements OtlpProtocol {
  readonly endpoint: string;
  readonly #context: ComponentContext;
  readonly #config: OtlpHttpExporterConfig;
  #transcoder: Transcoder | undefined;

  constructor(context: ComponentContext, config: OtlpHttpExporterConfig) {
    this.endpoint = config.endpoints.profiles ?? config.client.endpoint;
    this.#context = context;
    this.#config = config;
  }

  async connect(): Promise<Client> {
    const { client, encoding } = this.#config;
    if (encoding === "json") this.#transcoder = await loadTranscoder();
    const contentType = encoding === "json" ? "application/json" : "application/x-protobuf";
    const headers = { ...client.headers, "content-type": { reveal: () => contentType } };
    return createHttpClient({ ...client, headers }, this.#context);
  }

  async send(payload: Payload, call: OtlpCall): Promise<SendOutcome> {
    const path = this.#pathOf(payload);
    if (path === undefined) {
      return { kind: "permanent", message: `no endpoint is configured for ${payload.signal}` };
    }
    if (!this.#transcoder) return call(path, payload.buffer);

    const body = this.#encode(payload, this.#transcoder);
    if (body instanceof ParseError) {
      return { kind: "permanent", message: `cannot be written as JSON: ${body.message}` };
    }
    try {
      return await call(path, body, (answer) => decodeJsonResponse(payload.signal, answer));
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
