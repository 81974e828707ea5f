import type { BufferPool, MessageBuffer } from "#wire";
import { type Inflated, inflate, isInflateProblem } from "./compression.ts";
import { encodeGrpcMessage, encodeRetryDetails } from "./grpc-wire.ts";
import {
  encodeStateless,
  type HeaderField,
  joinHeader,
  type OutgoingField,
  type ServerConnection,
  type Stream,
  type StreamReceiver,
} from "./http2/index.ts";
import type { InflightBudget } from "./listener.ts";
import { type AssemblyProblem, MessageAssembler } from "./message-assembler.ts";
import type { RefusalReason } from "./refusal-counters.ts";
import type { ConnectionKeeper } from "./server-keepalive.ts";
import { ReplyStream } from "./reply-stream.ts";
import {
  type Compression,
  type Connection,
  type GrpcHandler,
  type GrpcReply,
  GrpcStatus,
  type GrpcStreamHandler,
  type UnaryRequest,
} from "./types.ts";

/** What calls need of their server. */
export interface CallHost {
  readonly buffers: BufferPool;
  readonly budget: InflightBudget;
  readonly maxMessageBytes: number;
  refused(reason: RefusalReason): void;
  /** A handler threw; it gets its answer from the call. */
  handlerFailed(path: string, error: unknown): void;
  ended(call: GrpcCall): void;
}

/** What is known of a connection. */
export interface GrpcConnection extends Connection {
  readonly http2: ServerConnection;
  readonly keeper: ConnectionKeeper;
}

/** What is to be done with a call of a method: one reply, or a stream of messages. */
export type MethodHandler =
  | { readonly kind: "unary"; readonly handle: GrpcHandler }
  | { readonly kind: "stream"; readonly handle: GrpcStreamHandler };

/** How a request names its compression. */
export interface CallFacts {
  readonly path: string;
  readonly handler: MethodHandler;
  readonly encoding: Compression;
  /** When the message must be complete, on the monotonic clock. */
  readonly messageByMs: number;
  /** When the client gives up, on the monotonic clock; Infinity without grpc-timeout. */
  readonly deadlineMs: number;
}

const HEAD: readonly OutgoingField[] = [
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/grpc" },
];
const HEAD_BLOCK = encodeStateless(HEAD);
const OK_TRAILERS = encodeStateless([{ name: "grpc-status", value: "0" }]);
const EMPTY_REPLY = new Uint8Array(5);

/**
 * One call on the server, of one message. `reading` until the message's last byte, then `inflating` if it came compressed, then
 * `handling` until the handler settles. `open` says whether the client may still be answered; the message lives until
 * the handler has settled even when the client has gone.
 */
export class GrpcCall implements UnaryRequest, StreamReceiver {
  readonly connection: GrpcConnection;
  readonly facts: CallFacts;
  readonly #host: CallHost;
  readonly #stream: Stream;
  readonly #headers: readonly HeaderField[];
  readonly #assembler: MessageAssembler;
  #state: "reading" | "inflating" | "handling" | "over" = "reading";
  #open = true;
  /** What the handler of a streaming call puts its messages into. */
  #replies: ReplyStream | undefined;
  #wrapsUp = false;
  #message: MessageBuffer | undefined;
  #reservedBytes = 0;
  wireBytes = 0;

  constructor(
    host: CallHost,
    stream: Stream,
    headers: readonly HeaderField[],
    connection: GrpcConnection,
    facts: CallFacts,
  ) {
    this.#host = host;
    this.#stream = stream;
    this.#headers = headers;
    this.connection = connection;
    this.facts = facts;
    this.#assembler = new MessageAssembler(host.maxMessageBytes, host.buffers, host.budget);
    connection.keeper.callStarted();
  }

  get path(): string {
    return this.facts.path;
  }

  get message(): MessageBuffer {
    return this.#message!;
  }

  header(name: string): string | undefined {
    return joinHeader(this.#headers, name);
  }

  /** Ends what has taken too long. Called by the server's sweep. */
  expire(nowMs: number): void {
    if (!this.#open) return;
    if (this.#state === "reading" && nowMs >= this.facts.messageByMs) {
      this.#refuse("slow", GrpcStatus.DEADLINE_EXCEEDED, "the message was not complete in time");
    } else if (nowMs >= this.facts.deadlineMs) {
      this.#abandonReading();
      this.#answer({ status: GrpcStatus.DEADLINE_EXCEEDED, message: "grpc-timeout has passed" });
    }
  }

  /** The server closes. What has no end of its own is asked to come to one. */
  wrapUp(): void {
    this.#wrapsUp = true;
    this.#replies?.abort(new Error("the server closes"));
  }

  onData(chunk: Uint8Array, start: number, end: number): void {
    this.wireBytes += end - start;
    if (this.#state !== "reading") {
      if (this.#open) this.#refuseAssembly("trailing bytes");
      return;
    }
    const problem = this.#assembler.push(chunk, start, end, this.facts.encoding !== "none");
    if (problem) this.#refuseAssembly(problem);
    else if (this.#assembler.complete) this.#received();
  }

  /** Trailers of a request say nothing in gRPC. */
  onHeaders(): void {}

  onEnd(): void {
    if (this.#state !== "reading" || !this.#open) return;
    if (this.#assembler.started) {
      this.#refuse("truncated", GrpcStatus.INTERNAL, "the request ended before its message did");
    } else {
      this.#refuse("framing", GrpcStatus.UNIMPLEMENTED, "a unary call needs one message, none came");
    }
  }

  #received(): void {
    const wire = this.#assembler.take();
    this.#reservedBytes = wire.bytes.length;
    if (!this.#assembler.compressed) {
      this.#handle(wire);
      return;
    }
    this.#state = "inflating";
    // A compressed flag comes with an encoding, the assembler has seen to that.
    const encoding = this.facts.encoding as Exclude<Compression, "none">;
    const inflated = inflate(wire.bytes, encoding, this.#host.maxMessageBytes, this.#host.buffers);
    if (inflated instanceof Promise) void inflated.then((result) => this.#inflated(wire, result));
    else this.#inflated(wire, inflated);
  }

  #inflated(wire: MessageBuffer, result: Inflated): void {
    wire.release();
    if (!isInflateProblem(result)) {
      if (this.#open) {
        this.#host.budget.free(this.#reservedBytes - result.bytes.length);
        this.#reservedBytes = result.bytes.length;
        this.#handle(result);
        return;
      }
      result.release();
    }
    this.#giveUpMessage();
    if (!this.#open || !isInflateProblem(result)) return;
    if (result.kind === "too large") {
      this.#refuse(
        "too_large",
        GrpcStatus.RESOURCE_EXHAUSTED,
        `message inflates to more than ${result.limitBytes} bytes`,
      );
    } else {
      this.#refuse("corrupt_compression", GrpcStatus.INTERNAL, `${this.facts.encoding}: ${result.message}`);
    }
  }

  #handle(message: MessageBuffer): void {
    this.#message = message;
    this.#state = "handling";
    let reply: Promise<GrpcReply>;
    try {
      reply = this.#call();
    } catch (error) {
      this.#failed(error);
      return;
    }
    reply.then(
      (settled) => this.#settled(settled),
      (error: unknown) => this.#failed(error),
    );
  }

  #call(): Promise<GrpcReply> {
    const { handler } = this.facts;
    if (handler.kind === "unary") return handler.handle(this);
    const { http2, keeper } = this.connection;
    this.#replies = new ReplyStream(http2, this.#stream, HEAD_BLOCK, () => keeper.answered());
    if (this.#wrapsUp) this.wrapUp();
    return handler.handle(this, this.#replies);
  }

  #failed(error: unknown): void {
    this.#host.handlerFailed(this.facts.path, error);
    this.#settled({ status: GrpcStatus.UNAVAILABLE, message: "internal error; try again" });
  }

  #settled(reply: GrpcReply): void {
    this.#giveUpMessage();
    this.#answer(reply);
  }

  /** The message's one reference, and what it counted against the server's budget. */
  #giveUpMessage(): void {
    this.#message?.release();
    this.#message = undefined;
    this.#host.budget.free(this.#reservedBytes);
    this.#reservedBytes = 0;
    this.#state = "over";
    this.#host.ended(this);
  }

  onClosed(): void {
    this.#open = false;
    this.#replies?.closed();
    this.connection.keeper.callEnded();
    this.#abandonReading();
  }

  /** Replies are not pooled; those of a stream are sent one after the other. */
  onReleased(): void {
    this.#replies?.released();
  }

  #abandonReading(): void {
    if (this.#state !== "reading") return;
    this.#assembler.abandon();
    this.#state = "over";
    this.#host.ended(this);
  }

  #refuseAssembly(problem: AssemblyProblem): void {
    const { announced } = this.#assembler;
    switch (problem) {
      case "too large":
        return this.#refuse(
          "too_large",
          GrpcStatus.RESOURCE_EXHAUSTED,
          `message of ${announced} bytes is larger than ${this.#host.maxMessageBytes}`,
        );
      case "no room":
        return this.#refuse("no_room", GrpcStatus.RESOURCE_EXHAUSTED, "too many requests under way", 1000);
      case "bad flag":
        return this.#refuse("framing", GrpcStatus.INTERNAL, "the message's compressed flag is neither 0 nor 1");
      case "compressed without encoding":
        return this.#refuse("framing", GrpcStatus.INTERNAL, "compressed message without grpc-encoding");
      case "trailing bytes":
        return this.#refuse("framing", GrpcStatus.UNIMPLEMENTED, "a unary call takes one message, more came");
    }
  }

  #refuse(reason: RefusalReason, status: GrpcStatus, message: string, retryAfterMs?: number): void {
    this.#host.refused(reason);
    this.#abandonReading();
    this.#answer({ status, message, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  }

  /** Sends the reply, unless the client has gone or was answered already. */
  #answer(reply: GrpcReply): void {
    if (!this.#open) return;
    this.#open = false;
    const { http2, keeper } = this.connection;
    keeper.answered();
    if (this.#replies) this.#replies.end(reply.status, statusFields(reply));
    else if (reply.status === GrpcStatus.OK) http2.respond(this.#stream, HEAD_BLOCK, framed(reply.body), OK_TRAILERS);
    else answerError(http2, this.#stream, reply);
  }
}

function framed(body: Uint8Array | undefined): Uint8Array {
  if (body === undefined || body.length === 0) return EMPTY_REPLY;
  const bytes = Buffer.allocUnsafe(5 + body.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(body.length, 1);
  bytes.set(body, 5);
  return bytes;
}

/** Answers with a status alone: one HEADERS frame ("trailers-only"), then the client is told to stop sending. */
export function answerError(
  http2: ServerConnection,
  stream: Stream,
  reply: GrpcReply,
  more: readonly OutgoingField[] = [],
): void {
  http2.respond(stream, encodeStateless([...HEAD, ...more, ...statusFields(reply)]));
}

function statusFields({ status, message, retryAfterMs }: GrpcReply): readonly OutgoingField[] {
  const fields = [{ name: "grpc-status", value: String(status) }];
  if (message !== undefined && message !== "") {
    fields.push({ name: "grpc-message", value: encodeGrpcMessage(message) });
  }
  if (retryAfterMs !== undefined) {
    fields.push({ name: "grpc-status-details-bin", value: encodeRetryDetails(status, message ?? "", retryAfterMs) });
  }
  return fields;
}
