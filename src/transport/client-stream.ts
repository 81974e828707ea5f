import type { MessageBuffer } from "#wire";
import type { Clock } from "#telemetry";
import type { CallOutcome } from "./call-outcome.ts";
import { ClientExchange, type ExchangeSettings } from "./client-exchange.ts";
import type { ClientSession } from "./client-session.ts";
import { MAX_REPLY_BYTES } from "./grpc-wire.ts";
import type { OutgoingHead } from "./http2/index.ts";
import { MessageSplitter } from "./message-splitter.ts";
import { type CallResult, GrpcStatus, type StreamOptions } from "./types.ts";

/**
 * Sends one message as one server-streaming call and resolves when that has ended; never rejects. As for `sendCall`, the
 * caller's reference to `message` is taken over.
 *
 * @param bytes the message with its gRPC prefix
 */
export function sendStream(
  session: ClientSession,
  head: OutgoingHead,
  message: MessageBuffer,
  bytes: Uint8Array,
  options: StreamOptions,
  clock: Clock,
): Promise<CallOutcome> {
  const { signal } = options;
  return new Promise((resolve) => {
    const settings = { session, message, signal, abortedMessage: "canceled by the caller", resolve };
    new ClientStream(settings, options, clock).send(head, bytes);
  });
}

class ClientStream extends ClientExchange {
  readonly #options: StreamOptions;
  readonly #clock: Clock;
  readonly #splitter: MessageSplitter;
  #heardMs: number;

  constructor(settings: ExchangeSettings, options: StreamOptions, clock: Clock) {
    super(settings);
    this.#options = options;
    this.#clock = clock;
    this.#heardMs = clock.monotonicMs();
    this.#splitter = new MessageSplitter(options.maxMessageBytes ?? MAX_REPLY_BYTES, (piece) => this.#take(piece));
  }

  protected startTimer(): void {
    const { maxSilenceMs } = this.#options;
    if (maxSilenceMs !== undefined) this.#listen(maxSilenceMs, maxSilenceMs);
  }

  onData(chunk: Uint8Array, start: number, end: number): void {
    if (this.settled) return;
    this.#heardMs = this.#clock.monotonicMs();
    const problem = this.#splitter.push(chunk, start, end);
    if (problem === "too large") {
      this.cancel(GrpcStatus.RESOURCE_EXHAUSTED, "a message of the stream is larger than is taken");
    } else if (problem !== undefined) {
      this.cancel(GrpcStatus.INTERNAL, `a message of the stream can't be read: ${problem}`);
    }
  }

  protected answered(result: CallResult): void {
    const isCut = result.grpcStatus === GrpcStatus.OK && this.#splitter.isWithin;
    this.settle(isCut ? { grpcStatus: GrpcStatus.INTERNAL, message: "the stream ended within a message" } : result);
  }

  #take(message: Uint8Array): void {
    // Those that came in one piece with the one that ended the stream.
    if (this.settled) return;
    try {
      this.#options.onMessage(message);
    } catch (error) {
      this.cancel(GrpcStatus.INTERNAL, "a message of the stream was refused", error as Error);
    }
  }

  /** One timer that looks at the time, instead of one a message. */
  #listen(delayMs: number, maxSilenceMs: number): void {
    this.timer = this.#clock.timer(delayMs, () => {
      const silentMs = this.#clock.monotonicMs() - this.#heardMs;
      if (silentMs < maxSilenceMs) return this.#listen(maxSilenceMs - silentMs, maxSilenceMs);
      this.cancel(GrpcStatus.UNAVAILABLE, `nothing came for ${maxSilenceMs / 1000} s`);
    });
  }
}
