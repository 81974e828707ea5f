import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import type { BufferPool, MessageBuffer } from "#wire";
import type { Timer } from "#telemetry";
import type { ClientSession } from "./client-session.ts";
import { inflate, isInflateProblem } from "./compression.ts";
import { decodeGrpcMessage, decodeRetryDetails, MAX_REPLY_BYTES, statusFromHttp } from "./grpc-wire.ts";
import { MessageAssembler } from "./message-assembler.ts";
import { type CallResult, type Compression, GrpcStatus } from "./types.ts";

/** A result, or that the server certainly did nothing with the call, so that it may be sent again elsewhere. */
export type CallOutcome = CallResult | "not processed";

/** Encodings of replies that are understood; servers written in Go answer in the encoding of the request. */
export const REPLY_ENCODINGS = "identity,gzip,deflate,zstd,snappy";

/**
 * Sends one message as one call and resolves with its outcome; never rejects. Takes over the caller's reference to
 * `message`, and releases it when the transport no longer reads its bytes, which may be after the result.
 *
 * @param bytes the message with its gRPC prefix
 */
export function sendCall(
  session: ClientSession,
  headers: OutgoingHttpHeaders,
  message: MessageBuffer,
  bytes: Uint8Array,
  limits: { readonly timer: (expired: () => void) => Timer; readonly signal: AbortSignal | undefined },
  buffers: BufferPool,
): Promise<CallOutcome> {
  let stream: ClientHttp2Stream;
  try {
    stream = session.request(headers);
  } catch {
    message.release();
    return Promise.resolve("not processed");
  }
  return new Promise((resolve) => new ClientCall(session, stream, message, limits, buffers, resolve).send(bytes));
}

class ClientCall {
  readonly #session: ClientSession;
  readonly #stream: ClientHttp2Stream;
  readonly #message: MessageBuffer;
  readonly #buffers: BufferPool;
  readonly #resolve: (outcome: CallOutcome) => void;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #aborted = (): void => this.#cancel(GrpcStatus.CANCELLED, "canceled by the sender");
  #reply: MessageAssembler | undefined;
  #replyProblem = false;
  #headers: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #error: Error | undefined;
  #settled = false;

  constructor(
    session: ClientSession,
    stream: ClientHttp2Stream,
    message: MessageBuffer,
    limits: { readonly timer: (expired: () => void) => Timer; readonly signal: AbortSignal | undefined },
    buffers: BufferPool,
    resolve: (outcome: CallOutcome) => void,
  ) {
    this.#session = session;
    this.#stream = stream;
    this.#message = message;
    this.#buffers = buffers;
    this.#resolve = resolve;
    this.#signal = limits.signal;
    this.#timer = limits.timer(() => this.#cancel(GrpcStatus.DEADLINE_EXCEEDED, "no answer within the timeout"));
    this.#signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  send(bytes: Uint8Array): void {
    const stream = this.#stream;
    stream.on("response", (headers) => (this.#headers = headers));
    stream.on("trailers", (trailers: IncomingHttpHeaders) => (this.#trailers = trailers));
    stream.on("data", (piece: Uint8Array) => this.#data(piece));
    stream.on("end", () => {
      if (this.#status() !== undefined) this.#finish();
    });
    stream.on("error", (error: Error) => (this.#error = error));
    stream.on("close", () => this.#closed());
    stream.end(bytes);
    if (this.#signal?.aborted) this.#aborted();
  }

  #data(piece: Uint8Array): void {
    if (this.#replyProblem) return;
    this.#reply ??= new MessageAssembler(MAX_REPLY_BYTES, this.#buffers);
    const encoded = this.#headers?.["grpc-encoding"] !== undefined;
    this.#replyProblem = this.#reply.push(piece, encoded) !== undefined;
  }

  /** The header block that holds the status: the trailers, or the only one. */
  #status(): IncomingHttpHeaders | undefined {
    if (this.#trailers?.["grpc-status"] !== undefined) return this.#trailers;
    return this.#headers?.["grpc-status"] === undefined ? undefined : this.#headers;
  }

  #closed(): void {
    if (!this.#settled) this.#finish();
    // Sent to its end and read by the server, or else pieces may still be on their way.
    if (this.#stream.writableFinished && this.#error === undefined && this.#stream.rstCode === 0) {
      this.#message.release();
    } else {
      this.#session.releaseWhenFlushed(this.#message);
    }
  }

  #finish(): void {
    const block = this.#status();
    if (block === undefined) {
      this.#settle(this.#withoutStatus());
      return;
    }
    const code = Number(block["grpc-status"]);
    const status = Number.isInteger(code) && code >= 0 && code <= 16 ? (code as GrpcStatus) : GrpcStatus.UNKNOWN;
    const message = decodeGrpcMessage(String(block["grpc-message"] ?? ""));
    const details = block["grpc-status-details-bin"];
    const retryAfterMs = details === undefined ? undefined : decodeRetryDetails(String(details));
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
      const encoding = this.#headers?.["grpc-encoding"] as Exclude<Compression, "none">;
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
  #withoutStatus(): CallOutcome {
    const { rstCode } = this.#stream;
    const lost = this.#session.destroyed;
    const cause = this.#error ?? this.#session.failure;
    const because = cause === undefined ? {} : { cause };
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM && this.#headers === undefined) return "not processed";
    if ((cause as NodeJS.ErrnoException | undefined)?.code === "ERR_HTTP2_OUT_OF_STREAMS") {
      // 2^30 calls: twelve days at a thousand a second.
      this.#session.drain();
      return "not processed";
    }
    if (lost) {
      const message = `connection lost${cause ? `: ${cause.message}` : ""}`;
      return { grpcStatus: GrpcStatus.UNAVAILABLE, message, ...because };
    }
    const httpStatus = Number(this.#headers?.[":status"] ?? 200);
    if (httpStatus !== 200) {
      return { grpcStatus: statusFromHttp(httpStatus), httpStatus, message: `the server answered HTTP ${httpStatus}` };
    }
    return { grpcStatus: statusFromReset(rstCode), message: `the server reset the call (${rstCode})`, ...because };
  }

  #cancel(grpcStatus: GrpcStatus, message: string): void {
    if (this.#settled) return;
    this.#settle({ grpcStatus, message });
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #settle(outcome: CallOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.#aborted);
    this.#reply?.abandon();
    this.#resolve(outcome);
  }
}

/** RST_STREAM codes as statuses (doc/PROTOCOL-HTTP2.md, "Errors"). */
function statusFromReset(rstCode: number): GrpcStatus {
  switch (rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return GrpcStatus.UNAVAILABLE;
    case constants.NGHTTP2_CANCEL:
      return GrpcStatus.CANCELLED;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return GrpcStatus.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return GrpcStatus.PERMISSION_DENIED;
    default:
      return GrpcStatus.INTERNAL;
  }
}
