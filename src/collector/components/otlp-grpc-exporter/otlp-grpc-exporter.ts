import { EXPERIMENTAL_PROFILES_PATHS, type Payload, SIGNAL_PATHS } from "#otlp";
import { type Client, createGrpcClient } from "#transport";
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
import type { OtlpGrpcExporterConfig } from "./config.ts";

/** Sends requests to the Export method of their signal: as they are, or profiles in the layout of `layout`. */
export class OtlpGrpcExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: OtlpGrpcExporterConfig;
  readonly #sender: Sender;
  readonly #layout: ProfilesLayout;
  #client: Client | undefined;
  #headers: CallHeaders | undefined;

  constructor(context: ComponentContext, config: OtlpGrpcExporterConfig) {
    this.#context = context;
    this.#config = config;
    this.#layout = new ProfilesLayout(context, config.layout, config.client.endpoint);
    this.#sender = new Sender(context, config.sending, (payload, signal) =>
      this.#layout.send(payload, (one) => this.#send(one, signal)),
    );
  }

  async start(): Promise<void> {
    this.#headers = new CallHeaders(this.#context, this.#config.authenticator);
    this.#client = createGrpcClient(this.#config.client, this.#context);
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
    let headers;
    try {
      headers = this.#headers!.of(payload);
    } catch (cause) {
      return { kind: "retryable", message: "no credential to send with", cause: errorFrom(cause) };
    }
    const options = { timeoutMs: this.#config.sending.timeoutMs, headers, signal };
    return outcomeOf(await this.#client!.call(methodOf(payload), payload.buffer, options));
  }
}

/** Requests of the experimental profiles service go on to it: its messages mean something else in the later one. */
function methodOf({ signal, origin }: Payload): string {
  return signal === "profiles" && origin.profilesService === "v1experimental"
    ? EXPERIMENTAL_PROFILES_PATHS.grpc
    : SIGNAL_PATHS[signal].grpc;
}
