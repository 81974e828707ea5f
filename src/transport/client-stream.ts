import type { MessageBuffer } from "#wire";
import type { Clock, Timer } from "#telemetry";
import { type CallOutcome, resultOf, statusBlock, withoutStatus } from "./call-outcome.ts";
import type { ClientSession } from "./client-session.ts";
import { MAX_REPLY_BYTES } from "./grpc-wire.ts";
import {
  type HeaderField,
  type OutgoingHead,
  type Stream,
  type StreamEnd,
  type StreamReceiver,
} from "./http2/index.ts";
import { MessageSplitter } from "./message-splitter.ts";
import { GrpcStatus, type StreamOptions } from "./types.ts";

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
  return new Promise((resolve) => new ClientStream(session, message, options, clock, resolve).send(head, bytes));
}

class ClientStream implements StreamReceiver {
  readonly #session: ClientSession;
  readonly #message: MessageBuffer;
  readonly #options: StreamOptions;
  readonly #clock: Clock;
  readonly #resolve: (outcome: CallOutcome) => void;
  readonly #splitter: MessageSplitter;
  readonly #aborted = (): void => this.#cancel(GrpcStatus.CANCELLED, "canceled by the caller");
  #stream: Stream | undefined;
  #timer: Timer | undefined;
  #headers: readonly HeaderField[] | undefined;
  #trailers: readonly HeaderField[] | undefined;
  #heardMs: number;
  #settled = false;

  constructor(
    session: ClientSession,
    message: MessageBuffer,
    options: StreamOptions,
    clock: Clock,
    resolve: (outcome: CallOutcome) => void,
  ) {
    this.#session = session;
    this.#message = message;
    this.#options = options;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#heardMs = clock.monotonicMs();
    this.#splitter = new MessageSplitter(options.maxMessageBytes ?? MAX_REPLY_BYTES, (piece) => this.#take(piece));
  }

  send(head: OutgoingHead, bytes: Uint8Array): void {
    this.#stream = this.#session.request(head, bytes, this);
    if (!this.#stream) {
      this.#message.release();
      this.#settle("not processed");
      return;
    }
    const { signal, maxSilenceMs } = this.#options;
    signal?.addEventListener("abort", this.#aborted, { once: true });
    if (signal?.aborted) this.#aborted();
    else if (maxSilenceMs !== undefined) this.#listen(maxSilenceMs, maxSilenceMs);
  }

  onHeaders(fields: readonly HeaderField[]): void {
    if (this.#headers === undefined) this.#headers = fields;
    else this.#trailers = fields;
  }

  onData(chunk: Uint8Array, start: number, end: number): void {
    if (this.#settled) return;
    this.#heardMs = this.#clock.monotonicMs();
    const problem = this.#splitter.push(chunk, start, end);
    if (problem === "too large") {
      this.#cancel(GrpcStatus.RESOURCE_EXHAUSTED, "a message of the stream is larger than is taken");
    } else if (problem !== undefined) {
      this.#cancel(GrpcStatus.INTERNAL, `a message of the stream can't be read: ${problem}`);
    }
  }

  onEnd(): void {
    this.#finish();
  }

  onClosed(how: StreamEnd, code: number): void {
    if (!this.#finish()) this.#settle(withoutStatus(how, code, this.#headers, this.#session.failure));
  }

  onReleased(): void {
    this.#message.release();
  }

  #take(message: Uint8Array): void {
    // Those that came in one piece with the one that ended the stream.
    if (this.#settled) return;
    try {
      this.#options.onMessage(message);
    } catch (error) {
      this.#cancel(GrpcStatus.INTERNAL, "a message of the stream was refused", error as Error);
    }
  }

  /** Whether the stream has its status. */
  #finish(): boolean {
    const block = statusBlock(this.#headers, this.#trailers);
    if (block === undefined) return false;
    const result = resultOf(block);
    const isCut = result.grpcStatus === GrpcStatus.OK && this.#splitter.isWithin;
    this.#settle(isCut ? { grpcStatus: GrpcStatus.INTERNAL, message: "the stream ended within a message" } : result);
    return true;
  }

  /** One timer that looks at the time, instead of one a message. */
  #listen(delayMs: number, maxSilenceMs: number): void {
    this.#timer = this.#clock.timer(delayMs, () => {
      const silentMs = this.#clock.monotonicMs() - this.#heardMs;
      if (silentMs < maxSilenceMs) return this.#listen(maxSilenceMs - silentMs, maxSilenceMs);
      this.#cancel(GrpcStatus.UNAVAILABLE, `nothing came for ${maxSilenceMs / 1000} s`);
    });
  }

  #cancel(grpcStatus: GrpcStatus, message: string, cause?: Error): void {
    if (this.#settled) return;
    this.#settle({ grpcStatus, message, ...(cause && { cause }) });
    this.#session.cancel(this.#stream!);
  }

  #settle(outcome: CallOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    this.#options.signal?.removeEventListener("abort", this.#aborted);
    this.#resolve(outcome);
  }
}
