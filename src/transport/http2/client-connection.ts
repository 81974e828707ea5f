import type { Socket } from "node:net";
import { Connection, type ConnectionSettings } from "./connection.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import { findHeader, isResponseHead, isTrailers } from "./header-field.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { ErrorCode, MAX_STREAM_ID, PREFACE, Setting } from "./protocol.ts";
import { type OutgoingHead, Stream, type StreamReceiver } from "./stream.ts";

/** What a client connection tells its owner. */
export interface ClientConnectionEvents {
  /** The server's SETTINGS have come: it speaks HTTP/2. */
  onReady(): void;
  /** The server wants no more requests here. Those that it won't look at have been closed as `unprocessed`. */
  onGoaway(code: number, words: string): void;
  /** Last. All streams were closed before. */
  onClosed(): void;
}

interface Waiting {
  readonly stream: Stream;
  readonly head: OutgoingHead;
  readonly body: Uint8Array;
}

/** A client's end of a connection. */
export class ClientConnection extends Connection {
  readonly #events: ClientConnectionEvents;
  readonly #encoder = new HeaderEncoder();
  #nextStream = 1;
  #goingAway = false;
  /** Requests beyond what the server takes at once; as many as the callers have. */
  #waiting: Waiting[] = [];

  /** @param reading whether the owner calls `receive` itself; otherwise the socket's `data` events are taken */
  constructor(socket: Socket, settings: ConnectionSettings, events: ClientConnectionEvents, reading: boolean) {
    super(socket, settings, false);
    this.#events = events;
    if (!reading) socket.on("data", (chunk: Buffer) => this.receive(chunk, chunk.length));
    this.output.bytes(PREFACE);
    this.announce([[Setting.ENABLE_PUSH, 0]]);
  }

  /** Whether requests may begin: the server hasn't said GOAWAY, and nobody has drained. */
  get usable(): boolean {
    return this.open && !this.#goingAway && this.#nextStream < MAX_STREAM_ID;
  }

  /** Streams open, and those that wait for their turn. */
  get openStreams(): number {
    return this.streams.size + this.#waiting.length;
  }

  /**
   * Sends a request with a body of at least one byte, at once or when the server takes one more. `body` is read until
   * `receiver.onReleased`. Undefined where the connection isn't usable: nothing was sent, and `receiver` is not called.
   */
  request(head: OutgoingHead, body: Uint8Array, receiver: StreamReceiver): Stream | undefined {
    if (!this.usable) return undefined;
    const stream = new Stream(0, receiver, 0, this.settings.streamWindowBytes);
    stream.body = body;
    if (this.streams.size >= this.peer.maxConcurrentStreams) this.#waiting.push({ stream, head, body });
    else this.#begin(stream, head, body);
    return stream;
  }

  #begin(stream: Stream, head: OutgoingHead, body: Uint8Array): void {
    stream.id = this.#nextStream;
    this.#nextStream += 2;
    stream.sendWindow = this.peer.initialWindowBytes;
    this.streams.set(stream.id, stream);
    this.sendHeaders(stream, this.#encoder.encode(head.constant, head.varying), false);
    this.sendBody(stream, body);
  }

  /** Begins no more requests, and ends when those that there are have ended. */
  drain(): void {
    if (this.#goingAway) return;
    this.#goingAway = true;
    this.#finishIfDone();
  }

  protected override headers({ id, fields, tooLarge, last }: HeaderBlock): void {
    const stream = this.streams.get(id);
    if (!stream) {
      if (this.isIdle(id)) return this.fail(ErrorCode.PROTOCOL_ERROR, "HEADERS of a stream that we didn't open");
      this.chore();
      return;
    }
    if (stream.remoteEnded) return this.streamError(stream, ErrorCode.STREAM_CLOSED);
    if (tooLarge) return this.streamError(stream, ErrorCode.ENHANCE_YOUR_CALM);
    if (stream.headReceived) {
      if (!last || !isTrailers(fields)) return this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
    } else {
      if (!isResponseHead(fields)) return this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
      // 1xx are not the answer yet (RFC 9113 §8.1).
      if (findHeader(fields, ":status")!.startsWith("1")) {
        if (last) this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
        else this.chore();
        return;
      }
      stream.headReceived = true;
    }
    stream.receiver!.onHeaders(fields, last);
    if (last && !stream.closed) this.remoteEnded(stream);
  }

  protected override remoteEndedFirst(stream: Stream): void {
    // The answer came before all was sent: the rest isn't wanted.
    this.sendReset(stream.id, ErrorCode.NO_ERROR);
    this.close(stream, "complete", 0);
  }

  protected override localEndedFirst(): void {
    // As it should be: the answer follows.
  }

  protected override countReset(): void {
    // A server can only end what we began.
  }

  protected override streamClosed(stream: Stream): void {
    if (stream.id === 0) this.#waiting = this.#waiting.filter((one) => one.stream !== stream);
    this.#beginWaiting();
    this.#finishIfDone();
  }

  #beginWaiting(): void {
    while (this.open && this.#waiting.length > 0 && this.streams.size < this.peer.maxConcurrentStreams) {
      const { stream, head, body } = this.#waiting.shift()!;
      // Two calls in a row may have used up the numbers.
      if (this.#nextStream >= MAX_STREAM_ID) this.close(stream, "unprocessed", 0);
      else this.#begin(stream, head, body);
    }
  }

  #finishIfDone(): void {
    if (!this.#goingAway || !this.open || this.streams.size > 0 || this.#waiting.length > 0) return;
    this.sendGoaway(ErrorCode.NO_ERROR, 0, "");
    this.finish();
  }

  protected override settingsReceived(first: boolean): void {
    this.#encoder.setPeerTableBytes(this.peer.headerTableBytes);
    if (first) this.#events.onReady();
    else this.#beginWaiting();
  }

  protected override settingsAcknowledged(): void {
    // Ours only say what we take; there is nothing to wait for.
  }

  protected override pinged(): void {
    // Answered already.
  }

  protected override goaway(code: number, lastStream: number, words: string): void {
    this.#goingAway = true;
    const failure =
      code === ErrorCode.NO_ERROR ? undefined : new Error(`the server sent GOAWAY ${code} ${words}`.trim());
    if (failure) this.failure ??= failure;
    this.#events.onGoaway(code, words);
    this.#giveBackWaiting("unprocessed");
    for (const stream of this.streams.values()) if (stream.id > lastStream) this.close(stream, "unprocessed", 0);
    this.#finishIfDone();
  }

  #giveBackWaiting(how: "unprocessed" | "lost"): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { stream } of waiting) this.close(stream, how, 0);
  }

  protected override connectionClosed(): void {
    this.#goingAway = true;
    this.#giveBackWaiting("unprocessed");
    this.#events.onClosed();
  }

  protected override isIdle(id: number): boolean {
    return id % 2 === 0 || id >= this.#nextStream;
  }
}
