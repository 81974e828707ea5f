import type { BufferPool, MessageBuffer } from "#wire";
import type { Timer } from "#telemetry";
import type { CallOutcome } from "./call-outcome.ts";
import { ClientExchange, type ExchangeSettings } from "./client-exchange.ts";
import type { ClientSession } from "./client-session.ts";
import { inflate, isInflateProblem } from "./compression.ts";
import { MAX_REPLY_BYTES } from "./grpc-wire.ts";
import type { OutgoingHead } from "./http2/index.ts";
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
  const { timer, signal } = limits;
  return new Promise((resolve) => {
    const settings = { session, message, signal, abortedMessage: "canceled by the sender", resolve };
    new ClientCall(settings, timer, buffers).send(head, bytes);
  });
}

class ClientCall extends ClientExchange {
  readonly #timer: CallLimits["timer"];
  readonly #buffers: BufferPool;
  #reply: MessageAssembler | undefined;
  #replyProblem = false;

  constructor(settings: ExchangeSettings, timer: CallLimits["timer"], buffers: BufferPool) {
    super(settings);
    this.#timer = timer;
    this.#buffers = buffers;
  }

  protected startTimer(): void {
    this.timer = this.#timer(() => this.cancel(GrpcStatus.DEADLINE_EXCEEDED, "no answer within the timeout"));
  }

  onData(chunk: Uint8Array, start: number, end: number): void {
    if (this.#replyProblem || this.settled) return;
    this.#reply ??= new MessageAssembler(MAX_REPLY_BYTES, this.#buffers);
    this.#replyProblem = this.#reply.push(chunk, start, end, this.header("grpc-encoding") !== undefined) !== undefined;
  }

  protected answered(result: CallResult): void {
    if (result.grpcStatus === GrpcStatus.OK && this.#reply) void this.#withBody(result, this.#reply);
    else this.settle(result);
  }

  protected override settle(outcome: CallOutcome): void {
    super.settle(outcome);
    this.#reply?.abandon();
  }

  async #withBody(result: CallResult, reply: MessageAssembler): Promise<void> {
    // A reply that can't be read doesn't undo that the server said OK.
    if (this.#replyProblem || !reply.complete) return this.settle(result);
    let message = reply.take();
    if (reply.compressed) {
      const encoding = this.header("grpc-encoding") as Exclude<Compression, "none">;
      const inflated = await inflate(message.bytes, encoding, MAX_REPLY_BYTES, this.#buffers);
      message.release();
      if (isInflateProblem(inflated)) return this.settle(result);
      message = inflated;
    }
    const body = message.bytes.slice();
    message.release();
    this.settle(body.length === 0 ? result : { ...result, body });
  }
}
