import type { Output } from "./output.ts";
import type { PeerSettings } from "./peer-settings.ts";
import { DEFAULT_WINDOW_BYTES, Flag, FrameType, MAX_WINDOW_BYTES } from "./protocol.ts";
import type { Stream } from "./stream.ts";

/** Content of DATA frames in one write. */
const WRITE_BUDGET_BYTES = 1 << 20;
/** Content that is copied behind its frame header rather than given to the socket as a piece of its own. */
const COPY_BYTES = 2048;

/**
 * Turns bodies into DATA frames as far as the peer's windows go, first come first served. Bodies are pointed to, not
 * copied: a stream's is released when the kernel has all of it, or the stream is closed and no write holds it.
 */
export class BodySender {
  readonly #output: Output;
  readonly #peer: PeerSettings;
  readonly #sent: (stream: Stream) => void;
  #window = DEFAULT_WINDOW_BYTES;
  /** Streams with something to send. Those without window wait outside. */
  #queue: Stream[] = [];
  #writing: Stream[] = [];

  /** @param sent called when a body's last frame is in the output, which ended our side unless there are trailers */
  constructor(output: Output, peer: PeerSettings, sent: (stream: Stream) => void) {
    this.#output = output;
    this.#peer = peer;
    this.#sent = sent;
  }

  /** Whether there is something that could be sent now. */
  get ready(): boolean {
    return this.#queue.length > 0 && this.#window > 0;
  }

  /** The stream has a body, or its window has become larger. */
  add(stream: Stream): void {
    if (stream.queued || stream.sendWindow <= 0) return;
    stream.queued = true;
    this.#queue.push(stream);
  }

  /** Widens the connection's window. Returns false where it is larger than it may be. */
  widen(by: number): boolean {
    this.#window += by;
    return this.#window <= MAX_WINDOW_BYTES;
  }

  /** Adds DATA frames to the output, for one write. Returns how many. */
  pump(): number {
    let frames = 0;
    let budget = WRITE_BUDGET_BYTES;
    while (budget > 0 && this.ready) {
      const stream = this.#queue[0]!;
      let body: Uint8Array | undefined;
      while ((body = unsent(stream)) !== undefined) {
        const bytes = Math.min(budget, stream.sendWindow, this.#window);
        if (bytes <= 0) break;
        budget -= this.#frame(stream, body, bytes);
        frames++;
      }
      // The connection's window or the budget is used up.
      if (body !== undefined && stream.sendWindow > 0) break;
      this.#queue.shift();
      stream.queued = false;
    }
    return frames;
  }

  /** Adds one frame of at most so many bytes. Returns how many there were. */
  #frame(stream: Stream, body: Uint8Array, bytes: number): number {
    const length = Math.min(bytes, this.#peer.maxFrameBytes, body.length - stream.bodyAt);
    const end = stream.bodyAt + length;
    const last = end === body.length;
    const flags = last && !stream.inParts && stream.trailers === undefined ? Flag.END_STREAM : 0;
    this.#output.frame(length, FrameType.DATA, flags, stream.id);
    if (length <= COPY_BYTES) {
      this.#output.bytes(body, stream.bodyAt, end);
    } else {
      this.#output.view(body, stream.bodyAt, end);
      if (!stream.writing) this.#writing.push(stream);
      stream.writing = true;
    }
    stream.bodyAt = end;
    stream.sendWindow -= length;
    this.#window -= length;
    if (last) {
      if (!stream.writing) releaseBody(stream);
      if (!stream.inParts) this.#sent(stream);
    }
    return length;
  }

  /** The write that held what `pump` added is over, or will never be. */
  written(): void {
    if (this.#writing.length === 0) return;
    const written = this.#writing;
    this.#writing = [];
    for (const stream of written) {
      stream.writing = false;
      if (stream.closed || stream.bodyAt === stream.body?.length) releaseBody(stream);
    }
  }

  /** Nothing more is sent. */
  clear(): void {
    this.#queue = [];
  }
}

/** The body of which something is still to be sent. */
function unsent({ closed, localEnded, body, bodyAt }: Stream): Uint8Array | undefined {
  return closed || localEnded || body === undefined || bodyAt === body.length ? undefined : body;
}

/** Tells the stream's owner, once, that its body isn't read any more. */
export function releaseBody(stream: Stream): void {
  if (stream.body === undefined) return;
  stream.body = undefined;
  stream.receiver?.onReleased();
}
