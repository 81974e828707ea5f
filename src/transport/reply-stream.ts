import { encodeStateless, ErrorCode, type OutgoingField, type ServerConnection, type Stream } from "./http2/index.ts";
import type { GrpcStatus, MessageSink } from "./types.ts";

const PREFIX_BYTES = 5;

/** The messages with which a server answers one call, one after the other: the next when the kernel has the last. */
export class ReplyStream implements MessageSink {
  readonly #http2: ServerConnection;
  readonly #stream: Stream;
  readonly #head: Uint8Array;
  readonly #onMessage: () => void;
  readonly #aborting = new AbortController();
  #begun = false;
  /** Settles the promise of the message that is on its way. */
  #sent: ((isSent: boolean) => void) | undefined;

  /**
   * @param head block that begins the answer
   * @param onMessage called for each message that is sent
   */
  constructor(http2: ServerConnection, stream: Stream, head: Uint8Array, onMessage: () => void) {
    this.#http2 = http2;
    this.#stream = stream;
    this.#head = head;
    this.#onMessage = onMessage;
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  send(message: Uint8Array): Promise<boolean> {
    if (this.#sent !== undefined) throw new Error("a message is sent before the one before it has left");
    this.#begin();
    this.#onMessage();
    const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
    framed[0] = 0;
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, PREFIX_BYTES);
    return new Promise((resolve) => {
      this.#sent = resolve;
      if (!this.#http2.part(this.#stream, framed)) this.#settle(false);
    });
  }

  /** Tells the handler that it should come to an end. */
  abort(reason: Error): void {
    this.#aborting.abort(reason);
  }

  /** The stream is over, whoever ended it. */
  closed(): void {
    this.abort(new Error("the call is over"));
    this.#settle(false);
  }

  /** The message on its way has left. */
  released(): void {
    this.#settle(!this.#stream.closed);
  }

  /** Ends the answer with a status. A message that is still on its way is cut off with it. */
  end(status: GrpcStatus, fields: readonly OutgoingField[]): void {
    this.abort(new Error(`the call was ended with status ${status}`));
    if (this.#sent !== undefined) return this.#http2.reset(this.#stream, ErrorCode.CANCEL);
    this.#begin();
    this.#http2.end(this.#stream, encodeStateless(fields));
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#http2.begin(this.#stream, this.#head);
  }

  #settle(isSent: boolean): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.(isSent);
  }
}
