import { DEFAULT_FRAME_BYTES, ErrorCode, FRAME_HEADER_BYTES, Flag, FrameType, PREFACE } from "./protocol.ts";

/** What frames are told to. Any of these may call `FrameReader.stop`. */
export interface FrameSink {
  /** A frame begins; `length` is its payload's. Returns false to stop. */
  frameBegins(type: number, flags: number, streamId: number, length: number): boolean;
  /** Part of a DATA frame's content, padding left out: `chunk[start, end)`, valid during the call. */
  dataPiece(chunk: Buffer, start: number, end: number): void;
  /** A DATA frame is complete. */
  dataEnds(flags: number): void;
  /** Any other frame that is known here, complete: its payload is `bytes[start, end)`, valid during the call. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** The bytes are no HTTP/2: connection error with that code. */
  unreadable(code: number, reason: string): void;
}

type State = "preface" | "header" | "payload" | "pad length" | "data" | "padding" | "skip" | "stopped";

/**
 * Cuts what a connection sends into frames, wherever its chunks are cut. DATA is handed on as it comes; other frames are
 * taken from the chunk that holds them, or put together in a buffer of their size (at most 16 KiB).
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #state: State;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #prefaceBytes = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Payload bytes that have not come yet, without padding where that is known. */
  #left = 0;
  #padding = 0;
  #collected: Buffer | undefined;
  #collectedBytes = 0;

  /** @param expectPreface whether the peer is a client */
  constructor(sink: FrameSink, expectPreface: boolean) {
    this.#sink = sink;
    this.#state = expectPreface ? "preface" : "header";
  }

  /** Ignores everything from here on, the rest of the chunk too. */
  stop(): void {
    this.#state = "stopped";
    this.#collected = undefined;
  }

  /** Takes `chunk[0, limit)`. */
  push(chunk: Buffer, limit: number): void {
    let at = 0;
    while (at < limit) {
      switch (this.#state) {
        case "preface":
          at = this.#preface(chunk, at, limit);
          break;
        case "header":
          at = this.#frameHeader(chunk, at, limit);
          break;
        case "payload":
          at = this.#payload(chunk, at, limit);
          break;
        case "pad length":
          this.#padding = chunk[at++]!;
          this.#left -= 1 + this.#padding;
          if (this.#left < 0) this.#fail(ErrorCode.PROTOCOL_ERROR, "more padding than frame");
          else this.#state = "data";
          this.#dataIsOver();
          break;
        case "data": {
          const end = Math.min(limit, at + this.#left);
          this.#left -= end - at;
          this.#sink.dataPiece(chunk, at, end);
          at = end;
          this.#dataIsOver();
          break;
        }
        case "padding":
        case "skip": {
          const end = Math.min(limit, at + this.#left);
          this.#left -= end - at;
          at = end;
          if (this.#left > 0) break;
          if (this.#state === "padding") this.#sink.dataEnds(this.#flags);
          this.#next();
          break;
        }
        case "stopped":
          return;
      }
    }
  }

  #fail(code: number, reason: string): void {
    this.stop();
    this.#sink.unreadable(code, reason);
  }

  #preface(chunk: Buffer, from: number, limit: number): number {
    let at = from;
    while (at < limit && this.#prefaceBytes < PREFACE.length) {
      if (chunk[at++] !== PREFACE[this.#prefaceBytes++]) {
        this.#fail(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 client");
        return at;
      }
    }
    if (this.#prefaceBytes === PREFACE.length) this.#state = "header";
    return at;
  }

  #frameHeader(chunk: Buffer, from: number, limit: number): number {
    if (this.#headerBytes === 0 && limit - from >= FRAME_HEADER_BYTES) {
      this.#begin(chunk, from);
      return from + FRAME_HEADER_BYTES;
    }
    let at = from;
    while (at < limit && this.#headerBytes < FRAME_HEADER_BYTES) this.#header[this.#headerBytes++] = chunk[at++]!;
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header, 0);
    }
    return at;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    // The first bit is reserved and to be ignored.
    this.#streamId = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.#left = length;
    if (length > DEFAULT_FRAME_BYTES) {
      return this.#fail(ErrorCode.FRAME_SIZE_ERROR, `frame of ${length} bytes; ${DEFAULT_FRAME_BYTES} are allowed`);
    }
    if (!this.#sink.frameBegins(this.#type, this.#flags, this.#streamId, length)) return this.stop();
    if (this.#type === FrameType.DATA) {
      this.#padding = 0;
      if ((this.#flags & Flag.PADDED) === 0) {
        this.#state = "data";
        this.#dataIsOver();
      } else if (length === 0) {
        this.#fail(ErrorCode.FRAME_SIZE_ERROR, "padded frame without a pad length");
      } else {
        this.#state = "pad length";
      }
      return;
    }
    if (this.#type > FrameType.CONTINUATION) {
      if (length > 0) this.#state = "skip";
      return;
    }
    if (length === 0) this.#complete(bytes, 0, 0);
    else this.#state = "payload";
  }

  #dataIsOver(): void {
    if (this.#state !== "data" || this.#left > 0) return;
    if (this.#padding > 0) {
      this.#left = this.#padding;
      this.#state = "padding";
      return;
    }
    this.#sink.dataEnds(this.#flags);
    this.#next();
  }

  #payload(chunk: Buffer, from: number, limit: number): number {
    const end = Math.min(limit, from + this.#left);
    if (this.#collected === undefined && end - from === this.#left) {
      this.#complete(chunk, from, end);
      return end;
    }
    this.#collected ??= Buffer.allocUnsafe(this.#left);
    chunk.copy(this.#collected, this.#collectedBytes, from, end);
    this.#collectedBytes += end - from;
    this.#left -= end - from;
    if (this.#left === 0) {
      const whole = this.#collected;
      this.#collected = undefined;
      this.#collectedBytes = 0;
      this.#complete(whole, 0, whole.length);
    }
    return end;
  }

  #complete(bytes: Buffer, start: number, end: number): void {
    this.#next();
    this.#sink.frame(this.#type, this.#flags, this.#streamId, bytes, start, end);
  }

  #next(): void {
    if (this.#state !== "stopped") this.#state = "header";
  }
}
