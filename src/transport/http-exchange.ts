import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { BufferPool, MessageBuffer } from "#wire";
import type { Clock } from "#telemetry";
import { BodyAssembler } from "./body-assembler.ts";
import { type Inflated, inflate, isInflateProblem } from "./compression.ts";
import type { Cors } from "./cors.ts";
import type { InflightBudget } from "./listener.ts";
import type { RefusalReason } from "./refusal-counters.ts";
import type { Compression, Connection, HttpHandler, HttpReply, UnaryRequest } from "./types.ts";

/** Makes the body of an error that the server answers itself, in the manner of the request's content type. */
export type HttpErrorBody = (
  status: number,
  message: string,
  requestContentType: string | undefined,
) => { readonly contentType: string; readonly body: Uint8Array | string };

/** What exchanges need of their server. */
export interface HttpHost {
  readonly buffers: BufferPool;
  readonly budget: InflightBudget;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  readonly writeTimeoutMs: number;
  readonly encodings: ReadonlyMap<string, Compression>;
  readonly cors: Cors | undefined;
  readonly errorBody: HttpErrorBody | undefined;
  readonly replyHeaders: Readonly<Record<string, string>>;
  readonly closing: boolean;
  refused(reason: RefusalReason): void;
  handlerFailed(path: string, error: unknown): void;
  ended(exchange: HttpExchange): void;
}

/** How much of a refused body is read on, so that its sender gets to read the answer; as Go's server. */
const DISCARD_BYTES = 256 << 10;

/**
 * One request on the server. `reading` until the body's end, then `inflating` if it came compressed, then `handling`
 * until the handler settles. The body lives until then, even when the client has gone.
 */
export class HttpExchange implements UnaryRequest {
  readonly path: string;
  readonly connection: Connection;
  readonly #host: HttpHost;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #handler: HttpHandler | undefined;
  readonly #assembler: BodyAssembler;
  readonly #answerByMs: number;
  #encoding: Compression = "none";
  #state: "reading" | "inflating" | "handling" | "over" = "reading";
  #message: MessageBuffer | undefined;
  #reservedBytes = 0;
  #discarded = 0;
  wireBytes = 0;

  constructor(
    host: HttpHost,
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    path: string,
    handler: HttpHandler | undefined,
  ) {
    this.#host = host;
    this.#request = request;
    this.#response = response;
    this.connection = connection;
    this.path = path;
    this.#handler = handler;
    this.#assembler = new BodyAssembler(host.maxBodyBytes, host.buffers, host.budget);
    this.#answerByMs = host.writeTimeoutMs === 0 ? Infinity : host.clock.monotonicMs() + host.writeTimeoutMs;
  }

  get message(): MessageBuffer {
    return this.#message!;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  }

  /** Looks at the headers, and reads the body if they are fine. */
  begin(expectsContinue: boolean): void {
    const request = this.#request;
    request.on("error", ignore);
    request.on("data", (piece: Uint8Array) => this.#data(piece));
    request.on("end", () => this.#end());
    request.on("close", () => this.#closed());
    this.#response.on("error", ignore);
    const { method, headers } = request;
    if (!this.#handler) return this.#refuse("path", 404, `nothing is served at ${this.path.slice(0, 200)}`);
    if (method === "OPTIONS" && this.#host.cors) {
      const preflight = this.#host.cors.preflightHeaders(headers);
      if (preflight) return this.#finish({ status: 204, headers: preflight });
    }
    if (method !== "POST") return this.#refuse("method", 405, "only POST is served here", { allow: "POST" });
    const encoding = this.#host.encodings.get((headers["content-encoding"] ?? "").toLowerCase());
    if (encoding === undefined) {
      const named = headers["content-encoding"]!.slice(0, 80);
      return this.#refuse("encoding", 400, `Content-Encoding ${named} is not supported`);
    }
    this.#encoding = encoding;
    const announced = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
    const problem = this.#assembler.begin(announced);
    if (problem) return this.#refuseBody(problem);
    if (expectsContinue) this.#response.writeContinue();
  }

  /** Ends what has taken too long. Called by the server's sweep. */
  expire(nowMs: number): void {
    // While the body comes, the server's read timeout is what counts.
    if (this.#state !== "handling" || nowMs < this.#answerByMs) return;
    this.#answer({ ...this.#error(503, "not processed in time"), retryAfterMs: 1000 });
  }

  #data(piece: Uint8Array): void {
    if (this.#state !== "reading") {
      this.#discarded += piece.length;
      if (this.#discarded > DISCARD_BYTES) this.#request.destroy();
      return;
    }
    this.wireBytes += piece.length;
    const problem = this.#assembler.push(piece);
    if (problem) this.#refuseBody(problem);
  }

  #end(): void {
    if (this.#state !== "reading") return;
    const { body, reservedBytes } = this.#assembler.take();
    this.#reservedBytes = reservedBytes;
    if (this.#encoding === "none") {
      this.#handle(body);
      return;
    }
    this.#state = "inflating";
    const { buffers, maxBodyBytes } = this.#host;
    const inflated = inflate(body.bytes, this.#encoding, maxBodyBytes, buffers);
    if (inflated instanceof Promise) void inflated.then((result) => this.#inflated(body, result));
    else this.#inflated(body, inflated);
  }

  #inflated(wire: MessageBuffer, result: Inflated): void {
    wire.release();
    if (!isInflateProblem(result)) {
      this.#host.budget.free(this.#reservedBytes - result.bytes.length);
      this.#reservedBytes = result.bytes.length;
      if (this.#response.destroyed) {
        this.#message = result;
        this.#giveUpMessage();
      } else {
        this.#handle(result);
      }
    } else if (result.kind === "too large") {
      this.#refuse("too_large", 413, `body inflates to more than ${result.limitBytes} bytes`);
    } else {
      this.#refuse("corrupt_compression", 400, `${this.#encoding}: ${result.message}`);
    }
  }

  #handle(message: MessageBuffer): void {
    this.#message = message;
    this.#state = "handling";
    let reply: Promise<HttpReply>;
    try {
      reply = this.#handler!(this);
    } catch (error) {
      this.#failed(error);
      return;
    }
    reply.then(
      (settled) => this.#finish(settled),
      (error: unknown) => this.#failed(error),
    );
  }

  #failed(error: unknown): void {
    this.#host.handlerFailed(this.path, error);
    this.#finish({ ...this.#error(503, "internal error; try again"), retryAfterMs: 1000 });
  }

  #finish(reply: HttpReply): void {
    this.#giveUpMessage();
    this.#answer(reply);
  }

  #giveUpMessage(): void {
    this.#assembler.abandon();
    this.#message?.release();
    this.#message = undefined;
    this.#host.budget.free(this.#reservedBytes);
    this.#reservedBytes = 0;
    this.#state = "over";
    this.#host.ended(this);
  }

  #closed(): void {
    if (this.#state === "reading") {
      this.#host.refused("truncated");
      this.#giveUpMessage();
    }
  }

  #refuseBody(problem: "too large" | "no room"): void {
    if (problem === "too large") {
      this.#refuse("too_large", 413, `body is larger than ${this.#host.maxBodyBytes} bytes`);
    } else {
      this.#host.refused("no_room");
      this.#finish({ ...this.#error(429, "too many requests under way"), retryAfterMs: 1000 });
    }
  }

  #refuse(reason: RefusalReason, status: number, message: string, headers: Record<string, string> = {}): void {
    this.#host.refused(reason);
    this.#finish({ ...this.#error(status, message), headers });
  }

  #error(status: number, message: string): HttpReply {
    const made = this.#host.errorBody?.(status, message, this.#request.headers["content-type"]);
    return { status, ...(made ?? { contentType: "text/plain; charset=utf-8", body: `${message}\n` }) };
  }

  #answer(reply: HttpReply): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    const { body } = reply;
    const headers: OutgoingHttpHeaders = {
      ...this.#host.replyHeaders,
      ...(this.#host.cors && reply.status !== 204 && this.#host.cors.replyHeaders(this.#request.headers)),
      ...reply.headers,
    };
    if (reply.contentType !== undefined) headers["content-type"] = reply.contentType;
    if (reply.status !== 204) headers["content-length"] = body === undefined ? 0 : Buffer.byteLength(body);
    if (reply.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(reply.retryAfterMs / 1000));
    // A client that waits for "100 Continue" must not send its body to a connection that has answered.
    if (this.#host.closing || (!this.#request.complete && this.#request.headers.expect !== undefined)) {
      headers["connection"] = "close";
    }
    response.writeHead(reply.status, headers);
    response.end(body);
  }
}

function ignore(): void {}
