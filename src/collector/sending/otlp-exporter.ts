import type { Payload } from "#otlp";
import type { Client } from "#transport";
import type { MessageBuffer } from "#wire";
import type { Component, ComponentContext, Consumer } from "../component.ts";
import { errorFrom } from "../errors.ts";
import { CallHeaders } from "./call-headers.ts";
import { type DecodeResponse, outcomeOf } from "./call-outcome.ts";
import type { SendingSettings } from "./config.ts";
import type { SendOutcome } from "./outcome.ts";
import { type LayoutChoice, ProfilesLayout } from "./profiles-layout.ts";
import { Sender } from "./sender.ts";

/** What is configured of an OTLP exporter, whatever protocol it speaks. */
export interface OtlpExporterSettings {
  readonly sending: SendingSettings;
  /** How profiles are written. */
  readonly layout: LayoutChoice;
  /** Id of the extension that gives the credential. */
  readonly authenticator: string | undefined;
}

/**
 * Calls the receiving end once, with the time limit and the credential of the exporter.
 *
 * @param body stays the caller's
 * @param decode reads partial success; protobuf unless told otherwise
 */
export type OtlpCall = (path: string, body: MessageBuffer, decode?: DecodeResponse) => Promise<SendOutcome>;

/** What gRPC and HTTP do differently. */
export interface OtlpProtocol {
  /** Where profiles go, for the log. */
  readonly endpoint: string;
  /** Makes the client, when the exporter starts. The exporter closes it. */
  connect(): Client | Promise<Client>;
  /** Sends a payload as it is, by one `call` at most. */
  send(payload: Payload, call: OtlpCall): Promise<SendOutcome>;
}

/** Sends requests over OTLP: queue and retries, layouts of profiles, credentials, and the life of the client. */
export class OtlpExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #settings: OtlpExporterSettings;
  readonly #protocol: OtlpProtocol;
  readonly #sender: Sender;
  readonly #layout: ProfilesLayout;
  #client: Client | undefined;
  #headers: CallHeaders | undefined;

  constructor(context: ComponentContext, settings: OtlpExporterSettings, protocol: OtlpProtocol) {
    this.#context = context;
    this.#settings = settings;
    this.#protocol = protocol;
    this.#layout = new ProfilesLayout(context, settings.layout, protocol.endpoint);
    this.#sender = new Sender(context, settings.sending, (payload, signal) =>
      this.#layout.send(payload, (one) => this.#send(one, signal)),
    );
  }

  async start(): Promise<void> {
    this.#headers = new CallHeaders(this.#context, this.#settings.authenticator);
    this.#client = await this.#protocol.connect();
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

  #send(payload: Payload, signal: AbortSignal): Promise<SendOutcome> {
    return this.#protocol.send(payload, async (path, body, decode) => {
      let headers;
      try {
        headers = this.#headers!.of(payload);
      } catch (cause) {
        return { kind: "retryable", message: "no credential to send with", cause: errorFrom(cause) };
      }
      const options = { timeoutMs: this.#settings.sending.timeoutMs, headers, signal };
      return outcomeOf(await this.#client!.call(path, body, options), decode);
    });
  }
}
