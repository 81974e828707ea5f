import type { Socket } from "node:net";
import type { Clock, Timer } from "#telemetry";
import { BodySender, releaseBody } from "./body-sender.ts";
import { FloodGuard } from "./flood-guard.ts";
import { flushSoon } from "./flush.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type HeaderBlock, HeaderBlocks, type HeaderFailure } from "./header-blocks.ts";
import { Output } from "./output.ts";
import { PeerSettings } from "./peer-settings.ts";
import {
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  Flag,
  FrameType,
  MAX_STREAM_ID,
  MAX_WINDOW_BYTES,
  Setting,
} from "./protocol.ts";
import type { Stream, StreamEnd } from "./stream.ts";

/** What a connection announces and allows. */
export interface ConnectionSettings {
  readonly clock: Clock;
  /** Bytes that the peer may send on one stream before it is read, and on all together. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly maxHeaderListBytes: number;
}

/** `ending`: a GOAWAY for an error is on its way, nothing is read any more. `closed`: the socket is gone. */
type State = "open" | "ending" | "closed";

/** Frames that cost their sender nothing: PING, SETTINGS, WINDOW_UPDATE, PRIORITY, empty DATA, unknown ones. */
const CHORE_BURST = 10_000;
const CHORES_PER_SECOND = 1000;
/** A call earns what its WINDOW_UPDATEs and bandwidth probes cost. */
const CHORES_PER_MESSAGE = 8;
/** Each DATA frame that we send may come back as a WINDOW_UPDATE of the stream and one of the connection. */
const CHORES_PER_DATA = 2;
/** Replies, acknowledgments and window updates that the peer doesn't fetch. */
const MAX_WAITING_BYTES = 1 << 20;
/** How long the peer may take to read the GOAWAY of a connection error. */
const LINGER_MS = 1000;
const MAX_PINGS = 16;
const MAX_REMEMBERED_RESETS = 1024;

/**
 * One HTTP/2 connection (RFC 9113): frames in and out, flow control, streams. What differs between the roles is in
 * `ServerConnection` and `ClientConnection`. Whatever the peer sends, nothing is thrown: an error is a RST_STREAM or a
 * GOAWAY. Everything that a turn of the event loop has to send leaves in one write.
 */
export abstract class Connection implements FrameSink {
  readonly socket: Socket;
  /** Bytes received, for whoever watches for silence. */
  bytesReceived = 0;
  /** Why the connection ended, where that is known. */
  failure: Error | undefined;
  protected readonly streams = new Map<number, Stream>();
  protected readonly output: Output;
  protected readonly peer = new PeerSettings();
  protected readonly settings: ConnectionSettings;
  /** The highest stream of the peer's that was begun. */
  protected lastPeerStream = 0;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #bodies: BodySender;
  readonly #chores: FloodGuard;
  readonly #resetByUs = new Set<number>();
  readonly #pings = new Map<number, () => void>();
  readonly #written = (error?: Error | null): void => this.#afterWrite(error);
  #state: State = "open";
  #settingsSeen = false;
  #nextPing = 1;
  #linger: Timer | undefined;
  #flushAsked = false;
  #endAsked = false;
  /** Bytes that the peer may send on the connection, and those that came since it was last told. */
  #receiveWindow: number;
  #consumedBytes = 0;
  // The DATA frame that is being read; without a stream its content is dropped.
  #dataStream: Stream | undefined;
  #dataBytes = 0;

  constructor(socket: Socket, settings: ConnectionSettings, expectPreface: boolean) {
    this.socket = socket;
    this.settings = settings;
    this.output = new Output(socket);
    this.#reader = new FrameReader(this, expectPreface);
    this.#blocks = new HeaderBlocks(settings.maxHeaderListBytes);
    this.#bodies = new BodySender(this.output, this.peer, (stream) => this.#bodySent(stream));
    this.#chores = new FloodGuard(settings.clock, CHORE_BURST, CHORES_PER_SECOND);
    this.#receiveWindow = settings.connectionWindowBytes;
    socket.on("error", (error: Error) => {
      this.failure ??= error;
      // A TLS alert after the handshake (TLS 1.3: "certificate required") doesn't end the socket by itself.
      socket.destroy();
    });
    socket.on("end", () => this.#peerEnded());
    socket.on("close", () => this.#socketClosed());
  }

  /** Whether frames are still exchanged. */
  get open(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Takes what the socket read: `chunk[0, length)`, which may be overwritten afterwards. */
  receive(chunk: Buffer, length: number): void {
    this.bytesReceived += length;
    if (this.#state === "open") this.#reader.push(chunk, length);
  }

  /** Sends a PING. Returns whether it could; `acknowledged` is not called when the connection ends first. */
  ping(acknowledged: () => void): boolean {
    if (this.#state !== "open" || this.#pings.size >= MAX_PINGS) return false;
    const number = this.#nextPing++;
    this.#pings.set(number, acknowledged);
    this.output.frame(8, FrameType.PING, 0, 0);
    this.output.uint32(0);
    this.output.uint32(number);
    this.flushSoon();
    return true;
  }

  /** Ends a stream, if it hasn't ended yet. */
  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    if (stream.id !== 0) this.#sendReset(stream.id, code);
    this.close(stream, "reset", code);
  }

  /** Ends the connection at once. */
  destroy(reason?: Error): void {
    if (reason) this.failure ??= reason;
    this.socket.destroy();
  }

  /** Ends the connection with a GOAWAY that says why; its streams are lost. */
  fail(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.failure ??= new Error(reason);
    this.#reader.stop();
    this.sendGoaway(code, this.lastPeerStream, reason);
    this.#end();
    this.#lingerOn();
  }

  // What the roles do.

  /** A header block is complete. */
  protected abstract headers(block: HeaderBlock): void;
  /** The peer has said all before we have. */
  protected abstract remoteEndedFirst(stream: Stream): void;
  /** We have said all before the peer has. */
  protected abstract localEndedFirst(stream: Stream): void;
  /** The peer gave up a stream, or made us reset it. */
  protected abstract countReset(): void;
  protected abstract streamClosed(stream: Stream): void;
  protected abstract settingsReceived(first: boolean): void;
  protected abstract settingsAcknowledged(): void;
  protected abstract pinged(): void;
  protected abstract goaway(code: number, lastStream: number, words: string): void;
  protected abstract connectionClosed(): void;
  /** Whether a stream of that number was never begun. */
  protected abstract isIdle(id: number): boolean;

  // For the roles.

  /** Sends SETTINGS, and what the connection's window is above its default. */
  protected announce(entries: readonly (readonly [number, number])[]): void {
    const all = [
      [Setting.INITIAL_WINDOW_SIZE, this.settings.streamWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, this.settings.maxHeaderListBytes],
      ...entries,
    ] as const;
    this.output.frame(all.length * 6, FrameType.SETTINGS, 0, 0);
    for (const [name, value] of all) {
      this.output.uint16(name);
      this.output.uint32(value);
    }
    const more = this.settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) this.#sendWindowUpdate(0, more);
    this.flushSoon();
  }

  protected sendHeaders(stream: Stream, block: Uint8Array, last: boolean): void {
    const limit = this.peer.maxFrameBytes;
    const endStream = last ? Flag.END_STREAM : 0;
    if (block.length <= limit) {
      this.output.frame(block.length, FrameType.HEADERS, Flag.END_HEADERS | endStream, stream.id);
      this.output.bytes(block);
    } else {
      for (let at = 0; at < block.length; at += limit) {
        const end = Math.min(block.length, at + limit);
        const endHeaders = end === block.length ? Flag.END_HEADERS : 0;
        if (at === 0) this.output.frame(limit, FrameType.HEADERS, endStream, stream.id);
        else this.output.frame(end - at, FrameType.CONTINUATION, endHeaders, stream.id);
        this.output.bytes(block, at, end);
      }
    }
    this.flushSoon();
    if (last) this.#localEnded(stream);
  }

  /**
   * Sends a body of at least one byte, as windows allow, and ends our side. It is read until the receiver's
   * `onReleased`. `trailers` is a header block.
   */
  protected sendBody(stream: Stream, body: Uint8Array, trailers?: Uint8Array): void {
    stream.body = body;
    stream.trailers = trailers;
    this.#wantsToSend(stream);
  }

  /** As `sendBody`, for a part of what is sent: nothing ends with it. One at a time, until the receiver's `onReleased`. */
  protected sendPart(stream: Stream, part: Uint8Array): void {
    stream.inParts = true;
    stream.body = part;
    stream.bodyAt = 0;
    this.#wantsToSend(stream);
  }

  protected sendReset(id: number, code: number): void {
    this.#sendReset(id, code);
  }

  protected sendGoaway(code: number, lastStream: number, words: string): void {
    const debug = Buffer.from(words, "utf8");
    this.output.frame(8 + debug.length, FrameType.GOAWAY, 0, 0);
    this.output.uint32(lastStream);
    this.output.uint32(code);
    this.output.bytes(debug);
    this.flushSoon();
  }

  /** Ends the connection once everything is sent. Streams that are left are lost. */
  protected finish(): void {
    if (this.#state === "open") this.#end();
  }

  /** The stream is over: tells its receiver, and forgets it. */
  protected close(stream: Stream, how: StreamEnd, code: number): void {
    if (stream.closed) return;
    stream.closed = true;
    this.streams.delete(stream.id);
    stream.receiver?.onClosed(how, code);
    if (!stream.writing) releaseBody(stream);
    this.streamClosed(stream);
  }

  /** The peer has said all. */
  protected remoteEnded(stream: Stream): void {
    stream.remoteEnded = true;
    stream.receiver?.onEnd();
    if (stream.closed) return;
    if (stream.localEnded) this.close(stream, "complete", 0);
    else this.remoteEndedFirst(stream);
  }

  /** A stream error of the peer's doing: resets, and counts against it. */
  protected streamError(stream: Stream, code: number): void {
    this.reset(stream, code);
    this.countReset();
  }

  /** Counts a frame that is of no use. Returns false where it was one too many, and the connection has ended. */
  protected chore(): boolean {
    if (this.#chores.take()) return true;
    this.fail(ErrorCode.ENHANCE_YOUR_CALM, "too many frames to no purpose");
    return false;
  }

  protected wasReset(id: number): boolean {
    return this.#resetByUs.has(id);
  }

  protected flushSoon(): void {
    if (this.output.busy && this.output.waitingBytes > MAX_WAITING_BYTES) {
      this.#reader.stop();
      return this.destroy(new Error("the peer doesn't read what it is sent"));
    }
    if (this.#flushAsked || this.output.busy || this.#state === "closed") return;
    this.#flushAsked = true;
    flushSoon(this);
  }

  // Frames in.

  unreadable(code: number, reason: string): void {
    this.fail(code, reason);
  }

  frameBegins(type: number, flags: number, id: number, length: number): boolean {
    const pending = this.#blocks.pendingStream;
    if (!this.#settingsSeen && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      this.fail(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS");
    } else if (pending !== 0 && (type !== FrameType.CONTINUATION || id !== pending)) {
      this.fail(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted");
    } else if (pending === 0 && type === FrameType.CONTINUATION) {
      this.fail(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing");
    } else if (type === FrameType.DATA) {
      this.#dataBegins(id, length);
    } else if (type > FrameType.CONTINUATION) {
      this.chore();
    }
    return this.open;
  }

  #dataBegins(id: number, length: number): void {
    this.#dataStream = undefined;
    this.#dataBytes = 0;
    if (id === 0 || this.isIdle(id)) return this.fail(ErrorCode.PROTOCOL_ERROR, "DATA on a stream that isn't open");
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) return this.fail(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is exceeded");
    // Content is copied or dropped as it comes: bounded by what calls may hold, not by the window.
    this.#consumedBytes += length;
    if (this.#consumedBytes * 2 >= this.settings.connectionWindowBytes) {
      this.#sendWindowUpdate(0, this.#consumedBytes);
      this.#receiveWindow += this.#consumedBytes;
      this.#consumedBytes = 0;
    }
    const stream = this.streams.get(id);
    if (!stream) {
      this.chore();
      if (this.#state === "open" && !this.#resetByUs.has(id)) this.#sendReset(id, ErrorCode.STREAM_CLOSED);
    } else if (stream.remoteEnded) {
      this.streamError(stream, ErrorCode.STREAM_CLOSED);
    } else if (!stream.headReceived) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
    } else if ((stream.receiveWindow -= length) < 0) {
      this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR);
    } else {
      this.#dataStream = stream;
    }
  }

  dataPiece(chunk: Buffer, start: number, end: number): void {
    this.#dataBytes += end - start;
    const stream = this.#dataStream;
    if (stream && !stream.closed) stream.receiver?.onData(chunk, start, end);
  }

  dataEnds(flags: number): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    const last = (flags & Flag.END_STREAM) !== 0;
    if (this.#dataBytes > 0) this.#chores.earn(1);
    else if (!last) this.chore();
    if (this.#state !== "open" || !stream || stream.closed) return;
    if (last) {
      this.remoteEnded(stream);
      return;
    }
    const { streamWindowBytes } = this.settings;
    if (stream.receiveWindow * 2 > streamWindowBytes) return;
    this.#sendWindowUpdate(stream.id, streamWindowBytes - stream.receiveWindow);
    stream.receiveWindow = streamWindowBytes;
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.HEADERS && !this.chore()) return;
    switch (type) {
      case FrameType.HEADERS:
        if (id === 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "HEADERS of no stream");
        return this.#block(this.#blocks.headers(flags, id, bytes, start, end));
      case FrameType.CONTINUATION:
        return this.#block(this.#blocks.continuation(flags, bytes, start, end));
      case FrameType.RST_STREAM:
        return this.#resetFrame(id, bytes, start, end);
      case FrameType.SETTINGS:
        return this.#settingsFrame(flags, id, bytes, start, end);
      case FrameType.PING:
        return this.#pingFrame(flags, id, bytes, start, end);
      case FrameType.GOAWAY:
        return this.#goawayFrame(id, bytes, start, end);
      case FrameType.WINDOW_UPDATE:
        return this.#windowUpdateFrame(id, bytes, start, end);
      case FrameType.PUSH_PROMISE:
        return this.fail(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE is not allowed here");
      case FrameType.PRIORITY:
        // Deprecated and ignored (§5.3.2).
        if (id === 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "PRIORITY of no stream");
        if (end - start !== 5) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not five bytes");
        return;
    }
  }

  #block(block: HeaderBlock | HeaderFailure | undefined): void {
    if (block === undefined) return;
    if (block.kind === "failure") return this.fail(block.code, block.reason);
    this.#chores.earn(CHORES_PER_MESSAGE);
    this.headers(block);
  }

  #resetFrame(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not four bytes");
    if (id === 0 || this.isIdle(id)) return this.fail(ErrorCode.PROTOCOL_ERROR, "RST_STREAM of no stream");
    const stream = this.streams.get(id);
    if (!stream) return;
    this.close(stream, "reset", bytes.readUInt32BE(start));
    this.countReset();
  }

  #settingsFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream");
    if ((flags & Flag.ACK) !== 0) {
      if (end > start) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "acknowledgment with settings");
      return this.settingsAcknowledged();
    }
    const before = this.peer.initialWindowBytes;
    const problem = this.peer.apply(bytes, start, end);
    if (problem) return this.fail(problem.code, problem.reason);
    const change = this.peer.initialWindowBytes - before;
    if (change !== 0) {
      for (const stream of this.streams.values()) if (!this.#widen(stream, change)) return;
    }
    this.output.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
    this.flushSoon();
    const first = !this.#settingsSeen;
    this.#settingsSeen = true;
    this.settingsReceived(first);
  }

  #pingFrame(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "PING of a stream");
    if (end - start !== 8) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "PING is not eight bytes");
    if ((flags & Flag.ACK) === 0) {
      this.output.frame(8, FrameType.PING, Flag.ACK, 0);
      this.output.bytes(bytes, start, end);
      this.flushSoon();
      this.pinged();
      return;
    }
    const number = bytes.readUInt32BE(start) === 0 ? bytes.readUInt32BE(start + 4) : 0;
    const acknowledged = this.#pings.get(number);
    this.#pings.delete(number);
    acknowledged?.();
  }

  #goawayFrame(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "GOAWAY of a stream");
    if (end - start < 8) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is shorter than eight bytes");
    const lastStream = bytes.readUInt32BE(start) & MAX_STREAM_ID;
    const words = bytes.toString("utf8", start + 8, Math.min(end, start + 208));
    this.goaway(bytes.readUInt32BE(start + 4), lastStream, words);
  }

  #windowUpdateFrame(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) return this.fail(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not four bytes");
    const increment = bytes.readUInt32BE(start) & MAX_WINDOW_BYTES;
    if (id === 0) {
      if (increment === 0) return this.fail(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing");
      if (!this.#bodies.widen(increment)) return this.fail(ErrorCode.FLOW_CONTROL_ERROR, "window above 2^31-1");
      if (this.#bodies.ready) this.flushSoon();
      return;
    }
    if (this.isIdle(id)) return this.fail(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of an idle stream");
    const stream = this.streams.get(id);
    if (!stream) return;
    if (increment === 0) return this.streamError(stream, ErrorCode.PROTOCOL_ERROR);
    if (stream.sendWindow + increment > MAX_WINDOW_BYTES) {
      return this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR);
    }
    this.#widen(stream, increment);
  }

  /** Changes what may be sent on a stream. Returns false after a connection error. */
  #widen(stream: Stream, by: number): boolean {
    stream.sendWindow += by;
    if (stream.sendWindow > MAX_WINDOW_BYTES) {
      this.fail(ErrorCode.FLOW_CONTROL_ERROR, "window above 2^31-1");
      return false;
    }
    if (stream.body !== undefined && !stream.localEnded) this.#wantsToSend(stream);
    return true;
  }

  // Frames out.

  #sendReset(id: number, code: number): void {
    if (this.#state !== "open") return;
    this.output.frame(4, FrameType.RST_STREAM, 0, id);
    this.output.uint32(code);
    this.flushSoon();
    if (this.#resetByUs.size >= MAX_REMEMBERED_RESETS) {
      for (const oldest of this.#resetByUs) {
        this.#resetByUs.delete(oldest);
        break;
      }
    }
    this.#resetByUs.add(id);
  }

  #sendWindowUpdate(id: number, by: number): void {
    this.output.frame(4, FrameType.WINDOW_UPDATE, 0, id);
    this.output.uint32(by);
    this.flushSoon();
  }

  #wantsToSend(stream: Stream): void {
    this.#bodies.add(stream);
    if (this.#bodies.ready) this.flushSoon();
  }

  #bodySent(stream: Stream): void {
    if (stream.trailers === undefined) this.#localEnded(stream);
    else this.sendHeaders(stream, stream.trailers, true);
  }

  #localEnded(stream: Stream): void {
    stream.localEnded = true;
    if (stream.closed) return;
    if (stream.remoteEnded) this.close(stream, "complete", 0);
    else this.localEndedFirst(stream);
  }

  /** @internal Gives what has gathered to the socket. Called once a turn, and when a write is over. */
  flush(): void {
    // What is added meanwhile leaves with the rest.
    this.#flushAsked = true;
    if (this.#state === "open" && !this.output.busy) this.#chores.earn(this.#bodies.pump() * CHORES_PER_DATA);
    this.#flushAsked = false;
    if (this.#state === "closed" || this.output.busy) return;
    if (this.output.waitingBytes > 0) this.output.send(this.#written);
    else if (this.#endAsked) this.#endSocket();
  }

  #endSocket(): void {
    this.#endAsked = false;
    this.socket.end();
    this.#lingerOn();
  }

  /** Goes on reading and dropping: a socket that is closed with unread bytes takes back what it sent last. */
  #lingerOn(): void {
    this.#linger ??= this.settings.clock.timer(LINGER_MS, () => this.socket.destroy());
  }

  #afterWrite(error: Error | null | undefined): void {
    if (error || this.#state === "closed") return;
    this.output.written();
    this.#bodies.written();
    if (this.output.waitingBytes > 0 || this.#bodies.ready || this.#endAsked) this.flush();
  }

  // The end.

  /** The peer sends nothing more: nobody waits for replies that way in gRPC. */
  #peerEnded(): void {
    if (this.#state !== "open") return;
    this.sendGoaway(ErrorCode.NO_ERROR, this.lastPeerStream, "");
    this.#end();
  }

  #end(): void {
    this.#state = "ending";
    this.#endAsked = true;
    this.#loseStreams();
    if (!this.output.busy && !this.#flushAsked) {
      this.#flushAsked = true;
      flushSoon(this);
    }
  }

  #loseStreams(): void {
    for (const stream of this.streams.values()) this.close(stream, "lost", 0);
    this.#blocks.clear();
    this.#bodies.clear();
    this.#dataStream = undefined;
  }

  #socketClosed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#linger?.cancel();
    this.#reader.stop();
    this.#loseStreams();
    this.#bodies.written();
    this.output.discard();
    this.#pings.clear();
    this.connectionClosed();
  }
}
