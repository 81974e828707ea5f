import type { BufferPool, MessageBuffer } from "#wire";
import type { Timer } from "#telemetry";
import { type CallOutcome, resultOf, statusBlock, withoutStatus } from "./call-outcome.ts";
import type { ClientSession } from "./client-session.ts";
import { inflate, isInflateProblem } from "./compression.ts";
import { MAX_REPLY_BYTES } from "./grpc-wire.ts";
import {
  findHeader,
  type HeaderField,
  type OutgoingHead,
  type Stream,
  type StreamEnd,
  type StreamReceiver,
} from "./http2/index.ts";
import { MessageAssembler } from "./message-assembler.ts";
import { type CallResult, type Compression, GrpcStatus } from "./types.ts";

/** Encodings of replies that are understood; servers written in Go answer in the encoding of the request. */
export const REPLY_ENCODINGS = "identity,gzip,deflate,zstd,snappy";

/** What may end a call before its answer. */
export interface CallLimits {
  readonly timer: (expired: () => void) => Timer;
  readonly signal: AbortSignal | undefined;
}

/**
 * Sends one message as one call and resolves with its outcome; never rejects. Takes over the caller's reference to
 * `message`, and releases it when the transport no longer reads its bytes, which may be after the result.
 *
 * @param bytes the message with its gRPC prefix
 */
export function sendCall(
  session: ClientSession,
  head: OutgoingHead,
  message: MessageBuffer,
  bytes: Uint8Array,
  limits: CallLimits,
  buffers: BufferPool,
): Promise<CallOutcome> {
  return new Promise((resolve) => new ClientCall(session, message, limits, buffers, resolve).send(head, bytes));
}

class ClientCall implements StreamReceiver {
  readonly #session: ClientSession;
  readonly #message: MessageBuffer;
  readonly #buffers: BufferPool;
  readonly #resolve: (outcome: CallOutcome) => void;
  readonly #limits: CallLimits;
  readonly #aborted = (): void => this.#cancel(GrpcStatus.CANCELLED, "canceled by the sender");
  #stream: Stream | undefined;
  #timer: Timer | undefined;
  #reply: MessageAssembler | undefined;
  #replyProblem = false;
  #headers: readonly HeaderField[] | undefined;
  #trailers: readonly HeaderField[] | undefined;
  #settled = false;

  constructor(
    session: ClientSession,
    message: MessageBuffer,
    limits: CallLimits,
    buffers: BufferPool,
    resolve: (outcome: CallOutcome) => void,
  ) {
    this.#session = session;
    this.#message = message;
    this.#limits = limits;
    this.#buffers = buffers;
    this.#resolve = resolve;
  }

  send(head: OutgoingHead, bytes: Uint8Array): void {
    this.#stream = this.#session.request(head, bytes, this);
    if (!this.#stream) {
      this.#message.release();
      this.#settle("not processed");
      return;
    }
    const { timer, signal } = this.#limits;
    this.#timer = timer(() => this.#cancel(GrpcStatus.DEADLINE_EXCEEDED, "no answer within the timeout"));
    signal?.addEventListener("abort", this.#aborted, { once: true });
    if (signal?.aborted) this.#aborted();
  }

  onHeaders(fields: readonly HeaderField[]): void {
    if (this.#headers === undefined) this.#headers = fields;
    else this.#trailers = fields;
  }

  onData(chunk: Uint8Array, start: number, end: number): void {
    if (this.#replyProblem || this.#settled) return;
    this.#reply ??= new MessageAssembler(MAX_REPLY_BYTES, this.#buffers);
    this.#replyProblem = this.#reply.push(chunk, start, end, this.#header("grpc-encoding") !== undefined) !== undefined;
  }

  onEnd(): void {
    if (this.#status() !== undefined) this.#finish();
  }

  onClosed(how: StreamEnd, code: number): void {
    if (this.#settled) return;
    if (this.#status() !== undefined) this.#finish();
    else this.#settle(withoutStatus(how, code, this.#headers, this.#session.failure));
  }

  onReleased(): void {
    this.#message.release();
  }

  #header(name: string): string | undefined {
    return this.#headers && findHeader(this.#headers, name);
  }

  #status(): readonly HeaderField[] | undefined {
    return statusBlock(this.#headers, this.#trailers);
  }

  #finish(): void {
    const result = resultOf(this.#status()!);
    if (result.grpcStatus === GrpcStatus.OK && this.#reply) void this.#withBody(result);
    else this.#settle(result);
  }

  async #withBody(result: CallResult): Promise<void> {
    const reply = this.#reply!;
    // A reply that can't be read doesn't undo that the server said OK.
    if (this.#replyProblem || !reply.complete) return this.#settle(result);
    let message = reply.take();
    if (reply.compressed) {
      const encoding = this.#header("grpc-encoding") as Exclude<Compression, "none">;
      const inflated = await inflate(message.bytes, encoding, MAX_REPLY_BYTES, this.#buffers);
      message.release();
      if (isInflateProblem(inflated)) return this.#settle(result);
      message = inflated;
    }
    const body = message.bytes.slice();
    message.release();
    this.#settle(body.length === 0 ? result : { ...result, body });
  }

  #cancel(grpcStatus: GrpcStatus, message: string): void {
    if (this.#settled) return;
    this.#settle({ grpcStatus, message });
    this.#session.cancel(this.#stream!);
  }

  #settle(outcome: CallOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    this.#limits.signal?.removeEventListener("abort", this.#aborted);
    this.#reply?.abandon();
    this.#resolve(outcome);
  }
}
