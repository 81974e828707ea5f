import type { MessageBuffer } from "#wire";
import type { Timer } from "#telemetry";
import { type CallOutcome, resultOf, statusBlock, withoutStatus } from "./call-outcome.ts";
import type { ClientSession } from "./client-session.ts";
import {
  findHeader,
  type HeaderField,
  type OutgoingHead,
  type Stream,
  type StreamEnd,
  type StreamReceiver,
} from "./http2/index.ts";
import { type CallResult, GrpcStatus } from "./types.ts";

/** What is given of a call beside its message. */
export interface ExchangeSettings {
  readonly session: ClientSession;
  /** The caller's reference is taken over; released when the transport no longer reads the message. */
  readonly message: MessageBuffer;
  readonly signal: AbortSignal | undefined;
  /** What the result says of a call that `signal` ended. */
  readonly abortedMessage: string;
  /** Hears the outcome, once. */
  readonly resolve: (outcome: CallOutcome) => void;
}

/**
 * One message sent as one gRPC call, from its request to its outcome, which is settled once: by the server's status, by
 * `signal`, by the timer, or by the end of stream or connection. What becomes of the answer's messages is up to the
 * classes below.
 */
export abstract class ClientExchange implements StreamReceiver {
  readonly #settings: ExchangeSettings;
  readonly #aborted = (): void => this.cancel(GrpcStatus.CANCELLED, this.#settings.abortedMessage);
  #stream: Stream | undefined;
  #headers: readonly HeaderField[] | undefined;
  #trailers: readonly HeaderField[] | undefined;
  #answered = false;
  #settled = false;
  /** Canceled when the outcome is settled. */
  protected timer: Timer | undefined;

  constructor(settings: ExchangeSettings) {
    this.#settings = settings;
  }

  /** @param bytes the message with its gRPC prefix */
  send(head: OutgoingHead, bytes: Uint8Array): void {
    const { session, message, signal } = this.#settings;
    this.#stream = session.request(head, bytes, this);
    if (!this.#stream) {
      message.release();
      this.settle("not processed");
      return;
    }
    signal?.addEventListener("abort", this.#aborted, { once: true });
    if (signal?.aborted) this.#aborted();
    else this.startTimer();
  }

  /** Sets `timer`; called when the message is on its way. */
  protected abstract startTimer(): void;

  /** The server's status has come, and with it all of the answer. Settles the outcome, now or later. */
  protected abstract answered(result: CallResult): void;

  abstract onData(chunk: Uint8Array, start: number, end: number): void;

  onHeaders(fields: readonly HeaderField[]): void {
    if (this.#headers === undefined) this.#headers = fields;
    else this.#trailers = fields;
  }

  onEnd(): void {
    this.#answer();
  }

  onClosed(how: StreamEnd, code: number): void {
    this.#answer();
    if (!this.#answered) this.settle(withoutStatus(how, code, this.#headers, this.#settings.session.failure));
  }

  onReleased(): void {
    this.#settings.message.release();
  }

  protected get settled(): boolean {
    return this.#settled;
  }

  /** A field of the answer's head. */
  protected header(name: string): string | undefined {
    return this.#headers && findHeader(this.#headers, name);
  }

  protected cancel(grpcStatus: GrpcStatus, message: string, cause?: Error): void {
    if (this.#settled) return;
    this.settle({ grpcStatus, message, ...(cause && { cause }) });
    this.#settings.session.cancel(this.#stream!);
  }

  /** Only the first outcome counts. */
  protected settle(outcome: CallOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.timer?.cancel();
    this.#settings.signal?.removeEventListener("abort", this.#aborted);
    this.#settings.resolve(outcome);
  }

  /** Once: a stream that has ended is closed as well, while its answer may still be inflated. */
  #answer(): void {
    const block = statusBlock(this.#headers, this.#trailers);
    if (block === undefined || this.#answered) return;
    this.#answered = true;
    if (!this.#settled) this.answered(resultOf(block));
  }
}
