import type { BufferPool, MessageBuffer } from "#wire";
import type { Timer } from "#telemetry";
import type { ClientSession } from "./client-session.ts";
import { inflate, isInflateProblem } from "./compression.ts";
import { decodeGrpcMessage, decodeRetryDetails, MAX_REPLY_BYTES, statusFromHttp } from "./grpc-wire.ts";
import {
  ErrorCode,
  findHeader,
  type HeaderField,
  type OutgoingHead,
  type Stream,
  type StreamEnd,
  type StreamReceiver,
} from "./http2/index.ts";
import { MessageAssembler } from "./message-assembler.ts";
import { type CallResult, type Compression, GrpcStatus } from "./types.ts";

/** A result, or that the server certainly did nothing with the call, so that it may be sent again elsewhere. */
export type CallOutcome = CallResult | "not processed";

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
    else this.#settle(this.#withoutStatus(how, code));
  }

  onReleased(): void {
    this.#message.release();
  }

  #header(name: string): string | undefined {
    return this.#headers && findHeader(this.#headers, name);
  }

  /** The header block that holds the status: the trailers, or the only one. */
  #status(): readonly HeaderField[] | undefined {
    const block = this.#trailers ?? this.#headers;
    return block !== undefined && findHeader(block, "grpc-status") !== undefined ? block : undefined;
  }

  #finish(): void {
    const block = this.#status()!;
    const code = Number(findHeader(block, "grpc-status"));
    const status = Number.isInteger(code) && code >= 0 && code <= 16 ? (code as GrpcStatus) : GrpcStatus.UNKNOWN;
    const message = decodeGrpcMessage(findHeader(block, "grpc-message") ?? "");
    const details = findHeader(block, "grpc-status-details-bin");
    const retryAfterMs = details === undefined ? undefined : decodeRetryDetails(details);
    const result = { grpcStatus: status, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    if (status === GrpcStatus.OK && this.#reply) void this.#withBody(result);
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

  /** What to make of a stream that ended without `grpc-status`. */
  #withoutStatus(how: StreamEnd, code: number): CallOutcome {
    if (how === "unprocessed") return "not processed";
    if (how === "reset" && code === ErrorCode.REFUSED_STREAM && this.#headers === undefined) return "not processed";
    if (how === "lost") {
      const cause = this.#session.failure;
      const message = `connection lost${cause ? `: ${cause.message}` : ""}`;
      return { grpcStatus: GrpcStatus.UNAVAILABLE, message, ...(cause && { cause }) };
    }
    const httpStatus = Number(this.#header(":status") ?? 200);
    if (httpStatus !== 200) {
      return { grpcStatus: statusFromHttp(httpStatus), httpStatus, message: `the server answered HTTP ${httpStatus}` };
    }
    const message = how === "reset" ? `the server reset the call (${code})` : "the answer has no grpc-status";
    return { grpcStatus: statusFromReset(code), message };
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

/** RST_STREAM codes as statuses (doc/PROTOCOL-HTTP2.md, "Errors"). */
function statusFromReset(rstCode: number): GrpcStatus {
  switch (rstCode) {
    case ErrorCode.REFUSED_STREAM:
      return GrpcStatus.UNAVAILABLE;
    case ErrorCode.CANCEL:
      return GrpcStatus.CANCELLED;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case ErrorCode.INADEQUATE_SECURITY:
      return GrpcStatus.PERMISSION_DENIED;
    default:
      return GrpcStatus.INTERNAL;
  }
}
