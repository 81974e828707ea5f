import type { Socket } from "node:net";
import { Connection, type ConnectionSettings } from "./connection.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import { type HeaderField, isRequestHead, isTrailers } from "./header-field.ts";
import { FloodGuard } from "./flood-guard.ts";
import { ErrorCode, MAX_STREAM_ID, Setting } from "./protocol.ts";
import { Stream, type StreamReceiver } from "./stream.ts";

export interface ServerConnectionSettings extends ConnectionSettings {
  /** Streams open at once; more are refused. */
  readonly maxConcurrentStreams: number;
}

/** What a server connection tells its owner. */
export interface ServerConnectionEvents {
  /**
   * A request begins. The owner answers by `respond`, now or later; the stream's receiver is told what comes. None is
   * needed where the answer was given at once.
   */
  onRequest(stream: Stream, fields: readonly HeaderField[]): StreamReceiver | undefined;
  /** A request was reset because its headers are larger than they may be. */
  onHeadersTooLarge(): void;
  /** The client has sent its settings and acknowledged ours: it speaks HTTP/2. */
  onReady(): void;
  /** The client sent a PING, which has been answered. */
  onPing(): void;
  /** Last. All streams were closed before. */
  onClosed(): void;
}

/** Streams that the client gave up or made us reset; nghttp2's burst. A thousand calls may time out together. */
const RESET_BURST = 1000;
const RESETS_PER_SECOND = 100;

/** `notice`: the client was asked to go elsewhere. `last`: streams above the announced one are not looked at. */
type Draining = "no" | "notice" | "last";

/** A server's end of a connection. It works as soon as it is made. */
export class ServerConnection extends Connection {
  readonly #events: ServerConnectionEvents;
  readonly #maxConcurrentStreams: number;
  readonly #resets: FloodGuard;
  #draining: Draining = "no";
  #ready = false;

  constructor(socket: Socket, settings: ServerConnectionSettings, events: ServerConnectionEvents) {
    super(socket, settings, true);
    this.#events = events;
    this.#maxConcurrentStreams = settings.maxConcurrentStreams;
    this.#resets = new FloodGuard(settings.clock, RESET_BURST, RESETS_PER_SECOND);
    socket.on("data", (chunk: Buffer) => this.receive(chunk, chunk.length));
    this.announce([[Setting.MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams]]);
  }

  get openStreams(): number {
    return this.streams.size;
  }

  /**
   * Answers: a header block, then, where there is a body of at least one byte, that and the block of the trailers. A
   * client that is still sending is told to stop. Does nothing where the stream is over.
   */
  respond(stream: Stream, head: Uint8Array, body?: Uint8Array, trailers?: Uint8Array): void {
    if (stream.closed || stream.localEnded || stream.body !== undefined) return;
    this.sendHeaders(stream, head, body === undefined);
    if (body !== undefined) this.sendBody(stream, body, trailers);
  }

  /** Begins an answer in parts: `part` as often as there is something, then `end`. */
  begin(stream: Stream, head: Uint8Array): void {
    if (!stream.closed && !stream.localEnded) this.sendHeaders(stream, head, false);
  }

  /**
   * Sends at least one byte more of an answer that has begun; not before the part before was released. Returns false where
   * the stream is over: nothing is sent, and `onReleased` is not called.
   */
  part(stream: Stream, bytes: Uint8Array): boolean {
    if (stream.closed || stream.localEnded) return false;
    this.sendPart(stream, bytes);
    return true;
  }

  /** Ends an answer in parts with the block of the trailers, once all parts are released. */
  end(stream: Stream, trailers: Uint8Array): void {
    if (!stream.closed && !stream.localEnded) this.sendHeaders(stream, trailers, true);
  }

  /** Asks the client to go elsewhere; what it still sends is served. */
  drainNotice(): void {
    if (this.#draining !== "no" || !this.open) return;
    this.#draining = "notice";
    this.sendGoaway(ErrorCode.NO_ERROR, MAX_STREAM_ID, "");
  }

  /** Takes no more streams, and ends when those that there are have ended. */
  drain(): void {
    if (this.#draining === "last" || !this.open) return;
    this.#draining = "last";
    this.sendGoaway(ErrorCode.NO_ERROR, this.lastPeerStream, "");
    if (this.streams.size === 0) this.finish();
  }

  protected override headers({ id, fields, tooLarge, last }: HeaderBlock): void {
    const known = this.streams.get(id);
    if (known) return this.#trailers(known, fields, tooLarge, last);
    if (id % 2 === 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "a client's stream with an even number");
    if (id <= this.lastPeerStream) {
      if (this.wasReset(id)) return void this.chore();
      return this.fail(ErrorCode.STREAM_CLOSED, "HEADERS of a stream that is over");
    }
    // Above the number announced: the client knows that it has to ask somebody else.
    if (this.#draining === "last") return void this.chore();
    this.lastPeerStream = id;
    if (this.streams.size >= this.#maxConcurrentStreams) return this.#refuse(id, ErrorCode.REFUSED_STREAM);
    if (tooLarge) {
      this.#events.onHeadersTooLarge();
      return this.#refuse(id, ErrorCode.ENHANCE_YOUR_CALM);
    }
    if (!isRequestHead(fields)) return this.#refuse(id, ErrorCode.PROTOCOL_ERROR);
    this.#begin(id, fields, last);
  }

  #begin(id: number, fields: readonly HeaderField[], last: boolean): void {
    const stream = new Stream(id, undefined, this.peer.initialWindowBytes, this.settings.streamWindowBytes);
    stream.headReceived = true;
    stream.remoteEnded = last;
    this.streams.set(id, stream);
    const receiver = this.#events.onRequest(stream, fields);
    if (stream.closed) return;
    stream.receiver = receiver;
    if (last) receiver?.onEnd();
  }

  #trailers(stream: Stream, fields: readonly HeaderField[], tooLarge: boolean, last: boolean): void {
    if (stream.remoteEnded) return this.streamError(stream, ErrorCode.STREAM_CLOSED);
    if (tooLarge || !last || !isTrailers(fields)) return this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
    stream.receiver?.onHeaders(fields, true);
    if (!stream.closed) this.remoteEnded(stream);
  }

  #refuse(id: number, code: number): void {
    this.sendReset(id, code);
    this.countReset();
  }

  /** "Rapid reset": what begins and ends calls only to make work. */
  protected override countReset(): void {
    if (!this.#resets.take()) this.fail(ErrorCode.ENHANCE_YOUR_CALM, "too many streams are reset");
  }

  protected override remoteEndedFirst(): void {
    // As it should be: the answer follows.
  }

  protected override localEndedFirst(stream: Stream): void {
    // The answer is complete (§8.1): nothing else is wanted of the client.
    this.sendReset(stream.id, ErrorCode.NO_ERROR);
    this.close(stream, "complete", 0);
  }

  protected override streamClosed(): void {
    if (this.#draining === "last" && this.streams.size === 0) this.finish();
  }

  protected override settingsReceived(): void {
    // Replies are literals, so the client's table size doesn't matter.
  }

  protected override settingsAcknowledged(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#events.onReady();
  }

  protected override pinged(): void {
    this.#events.onPing();
  }

  protected override goaway(): void {
    // The client opens no more streams; it closes the connection when it is done.
  }

  protected override connectionClosed(): void {
    this.#events.onClosed();
  }

  protected override isIdle(id: number): boolean {
    return id % 2 === 0 || (id > this.lastPeerStream && this.#draining !== "last");
  }
}
